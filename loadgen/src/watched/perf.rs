//! Instructions of all threads of a process during the window, by `perf stat`, where perf is there and the machine counts.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::report::Instructions;

const EVENTS: &str = "instructions:u,instructions:k";

/// A `perf stat` that counts. When it is dropped, it ends.
#[derive(Debug)]
pub(super) struct Counting {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Counting {
    /// Makes all ready to count in all threads of `pid`, which takes a while; else says why it cannot.
    pub(super) fn prepare(pid: u32) -> Result<Self, String> {
        probe()?;
        Self::attach(pid, EVENTS)
    }

    /// perf starts paused (`-D -1`), and is told what to do through its control pipe.
    fn attach(pid: u32, events: &str) -> Result<Self, String> {
        let mut command = Command::new("perf");
        command.args(["stat", "-x,", "-D", "-1", "--control", "fd:0,1", "-e", events, "-p", &pid.to_string()]);
        command.env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("perf cannot be run: {error}"))?;
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut counting = Self { child, answers };
        // What it is told while it is paused it answers too, once it has opened its counters.
        counting.command("disable")?;
        Ok(counting)
    }

    /// Begins to count, at once.
    pub(super) fn begin(mut self) -> Result<Self, String> {
        self.command("enable")?;
        Ok(self)
    }

    fn command(&mut self, command: &str) -> Result<(), String> {
        let control = self.child.stdin.as_mut().expect("it is piped");
        let asked = writeln!(control, "{command}").and_then(|()| {
            let mut answer = String::new();
            self.answers.read_line(&mut answer).map(|_| answer)
        });
        match asked {
            Ok(answer) if answer.trim_matches(['\n', '\0']) == "ack" => Ok(()),
            _ => Err(format!("perf did not start to count: {}", self.last_words())),
        }
    }

    /// Ends it, and returns what was counted.
    pub(super) fn finish(mut self) -> Result<Instructions, String> {
        let text = self.stop();
        parse(&text).ok_or_else(|| format!("perf counted nothing: {}", text.trim()))
    }

    /// Interrupted, perf prints its report and ends.
    fn stop(&mut self) -> String {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::INT);
        }
        let mut text = String::new();
        if let Some(report) = &mut self.child.stderr {
            let _ = report.read_to_string(&mut text);
        }
        text
    }

    fn last_words(&mut self) -> String {
        let text = self.stop();
        text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries once whether this machine counts.
fn probe() -> Result<(), String> {
    let trial = Command::new("perf").args(["stat", "-x,", "-e", EVENTS, "true"]).stdin(Stdio::null()).output();
    let output = trial.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "perf is not installed: apt-get install linux-perf".to_owned(),
        _ => format!("perf cannot be run: {error}"),
    })?;
    let text = String::from_utf8_lossy(&output.stderr);
    match parse(&text) {
        Some(_) => Ok(()),
        None if text.contains("perf_event_paranoid") => {
            Err("perf may not count: sysctl kernel.perf_event_paranoid=1, or run as root".to_owned())
        }
        None => Err("this machine lends no hardware counters".to_owned()),
    }
}

/// The lines of `perf stat -x,`: value, unit, event, … `None` unless both were counted.
fn parse(text: &str) -> Option<Instructions> {
    let count = |event: &str| {
        let line = text.lines().find(|line| line.split(',').nth(2) == Some(event))?;
        line.split(',').next()?.parse::<u64>().ok()
    };
    Some(Instructions { user: count("instructions:u")?, kernel: count("instructions:k")?, ..Instructions::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_report() {
        let text = "451000,,instructions:u,1000,100.00,,\n12250000,,instructions:k,1000,100.00,,\n";
        let wanted = Instructions { user: 451_000, kernel: 12_250_000, ..Instructions::default() };
        assert_eq!(parse(text), Some(wanted));
        assert_eq!(parse(&text.replace("451000", "<not supported>")), None);
        assert_eq!(parse(""), None);
    }

    /// The control pipe and the end, with an event that the kernel itself counts, so that it works wherever perf is.
    #[test]
    fn perf_counts_between_enable_and_interrupt() {
        if Command::new("perf").arg("version").output().is_err() {
            eprintln!("perf is not installed: nothing was tried");
            return;
        }
        let text = Counting::attach(std::process::id(), "task-clock").and_then(Counting::begin).unwrap().stop();
        let line = text.lines().find(|line| line.contains("task-clock")).unwrap_or_default();
        assert!(line.split(',').next().is_some_and(|value| value.parse::<f64>().is_ok()), "{text}");
    }

    #[test]
    fn a_process_that_is_not_there_is_told_with_perfs_words() {
        if Command::new("perf").arg("version").output().is_ok() {
            let error = Counting::attach(1 << 23, "task-clock").unwrap_err();
            assert!(error.starts_with("perf did not start to count: ") && error.len() > 40, "{error}");
        }
    }
}
