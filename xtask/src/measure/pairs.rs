//! The interleaved runs of one workload, and the figures of each run.

use anyhow::Result;
use serde::Serialize;

use super::Common;
use super::drive::{self, Window};
use super::perf::{Counters, Instructions};
use super::stats;
use super::subject::Subject;
use crate::generator::{Opcode, Pattern, Report, RoundTrip};

/// What the connections do.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) pattern: Pattern,
    pub(crate) connections: usize,
    pub(crate) bytes: usize,
    pub(crate) depth: usize,
    pub(crate) opcode: Opcode,
}

impl Workload {
    pub(crate) fn name(&self) -> String {
        let Self { connections, bytes, depth, .. } = self;
        match self.pattern {
            Pattern::Echo if *depth == 1 => format!("echo {bytes} B x {connections}"),
            Pattern::Echo => format!("echo {bytes} B x {connections}, {depth} under way"),
            Pattern::Broadcast => format!("broadcast {bytes} B, {connections} to {connections}"),
            Pattern::Idle => format!("{connections} idle connections"),
            Pattern::Lone => format!("lone echo {bytes} B"),
        }
    }

    pub(crate) fn opcode_name(&self) -> &'static str {
        match self.opcode {
            Opcode::Text => "text",
            Opcode::Binary => "binary",
        }
    }
}

/// The figures of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) cpu_nanoseconds_per_message: f64,
    pub(crate) messages_per_second: f64,
    /// Share of its core that the server used in the window.
    pub(crate) server_busy: f64,
    pub(crate) generator_busy: f64,
    pub(crate) instructions_per_message: Option<Instructions>,
    pub(crate) round_trip_nanoseconds: Option<RoundTrip>,
    pub(crate) messages: u64,
}

impl Run {
    fn new(report: &Report, instructions: Option<Instructions>) -> Self {
        let messages = report.messages.max(1) as f64;
        Self {
            cpu_nanoseconds_per_message: report.server_cpu_seconds * 1e9 / messages,
            messages_per_second: messages / report.seconds,
            server_busy: report.server_cpu_seconds / report.seconds,
            generator_busy: report.generator_cpu_seconds / report.seconds,
            instructions_per_message: instructions.map(|counted| counted.per(messages)),
            round_trip_nanoseconds: report.round_trip.clone(),
            messages: report.messages,
        }
    }
}

/// The runs of one pair, one after the other.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) server: Run,
    pub(crate) against: Option<Run>,
    /// The machine changed its speed in it.
    pub(crate) dropped: bool,
}

/// All pairs of one workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) workload: String,
    pub(crate) pairs: Vec<Pair>,
}

/// Runs pairs until enough are kept; gives up after twice as many.
pub(crate) fn run(
    workload: &Workload,
    server: &Subject,
    against: Option<&Subject>,
    common: &Common,
    counters: &Counters,
) -> Result<Comparison> {
    let mut pairs: Vec<Pair> = Vec::new();
    let one = |subject: &Subject| -> Result<Run> {
        let (report, instructions) = drive::run(workload, subject, Window::Seconds(common.seconds), common, counters)?;
        Ok(Run::new(&report, instructions))
    };
    while pairs.iter().filter(|pair| !pair.dropped).count() < common.pairs && pairs.len() < 2 * common.pairs {
        let pair = Pair { server: one(server)?, against: against.map(one).transpose()?, dropped: false };
        eprintln!("{}, pair {}: {}", workload.name(), pairs.len() + 1, progress(&pair));
        pairs.push(pair);
        stats::mark_flips(&mut pairs);
    }
    Ok(Comparison { workload: workload.name(), pairs })
}

fn progress(pair: &Pair) -> String {
    let side = |run: &Run| {
        format!(
            "{:.0} ns CPU/msg, {:.0} msg/s, busy {:.0} % (generator {:.0} %)",
            run.cpu_nanoseconds_per_message,
            run.messages_per_second,
            run.server_busy * 100.0,
            run.generator_busy * 100.0
        )
    };
    match &pair.against {
        None => side(&pair.server),
        Some(against) => format!("{} | {}", side(&pair.server), side(against)),
    }
}
