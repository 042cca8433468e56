//! One row for each group, for spreadsheets.

use super::{Group, Report};

const HEAD: [&str; 26] = [
    "date",
    "target",
    "group",
    "valid",
    "seconds",
    "connections_wanted",
    "connections_opened",
    "connections_lost",
    "sent",
    "received",
    "expected",
    "rate_per_second",
    "reach",
    "bytes_in",
    "bytes_out",
    "requests",
    "missing",
    "duplicate",
    "out_of_order",
    "corrupt",
    "unsure",
    "latency",
    "p50_ns",
    "p99_ns",
    "p999_ns",
    "max_ns",
];

/// The report's groups as CSV with a head, RFC 4180.
pub fn rows(report: &Report) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows = report.groups.iter().map(|group| row(report, group));
    let all = std::iter::once(HEAD.map(str::to_owned)).chain(rows);
    for row in all {
        writer.write_record(row).expect("all rows have as many fields, and memory takes them");
    }
    String::from_utf8(writer.into_inner().expect("memory takes it")).expect("text makes text")
}

fn row(report: &Report, group: &Group) -> [String; HEAD.len()] {
    let (checks, connections) = (group.checks, group.connections);
    let (latency, times) = group.main_latency().map_or(("", [const { String::new() }; 4]), |(name, summary)| {
        (name, [summary.p50, summary.p99, summary.p999, summary.max].map(|time| time.to_string()))
    });
    let [p50, p99, p999, max] = times;
    let number = |value: u64| value.to_string();
    [
        report.date.clone(),
        report.target.clone(),
        group.name.clone(),
        report.invalid.is_empty().to_string(),
        group.seconds.to_string(),
        number(connections.wanted),
        number(connections.opened),
        number(connections.lost),
        number(group.sent),
        number(group.received),
        number(group.expected),
        group.rate().to_string(),
        group.reach().map_or_else(String::new, |reach| reach.to_string()),
        number(group.bytes_in),
        number(group.bytes_out),
        number(group.requests),
        number(checks.missing),
        number(checks.duplicate),
        number(checks.out_of_order),
        number(checks.corrupt),
        number(checks.unsure),
        latency.to_owned(),
        p50,
        p99,
        p999,
        max,
    ]
}
