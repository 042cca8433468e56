//! The generated summary: a table for each cell, and the one that the README shows.

use std::fmt::Write;

use serde_json::Value;

use super::cell::Load;
use super::figures::Standing;

const ON_A_CORE: &str = "Each server runs on one core with one thread, the load generator on another.";
const ON_ALL: &str =
    "Each server runs on all cores, and the load generator on the same: what one takes, the other lacks.";

/// Within this of the best is level with it.
const LEVEL: f64 = 1.02;

/// What a summary is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Title {
    Peers,
    AllCores,
    Tuned,
}

/// What was measured, on what, and how to read it.
pub(crate) fn head(title: Title, context: &Value) -> String {
    let (title, setting) = match title {
        Title::Peers => ("Ringwire beside its peers", ON_A_CORE),
        Title::Tuned => ("Ringwire under tuning profiles", ON_A_CORE),
        Title::AllCores => ("Ringwire beside its peers, on all cores", ON_ALL),
    };
    let mut text = format!("# {title}\n\n| | |\n|---|---|\n");
    for (name, value) in context.as_object().into_iter().flatten() {
        if let Some(value) = value.as_str() {
            let _ = writeln!(text, "| {name} | {} |", value.replace('|', "\\|"));
        }
    }
    text + "\n"
        + setting
        + " \
        Figures are medians over the rounds; × Ringwire is the median \
        of the ratios within each round, with the least and the greatest. CPU is that of the server's process, the kernel's work for it included. \
        Latency is from the planned time in open loops and fan-outs, and of one round trip in closed loops, where it says how many were under \
        way rather than how fast the server is. Where the generator was the limit, the rate is its own, and CPU per message still the server's.\n\n"
}

/// One cell's table, as Markdown.
pub(crate) fn table(load: Load, standings: &[Standing]) -> String {
    let unit = load.unit();
    let mut text = format!("### {load}\n\n");
    let is_idle = matches!(load, Load::Idle { .. });
    if is_idle {
        text += "| server | memory per connection | peak | |\n|---|---:|---:|---|\n";
    } else {
        let _ = writeln!(
            text,
            "| server | CPU per {unit} | × Ringwire (spread) | per second | p50 | p99 | p99.9 | peak memory | |"
        );
        text += "|---|---:|---:|---:|---:|---:|---:|---:|---|\n";
    }
    for standing in standings {
        text += &if is_idle { idle_row(standing) } else { row(standing) };
    }
    text + "\n"
}

fn idle_row(standing: &Standing) -> String {
    let middle = &standing.middle;
    let bytes = |value: Option<f64>| value.map_or_else(dash, print_bytes);
    let (each, peak) = (bytes(middle.bytes_per_connection), bytes(middle.rss_peak));
    format!("| {} | {each} | {peak} | {} |\n", standing.contender, doubts(standing))
}

fn row(standing: &Standing) -> String {
    let middle = &standing.middle;
    let time = |value: Option<f64>| value.map_or_else(dash, print_time);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        standing.contender,
        time(middle.cpu_ns),
        print_ratio(standing.ratio),
        middle.per_second.map_or_else(dash, |rate| format!("{rate:.0}")),
        time(middle.p50),
        time(middle.p99),
        time(middle.p999),
        middle.rss_peak.map_or_else(dash, print_bytes),
        doubts(standing),
    )
}

