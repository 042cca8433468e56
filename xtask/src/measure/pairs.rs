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
            Pattern::Fanout if *depth == 1 => format!("fan-out {bytes} B, 1 to {connections}"),
            Pattern::Fanout => format!("fan-out {bytes} B, 1 to {connections}, {depth} under way"),
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

/// All pairs of one workload and two subjects.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) workload: String,
    pub(crate) server: String,
    pub(crate) against: Option<String>,
    pub(crate) pairs: Vec<Pair>,
}

/// Runs all subjects by turns until enough pairs are kept; gives up after twice as many rounds. Each subject is compared with
/// each that stands behind it, over the same runs.
pub(crate) fn run(
    workload: &Workload,
    subjects: &[Subject],
    common: &Common,
    counters: &Counters,
) -> Result<Vec<Comparison>> {
    let mut comparisons = comparisons(workload, subjects);
    for round in 1..=2 * common.pairs {
        let mut runs = Vec::new();
        for subject in subjects {
            let window = Window::Seconds(common.seconds);
            let (report, instructions) = drive::run(workload, subject, window, common, counters)?;
            runs.push(Run::new(&report, instructions));
        }
        eprintln!("{}, round {round}: {}", workload.name(), progress(&runs));
        for (comparison, (server, against)) in comparisons.iter_mut().zip(combinations(subjects.len())) {
            let against = against.map(|index| runs[index].clone());
            comparison.pairs.push(Pair { server: runs[server].clone(), against, dropped: false });
            stats::mark_flips(&mut comparison.pairs);
        }
        if comparisons.iter().all(|comparison| comparison.kept() >= common.pairs) {
            break;
        }
    }
    Ok(comparisons)
}

fn comparisons(workload: &Workload, subjects: &[Subject]) -> Vec<Comparison> {
    let comparison = |(server, against): (usize, Option<usize>)| Comparison {
        workload: workload.name(),
        server: subjects[server].name.clone(),
        against: against.map(|index| subjects[index].name.clone()),
        pairs: Vec::new(),
    };
    combinations(subjects.len()).into_iter().map(comparison).collect()
}

/// Each with each behind it; one alone with nothing.
fn combinations(count: usize) -> Vec<(usize, Option<usize>)> {
    match count {
        1 => vec![(0, None)],
        _ => (0..count).flat_map(|server| (server + 1..count).map(move |against| (server, Some(against)))).collect(),
    }
}

impl Comparison {
    pub(crate) fn kept(&self) -> usize {
        self.pairs.iter().filter(|pair| !pair.dropped).count()
    }
}

fn progress(runs: &[Run]) -> String {
    let one = |run: &Run| {
        format!(
            "{:.0} ns CPU/msg, {:.0} msg/s, busy {:.0} % (generator {:.0} %)",
            run.cpu_nanoseconds_per_message,
            run.messages_per_second,
            run.server_busy * 100.0,
            run.generator_busy * 100.0
        )
    };
    runs.iter().map(one).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_compared_with_each() {
        assert_eq!(combinations(1), [(0, None)]);
        assert_eq!(combinations(2), [(0, Some(1))]);
        assert_eq!(combinations(3), [(0, Some(1)), (0, Some(2)), (1, Some(2))]);
    }
}
