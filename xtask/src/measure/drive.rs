//! One run: a fresh server, the generator beside it, one measured window.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::Common;
use super::pairs::Workload;
use super::perf::{Counters, Instructions};
use super::subject::Subject;
use crate::artifact;
use crate::child::Guard;
use crate::generator::{Pattern, Report};
use crate::server::Server;

/// How long connecting, warming up or draining may take, over the window itself.
const SLACK: Duration = Duration::from_secs(120);

/// How long the measured window is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Window {
    Seconds(f64),
    Messages(u64),
}

/// Starts the server, runs one window, and stops both.
pub(crate) fn run(
    workload: &Workload,
    subject: &Subject,
    window: Window,
    common: &Common,
    counters: &Counters,
) -> Result<(Report, Option<Instructions>)> {
    let mut server = subject.command.start(Some(common.server_core))?;
    let outcome = run_window(workload, subject, &server, window, common, counters);
    if outcome.is_err() {
        server.check_alive()?;
    }
    let outcome = outcome.with_context(|| format!("{} under {}", subject.name, workload.name()))?;
    server.stop()?;
    Ok(outcome)
}

fn run_window(
    workload: &Workload,
    subject: &Subject,
    server: &Server,
    window: Window,
    common: &Common,
    counters: &Counters,
) -> Result<(Report, Option<Instructions>)> {
    let mut generator = Generator::start(workload, subject, server, window, common)?;
    let counting = counters.attach(server.pid())?;
    let report = generator.run(window)?;
    let instructions = counting.map(|counting| counting.finish()).transpose()?;
    generator.finish()?;
    Ok((report, instructions))
}

/// The generator's process, connected and warmed up.
pub(crate) struct Generator {
    guard: Guard,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Generator {
    pub(crate) fn start(
        workload: &Workload,
        subject: &Subject,
        server: &Server,
        window: Window,
        common: &Common,
    ) -> Result<Self> {
        let program = artifact::release("xtask", "xtask")?;
        let mut command = Command::new(program);
        command.arg("generator").args(arguments(workload, server, window));
        command.arg(format!("--core={}", common.generator_core));
        command.args(subject.bare.then_some("--bare"));
        command.args(common.generator_sleeps.then_some("--sleeps"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut guard = Guard::spawn(&mut command, Some(common.generator_core))?;
        let child = guard.child();
        let input = child.stdin.take();
        let output = child.stdout.take().context("the generator has no output")?;
        let mut generator = Self { guard, input, lines: lines_of(output) };
        match generator.line(SLACK)?.as_str() {
            "ready" => Ok(generator),
            other => bail!("the generator said {other:?} in place of ready"),
        }
    }

    pub(crate) fn run(&mut self, window: Window) -> Result<Report> {
        let input = self.input.as_mut().context("the generator was told to end")?;
        input.write_all(b"go\n")?;
        let length = match window {
            Window::Seconds(seconds) => Duration::from_secs_f64(seconds),
            Window::Messages(_) => SLACK,
        };
        let line = self.line(length + SLACK)?;
        serde_json::from_str(&line).with_context(|| format!("not a report of the generator: {line}"))
    }

    /// Lets it close its connections and end.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.guard.wait(SLACK)?;
        if status.success() { Ok(()) } else { bail!("the generator ended with {status}") }
    }

    fn line(&mut self, limit: Duration) -> Result<String> {
        self.lines.recv_timeout(limit).map_err(|_| anyhow!("the generator failed, or said nothing for {limit:?}"))
    }
}

fn arguments(workload: &Workload, server: &Server, window: Window) -> Vec<String> {
    let pattern = match workload.pattern {
        Pattern::Echo => "echo",
        Pattern::Broadcast => "broadcast",
        Pattern::Fanout => "fanout",
        Pattern::Idle => "idle",
        Pattern::Lone => "lone",
    };
    vec![
        format!("--pattern={pattern}"),
        format!("--connect={}", server.address),
        format!("--connections={}", workload.connections),
        format!("--bytes={}", workload.bytes),
        format!("--depth={}", workload.depth),
        format!("--opcode={}", workload.opcode_name()),
        format!("--server-pid={}", server.pid()),
        match window {
            Window::Seconds(seconds) => format!("--seconds={seconds}"),
            Window::Messages(count) => format!("--messages={count}"),
        },
    ]
}

fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
