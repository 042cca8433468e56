//! Hardware counters of the server during the measured window, by `perf stat`, where the machine has them.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::child::{self, Guard};
use crate::sys;

const EVENTS: &str = "instructions:u,instructions:k,cycles";
const STOP_MAX: Duration = Duration::from_secs(10);

/// Instructions and cycles, of a window or per message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Instructions {
    pub(crate) user: f64,
    pub(crate) kernel: f64,
    pub(crate) cycles: f64,
}

impl Instructions {
    pub(crate) fn per(self, messages: f64) -> Self {
        Self { user: self.user / messages, kernel: self.kernel / messages, cycles: self.cycles / messages }
    }
}

/// Whether counters can be read here.
pub(crate) struct Counters {
    available: bool,
}

impl Counters {
    /// Tries them once, and says so if there are none.
    pub(crate) fn probe() -> Self {
        let trial = Command::new("perf").args(["stat", "-x,", "-e", EVENTS, "true"]).stdin(Stdio::null()).output();
        let reason = match trial {
            Err(error) => Some(format!("perf cannot be run: {error}{}", child::hint("perf"))),
            Ok(output) if parse(&String::from_utf8_lossy(&output.stderr)).is_none() => {
                Some("this machine lends no hardware counters".to_owned())
            }
            Ok(_) => None,
        };
        if let Some(reason) = &reason {
            eprintln!("no instruction counts, CPU time alone: {reason}");
        }
        Self { available: reason.is_none() }
    }

    /// Begins to count in all threads of `pid`.
    pub(crate) fn attach(&self, pid: u32) -> Result<Option<Counting>> {
        if !self.available {
            return Ok(None);
        }
        Counting::begin(pid, EVENTS).map(Some)
    }
}

/// A `perf stat` that counts.
pub(crate) struct Counting {
    guard: Guard,
    report: ChildStderr,
    _answers: BufReader<ChildStdout>,
}

impl Counting {
    /// perf starts paused (`-D -1`), is told to count through its control pipe, and answers once it does.
    fn begin(pid: u32, events: &str) -> Result<Self> {
        let mut command = Command::new("perf");
        command.args(["stat", "-x,", "-D", "-1", "--control", "fd:0,1", "-e", events, "-p", &pid.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut guard = Guard::spawn(&mut command, None)?;
        let pipes = guard.child();
        let mut control = pipes.stdin.take().context("perf has no input")?;
        let mut answers = BufReader::new(pipes.stdout.take().context("perf has no output")?);
        let report = pipes.stderr.take().context("perf has no error output")?;
        control.write_all(b"enable\n")?;
        let mut answer = String::new();
        answers.read_line(&mut answer)?;
        ensure!(answer.trim_matches(['\n', '\0']) == "ack", "perf did not start to count: {answer:?}");
        // perf goes on when its control pipe is closed, and its answers have been read.
        Ok(Self { guard, report, _answers: answers })
    }

    pub(crate) fn finish(self) -> Result<Instructions> {
        let text = self.stop()?;
        parse(&text).with_context(|| format!("perf reported no counts: {text}"))
    }

    fn stop(mut self) -> Result<String> {
        sys::interrupt(self.guard.pid())?;
        self.guard.wait(STOP_MAX)?;
        let mut text = String::new();
        self.report.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// The lines of `perf stat -x,`: value, unit, event, … `None` unless all three were counted.
fn parse(text: &str) -> Option<Instructions> {
    let count = |event: &str| {
        let line = text.lines().find(|line| line.split(',').nth(2) == Some(event))?;
        line.split(',').next()?.parse::<f64>().ok()
    };
    Some(Instructions { user: count("instructions:u")?, kernel: count("instructions:k")?, cycles: count("cycles")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_report() {
        let text =
            "451000,,instructions:u,1000,100.00,,\n12250000,,instructions:k,1000,100.00,,\n999,,cycles,1,100.00,,\n";
        assert_eq!(parse(text), Some(Instructions { user: 451_000.0, kernel: 12_250_000.0, cycles: 999.0 }));
    }

    #[test]
    fn a_machine_without_counters_is_recognised() {
        let text = "<not supported>,,instructions:u,0,100.00,,\n<not supported>,,instructions:k,0,100.00,,\n";
        assert_eq!(parse(text), None);
    }

    /// The control pipe with an event that the kernel itself counts, so that it works on every machine with perf.
    #[test]
    fn perf_counts_between_enable_and_interrupt() {
        if !child::is_installed("perf") {
            return;
        }
        let text = Counting::begin(std::process::id(), "task-clock").unwrap().stop().unwrap();
        let line = text.lines().find(|line| line.contains("task-clock")).unwrap_or_default();
        let value = line.split(',').next().and_then(|value| value.parse::<f64>().ok());
        assert!(value.is_some_and(|value| value > 0.0), "{text}");
    }
}
