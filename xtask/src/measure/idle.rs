//! Process memory per idle connection: the server's resident memory before and after, divided by their number.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;

use super::drive::{Generator, Window};
use super::pairs::Workload;
use super::subject::Subject;
use super::{Common, report};
use crate::generator::{Opcode, Pattern};

/// How long the memory of a server may go on changing after the last connect.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Memory {
    rss: u64,
    pss: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Outcome {
    server: String,
    connections: usize,
    empty: Memory,
    connected: Memory,
    rss_per_connection: f64,
    pss_per_connection: f64,
}

pub(crate) fn main(common: &Common, connections: usize) -> Result<()> {
    let mut outcomes = Vec::new();
    for subject in super::subjects("echo", "fastwebsockets", common)? {
        outcomes.push(measure(&subject, common, connections)?);
    }
    let table: String = outcomes.iter().map(row).collect();
    print!("{table}");
    report::keep(
        common.out.as_deref(),
        "idle",
        "process memory by smaps_rollup",
        &table,
        json!({ "comparisons": outcomes }),
    )
}

fn row(outcome: &Outcome) -> String {
    format!(
        "{}: {} idle connections: {:.1} B RSS and {:.1} B PSS per connection (empty {} KiB, then {} KiB)\n",
        outcome.server,
        outcome.connections,
        outcome.rss_per_connection,
        outcome.pss_per_connection,
        outcome.empty.rss / 1024,
        outcome.connected.rss / 1024
    )
}

fn measure(subject: &Subject, common: &Common, connections: usize) -> Result<Outcome> {
    let workload = Workload { pattern: Pattern::Idle, connections, bytes: 0, depth: 1, opcode: Opcode::Binary };
    let server = subject.command.start(Some(common.server_core))?;
    let empty = settled(server.pid())?;
    let generator = Generator::start(&workload, subject, &server, Window::Seconds(0.0), common)?;
    let connected = settled(server.pid())?;
    generator.finish()?;
    server.stop()?;
    let each = |before: u64, after: u64| (after as f64 - before as f64) / connections as f64;
    Ok(Outcome {
        server: subject.name.clone(),
        connections,
        empty,
        connected,
        rss_per_connection: each(empty.rss, connected.rss),
        pss_per_connection: each(empty.pss, connected.pss),
    })
}

/// Reads until two readings agree.
fn settled(pid: u32) -> Result<Memory> {
    let deadline = Instant::now() + SETTLE_MAX;
    let mut last = read(pid)?;
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let now = read(pid)?;
        if now == last || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}

fn read(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse(&text).with_context(|| format!("no Rss and Pss in {path}"))
}

fn parse(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    };
    Some(Memory { rss: field("Rss:")?, pss: field("Pss:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_read() {
        let memory = read(std::process::id()).unwrap();
        assert!(memory.rss > 0 && memory.pss > 0 && memory.pss <= memory.rss);
    }

    #[test]
    fn fields_are_told_apart() {
        let text = "5-7 [rollup]\nRss:    1768 kB\nPss:     381 kB\nPss_Dirty:   112 kB\n";
        assert_eq!(parse(text), Some(Memory { rss: 1768 * 1024, pss: 381 * 1024 }));
    }
}
