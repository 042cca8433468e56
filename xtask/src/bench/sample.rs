//! What one run came to: the figures of the load generator's JSON that are compared.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cell::Load;

/// One run's figures. Times are nanoseconds, sizes bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Server's CPU time for one message, delivery or connection.
    pub(crate) cpu_ns: f64,
    /// Messages, deliveries or connections in a second.
    pub(crate) per_second: f64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    /// Server's memory for each connection, over what it had before.
    pub(crate) bytes_per_connection: Option<f64>,
    pub(crate) rss_peak: u64,
    /// User-space instructions for each message, where the machine counts them.
    pub(crate) user_instructions: Option<f64>,
    /// Share of what was expected that came within the window.
    pub(crate) reach: f64,
    /// Share of one core.
    pub(crate) server_busy: f64,
    /// The generator says that it was itself the limit: then the rate is not the server's.
    pub(crate) is_starved: bool,
}

impl Sample {
    /// From the report of one command with one group.
    pub(crate) fn read(report: &Value, load: Load) -> Result<Self> {
        let group = report.pointer("/groups/0").context("the report has no group")?;
        check(group)?;
        let server = report.get("server").context("the report has no server")?;
        let count =
            number(group, "/received").filter(|count| *count > 0.0).or_else(|| number(group, "/connections/opened"));
        let count = count.filter(|count| *count > 0.0).context("nothing came back")?;
        let seconds = number(group, "/seconds").context("no length of the window")?;
        let latencies = latencies(group, load)?;
        let at = |quantile: &str| latencies.get(quantile).and_then(Value::as_u64).context("no latency");
        Ok(Self {
            cpu_ns: number(server, "/cpu_seconds").context("no CPU time")? * 1e9 / count,
            per_second: count / seconds,
            p50: at("p50")?,
            p99: at("p99")?,
            p999: at("p999")?,
            bytes_per_connection: matches!(load, Load::Idle { .. })
                .then(|| number(server, "/bytes_per_connection"))
                .flatten(),
            rss_peak: number(server, "/rss_peak").context("no memory")? as u64,
            user_instructions: number(server, "/instructions/user").map(|all| all / count),
            reach: number(group, "/expected").filter(|all| *all > 0.0).map_or(1.0, |all| count / all),
            server_busy: number(server, "/busiest_thread").context("no busiest thread")?,
            is_starved: is_starved(report),
        })
    }
}

/// What is wrong counts as a failure of the server; what only came too late does not.
fn check(group: &Value) -> Result<()> {
    let checks = group.get("checks").context("the report has no checks")?;
    for name in ["duplicate", "out_of_order", "corrupt"] {
        let count = number(checks, &format!("/{name}")).unwrap_or(0.0);
        ensure!(count == 0.0, "{count} messages were {}", name.replace('_', " "));
    }
    let lost = number(group, "/connections/lost").unwrap_or(0.0);
    ensure!(lost == 0.0, "{lost} connections were lost");
    let [wanted, opened] = ["wanted", "opened"].map(|name| number(group, &format!("/connections/{name}")));
    ensure!(opened >= wanted, "{opened:?} connections of {wanted:?} were opened");
    Ok(())
}

/// From the planned time where there is a plan.
fn latencies(group: &Value, load: Load) -> Result<&Value> {
    let names: &[&str] = match load {
        Load::Connect { .. } => &["handshake"],
        Load::Fanout { .. } => &["delivery"],
        Load::Open { .. } => &["response"],
        Load::Echo { .. } | Load::Idle { .. } => &["service"],
    };
    let latencies = group.get("latencies").context("the report has no latencies")?;
    names.iter().find_map(|name| latencies.get(name)).with_context(|| format!("the report times no {}", names[0]))
}

fn is_starved(report: &Value) -> bool {
    let reasons = report.get("invalid").and_then(Value::as_array);
    reasons.into_iter().flatten().any(|reason| reason["reason"] == "generator_saturated")
}

fn number(value: &Value, pointer: &str) -> Option<f64> {
    value.pointer(pointer).and_then(Value::as_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bench::cell::CAPACITY;

    fn report() -> Value {
        json!({
            "groups": [{
                "connections": { "wanted": 50, "opened": 50, "lost": 0 },
                "seconds": 2.0, "received": 1000, "expected": 1250,
                "checks": { "missing": 3, "duplicate": 0, "out_of_order": 0, "corrupt": 0 },
                "latencies": { "service": { "p50": 5, "p99": 6, "p999": 7 }, "response": { "p50": 1, "p99": 2, "p999": 3 } },
            }],
            "server": { "cpu_seconds": 0.5, "busiest_thread": 0.25, "rss_peak": 4096, "bytes_per_connection": 9.0 },
            "invalid": [{ "reason": "generator_saturated", "thread": "load-0", "cpu_share": 0.99 }],
        })
    }

    #[test]
    fn figures_are_per_message() {
        let sample = Sample::read(&report(), CAPACITY).unwrap();
        assert_eq!((sample.cpu_ns, sample.per_second, sample.reach), (500_000.0, 500.0, 0.8));
        assert_eq!((sample.p50, sample.p999, sample.bytes_per_connection), (5, 7, None));
        assert!(sample.is_starved);
    }

    #[test]
    fn what_is_wrong_is_an_error() {
        for (pointer, value, words) in [
            ("/groups/0/checks/corrupt", 2, "2 messages were corrupt"),
            ("/groups/0/connections/lost", 1, "1 connections were lost"),
            ("/groups/0/connections/opened", 49, "connections of"),
        ] {
            let mut report = report();
            *report.pointer_mut(pointer).unwrap() = value.into();
            let error = Sample::read(&report, CAPACITY).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
