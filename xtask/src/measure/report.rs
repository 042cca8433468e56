//! What is printed, and what is kept in a results folder: command, versions, commit, machine, raw data, summary.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::instructions::Counts;
use super::pairs::{Comparison, Run};
use super::stats::{self, Figure};
use super::subject::Subject;
use crate::circumstances;

/// Fewer pairs than this make no claim.
const PAIRS_MIN: usize = 3;

/// Everything about one call of `measure`.
pub(crate) struct Record {
    what: String,
    subjects: Vec<Subject>,
    /// What there is to know about how it was measured.
    note: Option<&'static str>,
    comparisons: Vec<Comparison>,
    counts: Vec<Counts>,
}

impl Record {
    pub(crate) fn new(what: &str, subjects: &[Subject], note: Option<&'static str>) -> Self {
        Self { what: what.to_owned(), subjects: subjects.to_vec(), note, comparisons: Vec::new(), counts: Vec::new() }
    }

    pub(crate) fn legend(&self) -> String {
        let alone = self.subjects.len() == 1;
        let lines = self.subjects.iter().enumerate().map(|(index, subject)| {
            let side = if index == 0 { "server: " } else { "against:" };
            format!("{side} {}", subject.command.line())
        });
        let alone = alone.then(|| "against: nothing: no ratios, and no single time is a claim".to_owned());
        lines.chain(alone).chain(self.note.map(str::to_owned)).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn add(&mut self, comparison: Comparison) {
        self.comparisons.push(comparison);
    }

    pub(crate) fn add_counts(&mut self, counts: Counts) {
        self.counts.push(counts);
    }

    /// Writes `raw.json` and `summary.md`, if a folder is given.
    pub(crate) fn keep(&self, folder: Option<&Path>) -> Result<()> {
        let tables = self.comparisons.iter().map(table).chain(self.counts.iter().map(Counts::table));
        let raw = json!({ "comparisons": self.comparisons, "counts": self.counts });
        keep(folder, &self.what, &self.legend(), &tables.collect::<String>(), raw)
    }
}

/// Writes a results folder. `raw` is an object, and gets the circumstances too.
pub(crate) fn keep(folder: Option<&Path>, what: &str, legend: &str, tables: &str, mut raw: Value) -> Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let context = circumstances::all(what);
    raw["context"] = context.clone();
    std::fs::write(folder.join("raw.json"), serde_json::to_string_pretty(&raw)? + "\n")?;
    let facts: String = context.as_object().into_iter().flatten().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "| {name} | {} |", value.as_str().unwrap_or_default().replace('|', "\\|"));
        text
    });
    let summary = format!("# {what}\n\n| | |\n|---|---|\n{facts}\n```text\n{legend}\n\n{tables}```\n");
    std::fs::write(folder.join("summary.md"), summary)?;
    println!("kept in {}", folder.display());
    Ok(())
}

/// A figure's name, its unit's divisor, and where a run has it.
type Row = (&'static str, fn(&Run) -> Option<f64>);

const ROWS: [Row; 9] = [
    ("CPU ns per message", |run| Some(run.cpu_nanoseconds_per_message)),
    ("messages per second", |run| Some(run.messages_per_second)),
    ("user instructions per message", |run| Some(run.instructions_per_message?.user)),
    ("kernel instructions per message", |run| Some(run.instructions_per_message?.kernel)),
    ("cycles per message", |run| Some(run.instructions_per_message?.cycles)),
    ("round trip p50, ns", |run| Some(run.round_trip_nanoseconds.as_ref()?.p50 as f64)),
    ("round trip p90, ns", |run| Some(run.round_trip_nanoseconds.as_ref()?.p90 as f64)),
    ("round trip p99, ns", |run| Some(run.round_trip_nanoseconds.as_ref()?.p99 as f64)),
    ("round trip p99.9, ns", |run| Some(run.round_trip_nanoseconds.as_ref()?.p999 as f64)),
];

/// The rows of one workload, and what is doubtful about them.
pub(crate) fn table(comparison: &Comparison) -> String {
    let kept = comparison.kept();
    let dropped = comparison.pairs.len() - kept;
    let sides = comparison.against.as_ref().map(|against| format!(": {} against {against}", comparison.server));
    let sides = sides.unwrap_or_default();
    let mut text = format!("{}{sides} ({kept} pairs, {dropped} dropped)\n", comparison.workload);
    let _ = writeln!(text, "  {:<32} {:>12} {:>12} {:>8}  spread", "", "server", "against", "ratio");
    for (name, of) in ROWS {
        if let Some(figure) = stats::figure(&comparison.pairs, of) {
            let _ = writeln!(text, "{}", row(name, &figure));
        }
    }
    if kept < PAIRS_MIN {
        let _ =
            writeln!(text, "  too few pairs for a claim: the machine kept changing its speed, or few were asked for");
    }
    text + &starved(comparison)
}

pub(crate) fn row(name: &str, figure: &Figure) -> String {
    let against = figure.against.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
    let (ratio, spread) = match figure.ratio {
        Some([middle, least, most]) => (format!("{middle:.3}"), format!("{least:.3} to {most:.3}")),
        None => ("-".to_owned(), "-".to_owned()),
    };
    format!("  {name:<32} {:>12.1} {against:>12} {ratio:>8}  {spread}", figure.server)
}

/// A generator busier than the server hides what the server can do. Not so where it spins.
fn starved(comparison: &Comparison) -> String {
    let kept = || comparison.pairs.iter().filter(|pair| !pair.dropped && pair.server.round_trip_nanoseconds.is_none());
    let starves = |run: &Run| run.generator_busy > run.server_busy;
    let count = kept().filter(|pair| starves(&pair.server)).count();
    let peers = kept().filter(|pair| pair.against.as_ref().is_some_and(starves)).count();
    if count + peers == 0 {
        return String::new();
    }
    format!(
        "  the generator was busier than the server in {count} runs, and than its peer in {peers}: rates are bounded by it\n"
    )
}
