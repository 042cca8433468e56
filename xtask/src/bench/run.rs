//! One run: a fresh server on its core and a fresh port, the load generator on another, and what it reports.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cell::{Load, OPEN_BYTES, OPEN_CONNECTIONS};
use super::contender::Contender;
use super::sample::Sample;
use crate::artifact;
use crate::child::Guard;
use crate::peers::Transport;
use crate::server::{Server, ServerCommand};

/// Connecting, the load, and the end of 10,000 connections.
const RUN_MAX: Duration = Duration::from_secs(120);

/// How long a slow peer may need to take 10,000 handshakes.
const CONNECT_TIMEOUT: &str = "--connect-timeout=60s";

/// Where and how long.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    /// The load generator's binary.
    pub(crate) load: PathBuf,
    /// Where servers and generator run, if they are not both on all cores.
    pub(crate) server_core: Option<usize>,
    pub(crate) generator_core: Option<usize>,
    /// Threads of the generator.
    pub(crate) threads: usize,
    /// Length of a measured window.
    pub(crate) seconds: f64,
}

impl Bench {
    /// `rate` is what a share of the capacity came to.
    pub(crate) fn run(&self, contender: &Contender, load: Load, rate: Option<u32>) -> Result<Sample> {
        let _tuned = contender.tune()?;
        let server = command_for(contender, load)?.start(self.server_core)?;
        let json = artifact::target().join("bench-run.json");
        let words = self.words(command(load, rate, contender.transport), load, &server, &json);
        let said = self.generate(&words)?;
        let text =
            std::fs::read_to_string(&json).with_context(|| format!("ringwire-load {}\n{said}", words.join(" ")))?;
        std::fs::remove_file(&json)?;
        let report: Value = serde_json::from_str(&text)?;
        drop(server);
        Sample::read(&report, load)
    }

    fn words(&self, mut words: Vec<String>, load: Load, server: &Server, json: &Path) -> Vec<String> {
        let seconds = load.seconds(self.seconds);
        words[1] = format!("ws://{}{}", server.address, words[1]);
        words.push(format!("--duration={}ms", (seconds * 1e3) as u64));
        if !matches!(load, Load::Idle { .. }) {
            words.push(format!("--warm-up={}ms", (seconds * 300.0) as u64));
        }
        words.push(format!("--threads={}", self.threads.min(load.connections())));
        words.push(format!("--server-pid={}", server.pid()));
        words.push(format!("--json={}", json.display()));
        // What is late is a figure here, not a reason to stop.
        words.extend(["--quiet", "--offer-lag-max=1h", "--errors-max=off", CONNECT_TIMEOUT].map(str::to_owned));
        words
    }

    /// A run that it calls invalid has a report too; `Sample` judges.
    fn generate(&self, words: &[String]) -> Result<String> {
        let mut command = Command::new(&self.load);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut guard = Guard::spawn(&mut command, self.generator_core)?;
        let mut errors = guard.child().stderr.take().context("it has an error output")?;
        let status = guard.wait(RUN_MAX)?;
        let mut said = String::new();
        std::io::Read::read_to_string(&mut errors, &mut said)?;
        match status.code() {
            Some(0 | 1 | 3) => Ok(said),
            _ => bail!("ringwire-load ended with {status}: {said}"),
        }
    }
}

/// Where memory is counted, allocators give none out in huge pages before it is used: an empty server has those already, and its
/// connections would seem to need nothing.
fn command_for(contender: &Contender, load: Load) -> Result<ServerCommand> {
    let command = contender.command(load.mode())?;
    Ok(match load {
        Load::Idle { .. } => command.under(&["env".to_owned(), "MIMALLOC_ALLOW_THP=0".to_owned()]),
        _ => command.clone(),
    })
}

/// The command, its path in place of the URL, and its options.
fn command(load: Load, rate: Option<u32>, transport: Transport) -> Vec<String> {
    let echo = |connections: u32, bytes: u64| {
        vec!["echo".to_owned(), "/".to_owned(), format!("--connections={connections}"), format!("--size={bytes}")]
    };
    match load {
        Load::Echo { bytes, connections, depth } => {
            [echo(connections, bytes), vec![format!("--depth={depth}")]].concat()
        }
        Load::Open { .. } => {
            let rate = rate.expect("the plan gives every open loop its rate");
            [echo(OPEN_CONNECTIONS, OPEN_BYTES), vec![format!("--rate={rate}")]].concat()
        }
        Load::Fanout { publishers, subscribers, rate } => vec![
            "fanout".to_owned(),
            "/room".to_owned(),
            format!("--transports={}", transport.name()),
            format!("--publishers={publishers}"),
            format!("--subscribers={subscribers}"),
            format!("--rate={rate}"),
        ],
        Load::Idle { connections } => vec!["idle".to_owned(), "/".to_owned(), format!("--connections={connections}")],
        Load::Connect { rate } => vec!["connect".to_owned(), "/".to_owned(), format!("--rate={rate}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cell::{self, Rate};

    #[test]
    fn every_load_has_a_command() {
        for load in cell::full() {
            let words = command(load, Some(7), Transport::Nats);
            assert!(words.len() >= 3 && words[1].starts_with('/'), "{load}: {words:?}");
            let is_open = matches!(load, Load::Open { rate: Rate::OfCapacity(_) });
            assert!(!is_open || words.contains(&"--rate=7".to_owned()), "{words:?}");
        }
    }
}
