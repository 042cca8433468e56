//! The findings for people, aligned and coloured on a terminal, and for programs.

use std::fmt::Write;

use serde::Serialize;

use super::{Facts, Finding, Verdict, can_run};
use crate::config::ValidConfig;
use crate::config::text::plural;

/// A heading for each group, a line for each finding, and under it what mends it.
pub(super) fn text(config: &ValidConfig, facts: &Facts, findings: &[Finding], colour: bool) -> String {
    let mut out = String::new();
    let shards = facts.shard_count(config);
    let connections = plural(config.connections_max as usize, "connection");
    line(&mut out, format_args!("{connections} on {}", plural(shards, "shard")));
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    for group in findings.chunk_by(|a, b| a.group == b.group) {
        line(&mut out, format_args!("\n{}", group[0].group));
        for finding in group {
            let mark = mark(finding.verdict, colour);
            line(&mut out, format_args!("  {mark}  {:<width$}  {}", finding.name, finding.found));
            for mend in finding.mend.iter().flat_map(|mend| mend.lines()) {
                line(&mut out, format_args!("  {:7}  {:<width$}  → {mend}", "", ""));
            }
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let notes = plural(count(Verdict::Note), "note");
    match count(Verdict::Missing) {
        0 => line(&mut out, format_args!("\nIt can run here ({notes}).")),
        missing => line(&mut out, format_args!("\nIt cannot run here: {missing} missing ({notes}).")),
    }
    out
}

/// `{"can_run": …, "findings": […]}`
pub(super) fn json(findings: &[Finding]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        can_run: bool,
        findings: &'a [Finding],
    }
    let report = Report { can_run: can_run(findings), findings };
    serde_json::to_string_pretty(&report).expect("texts have a JSON form") + "\n"
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a string takes all");
}

/// Seven columns wide without the colour.
fn mark(verdict: Verdict, colour: bool) -> String {
    let (word, code) = match verdict {
        Verdict::Ok => ("ok", 32),
        Verdict::Note => ("note", 33),
        Verdict::Missing => ("missing", 31),
    };
    if colour { format!("\x1b[{code}m{word:<7}\x1b[0m") } else { format!("{word:<7}") }
}
