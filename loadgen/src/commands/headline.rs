//! What a comparison comes to, in one sentence for somebody who does not know the words.

use crate::latency::Summary;
use crate::report::Group;
use crate::report::units::{percent, time};

/// A WebSocket, or else the freshest group that gets all, beside the middle one of those that ask at an interval, or beside the
/// stalest; `None` where there are not two to compare.
pub(super) fn headline(groups: &[Group]) -> Option<String> {
    let mut aged: Vec<(&Group, &Summary)> =
        groups.iter().filter_map(|group| Some((group, group.latencies.staleness.as_ref()?))).collect();
    aged.sort_by_key(|(_, staleness)| staleness.mean);
    // Among those that are pushed to, ages tell who comes first when one publication goes to all, not who is fresher alone.
    let socket = ["websocket", "v1"].iter().find_map(|name| aged.iter().find(|(group, _)| group.name == *name));
    let fresh = socket.or(aged.iter().find(|(group, _)| !group.may_skip)).or(aged.first())?;
    let asking: Vec<_> = aged.iter().filter(|(group, _)| group.may_skip && group.name != fresh.0.name).collect();
    let stale =
        asking.get(asking.len() / 2).copied().or(aged.last()).filter(|(group, _)| group.name != fresh.0.name)?;
    let (new, old) = (fresh.1.mean.max(1), stale.1.mean);
    let mut text = format!(
        "{}, what a viewer sees is {} old on average; {} it is {} old, {} times as old",
        capitalised(&spoken(&fresh.0.name)),
        time(new),
        spoken(&stale.0.name),
        time(old),
        times(old as f64 / new as f64)
    );
    let missed = stale.0.checks.missing as f64 / stale.0.expected.max(1) as f64;
    if missed >= 0.005 {
        text += &format!(", {} of the updates are never seen", percent((missed * 100.0).round() / 100.0));
    }
    let bytes = stale.0.bytes_per_update()? / fresh.0.bytes_per_update()?;
    if bytes >= 1.05 {
        text += &format!(", and each one that is costs {} times the bytes", times(bytes));
    }
    Some(text + ".")
}

/// A group's name in words.
fn spoken(name: &str) -> String {
    match name.split_once(' ') {
        Some((_, interval)) => {
            let (number, unit) = interval.split_at(interval.find(char::is_alphabetic).unwrap_or(interval.len()));
            format!("asking every {number} {unit}")
        }
        None => match name {
            "websocket" => "by WebSocket".to_owned(),
            "v1" => "by WebSocket with ringwire.v1".to_owned(),
            "sse" => "by Server-Sent Events".to_owned(),
            "long-poll" => "by long polling".to_owned(),
            other => format!("by {other}"),
        },
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A factor, with no more digits than mean something.
fn times(factor: f64) -> String {
    if factor < 9.95 { format!("{factor:.1}") } else { format!("{factor:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Checks;
    use crate::report::Latencies;

    fn group(name: &str, mean_ms: u64, bytes: u64) -> Group {
        let staleness = Some(Summary { count: 1, mean: mean_ms * 1_000_000, ..Summary::default() });
        let may_skip = name.starts_with("short");
        let missing = if may_skip { 75 } else { 0 };
        Group {
            name: name.into(),
            received: 100 - missing,
            expected: 100,
            bytes_in: bytes * (100 - missing),
            may_skip,
            checks: Checks { missing, ..Checks::default() },
            latencies: Latencies { staleness, ..Latencies::default() },
            ..Group::default()
        }
    }

    #[test]
    fn it_is_one_plain_sentence() {
        let groups = [
            group("short-poll 1s", 517, 400),
            group("long-poll", 16, 300),
            group("sse", 18, 150),
            group("websocket", 17, 100),
            group("short-poll 100ms", 67, 600),
            group("short-poll 250ms", 142, 500),
        ];
        assert_eq!(
            headline(&groups).unwrap(),
            "By WebSocket, what a viewer sees is 17.0 ms old on average; asking every 250 ms it is 142 ms old, 8.4 times as old, \
             75 % of the updates are never seen, and each one that is costs 5.0 times the bytes."
        );
        assert_eq!(
            headline(&groups[2..4]).unwrap(),
            "By WebSocket, what a viewer sees is 17.0 ms old on average; by Server-Sent Events it is 18.0 ms old, 1.1 times as old, \
             and each one that is costs 1.5 times the bytes."
        );
        assert_eq!(headline(&groups[..1]), None);
        assert_eq!(headline(&[]), None);
    }
}
