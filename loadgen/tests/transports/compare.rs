//! The shape of a comparison: what polling at an interval has to look like, and what has to be fresh.

use ringwire_load::objective::Outcome;
use ringwire_load::report::{self, Group, Report};

use crate::load;
use crate::node::Node;

const MS: u64 = 1_000_000;
/// Half of the time between two frames, at 30 per second.
const HALF_FRAME: u64 = 16_667_000;
/// What a busy machine may add to a round trip, on average.
const ROUND_TRIP_MAX: u64 = 30 * MS;

const VIEWERS: u64 = 13;
const SECONDS: u64 = 2;

fn compared(node: &Node, line: &str) -> Report {
    load(node, &format!("compare ws://{{addr}} --frames=30 {line}")).unwrap()
}

fn mean(group: &Group) -> u64 {
    group.latencies.staleness.as_ref().expect("it is measured").mean
}

#[test]
fn polling_is_half_an_interval_old_and_pushing_half_a_frame() {
    let node = Node::alone();
    let line = format!(
        "--viewers={VIEWERS} --transports=websocket,v1,sse,long-poll,short-poll --poll-intervals=100ms,400ms --threads=2 \
         --duration={SECONDS}s --warm-up=500ms --size=100"
    );
    // A machine that others keep busy delays a run now and then; what has the wrong shape has it each time.
    let mut wrong = Vec::new();
    for _ in 0..3 {
        let report = compared(&node, &line);
        assert_counts(&report);
        assert_told(&report);
        match misshapen(&report) {
            None => return,
            Some(what) => wrong.push(what),
        }
    }
    panic!("three runs, each with the wrong shape: {wrong:#?}");
}

/// What is wrong with the ages.
fn misshapen(report: &Report) -> Option<String> {
    let (pushed, polled) = report.groups.split_at(4);
    let pushed = pushed.iter().map(|group| (group, HALF_FRAME * 9 / 10..HALF_FRAME + ROUND_TRIP_MAX));
    let fresh = mean(&report.groups[0]);
    let polled = polled.iter().zip([100, 400]).map(|(group, interval)| {
        let half = interval * MS / 2;
        // As old as what is pushed and half the interval: what delays the one delays the other.
        let (least, most) = (fresh + half * 88 / 100, fresh + half * 112 / 100 + ROUND_TRIP_MAX / 2);
        (group, least.saturating_sub(ROUND_TRIP_MAX / 2).max((half + HALF_FRAME) * 9 / 10)..most)
    });
    let mut wrong = pushed.chain(polled).filter(|(group, wanted)| !wanted.contains(&mean(group)));
    wrong.next().map(|(group, wanted)| format!("{}: {} instead of {wanted:?}", group.name, mean(group)))
}

/// What is counted does not depend on how busy the machine is, but for polls that are left out.
#[track_caller]
fn assert_counts(report: &Report) {
    assert!(report.invalid.is_empty(), "{:?}", report.invalid);
    assert_eq!(Outcome::of(report), Outcome::Met, "what polling skips is no error: {:?}", report.objectives);
    let names: Vec<_> = report.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["websocket", "v1", "sse", "long-poll", "short-poll 100ms", "short-poll 400ms"]);
    let (pushed, polled) = report.groups.split_at(4);
    for group in pushed {
        assert_eq!((group.reach(), group.checks.total()), (Some(1.0), 0), "{}: {:?}", group.name, group.checks);
        assert_eq!(group.expected, 30 * SECONDS * VIEWERS, "{}", group.name);
    }
    for (group, interval) in polled.iter().zip([100, 400]) {
        let turns = VIEWERS * (SECONDS * 1000 / interval);
        assert!(group.received <= turns + VIEWERS, "{}: at most one in an interval: {}", group.name, group.received);
        assert!(group.received >= turns / 2, "{}: {} of {turns}", group.name, group.received);
        assert_eq!(group.checks.missing, group.expected - group.received, "{}", group.name);
        assert!((turns / 2..=turns + VIEWERS).contains(&group.requests), "{}: {}", group.name, group.requests);
    }
}

#[track_caller]
fn assert_told(report: &Report) {
    // 100 bytes in a frame of two more, and nothing back; those that come after the window's end are not counted.
    let weight = report.groups[0].bytes_per_update().unwrap();
    assert!((95.0..108.0).contains(&weight), "{weight}");
    let headline = report.headline.as_ref().unwrap();
    assert!(headline.starts_with("By ") && headline.contains("asking every"), "{headline}");
    for text in [report::table(report), report::page(report)] {
        assert!(text.contains(headline.as_str()) && text.contains("per update"), "{text}");
    }
}

#[test]
fn each_alone_tells_what_each_costs_the_server() {
    let node = Node::serve();
    let line = format!(
        "--viewers=20 --transports=websocket,short-poll --poll-intervals=50ms --apart --server-pid={} --duration=700ms --warm-up=200ms",
        node.pid()
    );
    let report = compared(&node, &line);
    assert!(report.server.as_ref().is_some_and(|used| used.pid == node.pid() && used.cpu_per_message.is_some()));
    for group in &report.groups {
        let used = group.server.as_ref().expect("it ran alone too");
        assert!(used.pid == node.pid() && used.cpu_per_message.is_some(), "{}: {used:?}", group.name);
        assert_eq!(used.bytes_per_connection, None, "{}: memory was there of the run before", group.name);
    }
    assert!(report::table(&report).contains("CPU/1,000"));
}

#[test]
fn a_topic_without_history_cannot_be_compared() {
    let node = Node::serve();
    let error = load(&node, "compare ws://{addr}/topics/bare.frames --viewers=2 --duration=300ms --warm-up=0");
    let error = error.expect_err("polls have nothing to ask for").to_string();
    assert!(error.contains("pattern = \"bare.frames\"\nhistory_count = 1000"), "{error}");
}
