//! The load generator: one pinned thread on epoll, in a process of its own, that checks every byte that comes back.
//!
//! It connects, warms up, prints `ready`, and waits for a line on its input; then it runs one measured window that begins
//! and ends with nothing under way, so that the server's CPU time belongs to exactly the messages counted. It prints
//! one line of JSON and keeps its connections until its input ends. Closed loops only: what goes out next waits for what
//! comes back. `measure/` starts it and judges what it reports.

mod broadcast;
mod connect;
mod echo;
mod fanout;
mod frames;
mod idle;
mod incoming;
mod lone;
mod poll;

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::sys;

/// What the server's connections are made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pattern {
    /// Each connection sends, and checks what comes back.
    Echo,
    /// Everybody sends to everybody, in rounds.
    Broadcast,
    /// One sends to everybody.
    Fanout,
    /// Connections that say nothing.
    Idle,
    /// One connection, one message at a time, each timed.
    Lone,
}

/// Whether messages are sent as text or as binary; the bytes are the same ASCII in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Opcode {
    Text,
    Binary,
}

/// One run of the generator.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[arg(long)]
    pub(crate) pattern: Pattern,
    #[arg(long)]
    pub(crate) connect: SocketAddr,
    #[arg(long, default_value = "/")]
    pub(crate) path: String,
    #[arg(long, default_value_t = 1)]
    pub(crate) connections: usize,
    /// Payload bytes of each message.
    #[arg(long, default_value_t = 20)]
    pub(crate) bytes: usize,
    /// Messages that each connection has under way; in a fan-out, publications.
    #[arg(long, default_value_t = 1)]
    pub(crate) depth: usize,
    /// The server knows no WebSockets: it greets with a byte, and what it is sent comes back as it is.
    #[arg(long)]
    pub(crate) bare: bool,
    #[arg(long, default_value = "binary")]
    pub(crate) opcode: Opcode,
    /// Length of the measured window.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// A window of this many messages in place of one of `seconds`.
    #[arg(long)]
    pub(crate) messages: Option<u64>,
    /// Sleep in epoll in place of spinning: the server then pays for waking us.
    #[arg(long)]
    pub(crate) sleeps: bool,
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// The process whose CPU time is read at both ends of the window.
    #[arg(long)]
    pub(crate) server_pid: u32,
}

/// What one window brought.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Messages that came back to the generator: in a broadcast or a fan-out, deliveries.
    pub(crate) messages: u64,
    pub(crate) seconds: f64,
    /// CPU time of the server, all its threads, user and kernel.
    pub(crate) server_cpu_seconds: f64,
    /// CPU time of the generator, without what it spun on nothing.
    pub(crate) generator_cpu_seconds: f64,
    /// Only of `lone`.
    pub(crate) round_trip: Option<RoundTrip>,
}

/// Round-trip times of one connection, in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RoundTrip {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

/// When a window ends.
#[derive(Clone, Copy, Debug)]
enum Goal {
    Until(Instant),
    Messages(u64),
}

impl Goal {
    fn is_reached(self, sent: u64) -> bool {
        match self {
            Goal::Until(end) => Instant::now() >= end,
            Goal::Messages(count) => sent >= count,
        }
    }
}

/// A pattern of load over connections that are already open.
trait Load {
    /// Runs from nothing under way to nothing under way; the count of messages that came back.
    fn run(&mut self, goal: Goal) -> Result<u64>;

    /// Round-trip times since the last call, if this load takes them.
    fn round_trip(&mut self) -> Option<RoundTrip> {
        None
    }

    /// CPU time since the last call that went into waiting.
    fn take_idle(&mut self) -> Duration {
        Duration::ZERO
    }
}

/// Time without a single byte after which what is still missing counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Length of the warm-up when the window is given as a time.
const WARM_UP: Duration = Duration::from_millis(300);

/// Runs as the process that `measure` starts.
pub(crate) fn main(options: &Options) -> Result<()> {
    if let Some(core) = options.core {
        sys::pin_to_core(core).with_context(|| format!("cannot pin the generator to core {core}"))?;
    }
    let open_files = sys::raise_open_files()?;
    ensure!(options.connections > 0 && options.depth > 0, "no connections or nothing under way: nothing to do");
    let bare_can = matches!(options.pattern, Pattern::Echo | Pattern::Fanout);
    ensure!(!options.bare || bare_can, "a bare server can only echo and fan out");
    if options.connections as u64 + 32 > open_files {
        bail!("{} connections need more open files than the {open_files} allowed here", options.connections);
    }
    let mut load: Box<dyn Load> = match options.pattern {
        Pattern::Echo => Box::new(echo::Echo::open(options)?),
        Pattern::Broadcast => Box::new(broadcast::Broadcast::open(options)?),
        Pattern::Fanout => Box::new(fanout::Fanout::open(options)?),
        Pattern::Idle => Box::new(idle::Idle::open(options)?),
        Pattern::Lone => Box::new(lone::Lone::open(options)?),
    };
    load.run(warm_up(options))?;
    let _ = (load.round_trip(), load.take_idle());
    converse(options, load.as_mut())
}

/// A warm-up by count where the window is by count: the server is then too slow to be given a time.
fn warm_up(options: &Options) -> Goal {
    match options.messages {
        // Each of these goes to everybody.
        Some(_) if options.pattern == Pattern::Fanout => Goal::Messages((options.depth * 4) as u64),
        Some(_) => Goal::Messages((options.connections * options.depth * 4) as u64),
        None => Goal::Until(Instant::now() + WARM_UP),
    }
}

/// `ready`, wait for the word to go, one window, its report, wait for the end.
fn converse(options: &Options, load: &mut dyn Load) -> Result<()> {
    let mut input = std::io::stdin().lock().lines();
    say("ready")?;
    if input.next().is_none() {
        return Ok(());
    }
    let report = window(options, load)?;
    say(&serde_json::to_string(&report)?)?;
    input.next();
    Ok(())
}

fn window(options: &Options, load: &mut dyn Load) -> Result<Report> {
    let goal = match options.messages {
        Some(count) => Goal::Messages(count),
        None => Goal::Until(Instant::now() + Duration::from_secs_f64(options.seconds)),
    };
    let server_before = sys::process_cpu_time(options.server_pid)?;
    let generator_before = sys::process_cpu_time(std::process::id())?;
    let start = Instant::now();
    let messages = load.run(goal)?;
    let seconds = start.elapsed().as_secs_f64();
    let server = sys::process_cpu_time(options.server_pid)? - server_before;
    let generator = sys::process_cpu_time(std::process::id())? - generator_before;
    Ok(Report {
        messages,
        seconds,
        server_cpu_seconds: server.as_secs_f64(),
        generator_cpu_seconds: generator.saturating_sub(load.take_idle()).as_secs_f64(),
        round_trip: load.round_trip(),
    })
}

fn say(line: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()?;
    Ok(())
}