/// What there is to know about a row.
fn doubts(standing: &Standing) -> String {
    let Standing { rounds, dropped, starved, failure, middle, .. } = standing;
    let late = middle.reach.filter(|reach| *reach < 0.999);
    let all = [
        failure
            .as_ref()
            .map(|reason| format!("failed: {}", reason.lines().next().unwrap_or_default().replace('|', "\\|"))),
        (*starved > 0).then(|| format!("generator the limit in {starved} of {rounds}")),
        late.map(|reach| format!("{:.1} % came in time", reach * 100.0)),
        (*dropped > 0).then(|| format!("{dropped} of {rounds} dropped: the machine changed its speed")),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The README's table: in each cell Ringwire beside the best of the others.
pub(crate) fn overview(cells: &[(Load, Vec<Standing>)], first: &str) -> String {
    let mut text = String::from("| load | Ringwire | best peer | × Ringwire | |\n|---|---:|---:|---:|---|\n");
    for (load, standings) in cells {
        let own = standings.iter().find(|standing| standing.contender == first);
        let best = standings.iter().find(|standing| standing.contender != first && standing.failure.is_none());
        if let (Some(own), Some(best)) = (own, best) {
            text += &overview_row(*load, own, best);
        }
    }
    text
}

fn overview_row(load: Load, own: &Standing, best: &Standing) -> String {
    let is_idle = matches!(load, Load::Idle { .. });
    let figure = |standing: &Standing| match is_idle {
        true => standing.middle.bytes_per_connection.map_or_else(dash, print_bytes),
        false => standing.middle.cpu_ns.map_or_else(dash, print_time),
    };
    let ratio = match is_idle {
        true => best.middle.bytes_per_connection.zip(own.middle.bytes_per_connection).map(|(best, own)| best / own),
        false => best.ratio.map(|ratio| ratio[0]),
    };
    let verdict = match ratio {
        Some(ratio) if ratio >= LEVEL => "ahead",
        Some(ratio) if ratio >= 1.0 / LEVEL => "level",
        Some(_) => "**behind**",
        None => "not known",
    };
    let ratio = ratio.map_or_else(dash, |ratio| format!("{ratio:.2}"));
    let what = if is_idle { "memory per connection".to_owned() } else { format!("CPU per {}", load.unit()) };
    format!("| {load}, {what} | {} | {} {} | {ratio} | {verdict} |\n", figure(own), best.contender, figure(best))
}

fn dash() -> String {
    "–".to_owned()
}

fn print_ratio(ratio: Option<[f64; 3]>) -> String {
    ratio.map_or_else(dash, |[middle, least, most]| format!("{middle:.2} ({least:.2} to {most:.2})"))
}

/// Nanoseconds, with the unit that suits.
fn print_time(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{:.2} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{:.2} ms", ns / 1e6),
        ns if ns >= 1e3 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{ns:.0} ns"),
    }
}

fn print_bytes(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= 10.0 * 1024.0 * 1024.0 => format!("{:.0} MiB", bytes / 1024.0 / 1024.0),
        bytes if bytes >= 10.0 * 1024.0 => format!("{:.0} KiB", bytes / 1024.0),
        bytes => format!("{bytes:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cell::CAPACITY;
    use crate::bench::figures::Middle;

    fn standing(contender: &str, ratio: f64) -> Standing {
        Standing {
            contender: contender.to_owned(),
            rounds: 5,
            dropped: 0,
            middle: Middle { cpu_ns: Some(4000.0 * ratio), reach: Some(1.0), ..Middle::default() },
            ratio: Some([ratio, ratio - 0.1, ratio + 0.1]),
            starved: 0,
            failure: None,
        }
    }

    #[test]
    fn the_best_peer_decides_the_verdict() {
        let overview = |ratio| {
            let best = Standing { failure: Some("it crashed".to_owned()), ..standing("broken", 0.1) };
            let cell = vec![best, standing("fast", ratio), standing("ringwire", 1.0), standing("slow", 9.0)];
            overview(&[(CAPACITY, cell)], "ringwire")
        };
        for (ratio, verdict) in [(1.5, "1.50 | ahead"), (1.01, "level"), (0.99, "level"), (0.9, "0.90 | **behind**")] {
            assert!(overview(ratio).contains(verdict) && overview(ratio).contains("| fast "), "{}", overview(ratio));
        }
    }

    #[test]
    fn doubts_stand_beside_the_figures() {
        let doubtful =
            Standing { starved: 2, dropped: 1, failure: Some("no | port\nlong".to_owned()), ..standing("a", 1.0) };
        let table = table(CAPACITY, &[doubtful]);
        assert!(table.contains("failed: no \\| port; generator the limit in 2 of 5; 1 of 5 dropped"), "{table}");
    }

    #[test]
    fn units_suit() {
        assert_eq!([950.0, 1500.0, 2.5e6, 3e9].map(print_time), ["950 ns", "1.50 µs", "2.50 ms", "3.00 s"]);
        assert_eq!([213.0, 20480.0, 3e8].map(print_bytes), ["213 B", "20 KiB", "286 MiB"]);
    }
}
