//! What viewers see and what that costs, where staleness was measured: a row for each group, for the terminal and the page.

use super::units::{bytes, count, percent, rate, time};
use super::{Group, Report};

/// Heads and rows; `None` when nobody viewed anything.
pub(super) fn viewers(report: &Report) -> Option<(Vec<&'static str>, Vec<Vec<String>>)> {
    let groups = || report.groups.iter().filter(|group| group.latencies.staleness.is_some());
    groups().next()?;
    let is_apart = groups().any(|group| group.server.is_some());
    let mut head = vec!["", "viewers", "age mean", "p99", "shown each", "missed", "per update", "requests"];
    head.extend(is_apart.then_some("CPU/1,000"));
    let row = |group: &Group| {
        let mut row = row(group);
        row.extend(is_apart.then(|| per_thousand(group)));
        row
    };
    Some((head, groups().map(row).collect()))
}

/// What the server used for all of them, where it was watched.
pub(super) fn server_sentence(report: &Report) -> Option<String> {
    report.groups.iter().find(|group| group.latencies.staleness.is_some())?;
    let per = report.server.as_ref()?.cpu_per_message?;
    Some(format!("the server used {} of CPU for each 1,000 updates, all groups together", time((per * 1000.0) as u64)))
}

fn row(group: &Group) -> Vec<String> {
    let staleness = group.latencies.staleness.as_ref();
    let [mean, p99] =
        staleness.map_or([const { String::new() }; 2], |staleness| [staleness.mean, staleness.p99].map(time));
    let viewers = group.connections.opened;
    let each = |number: f64| if viewers > 0 { number / viewers as f64 } else { 0.0 };
    let missed = group.reach().map_or_else(String::new, |reach| percent((1.0 - reach).max(0.0)));
    let weight = group.bytes_per_update().map_or_else(|| "-".to_owned(), bytes);
    let requests = if group.seconds > 0.0 { group.requests as f64 / group.seconds } else { 0.0 };
    vec![group.name.clone(), count(viewers), mean, p99, rate(each(group.rate())), missed, weight, rate(requests)]
}

fn per_thousand(group: &Group) -> String {
    let per = group.server.as_ref().and_then(|server| server.cpu_per_message);
    per.map_or_else(|| "-".to_owned(), |per| time((per * 1000.0) as u64))
}
