//! Reach by each transport; what is refused; and servers that stop, or end.

use std::thread;
use std::time::Duration;

use ringwire_load::objective::Outcome;

use crate::node::Node;
use crate::{assert_flawless, cut, load, load_at};

const SHORT: &str = "--duration=600ms --warm-up=200ms";

#[test]
fn all_reaches_all_by_every_transport_in_text() {
    all_reaches_all("text");
}

#[test]
fn all_reaches_all_by_every_transport_in_binary() {
    all_reaches_all("binary");
}

fn all_reaches_all(form: &str) {
    let node = Node::serve();
    let line = format!(
        "fanout ws://{{addr}} --transports=websocket,v1,sse,long-poll,short-poll --subscribers=23 --topics=3 --publishers=2 \
         --rate=60 --poll-interval=100ms --threads=2 --size=uniform:40-3000 --form={form} {SHORT}"
    );
    let report = load(&node, &line).unwrap();
    let names: Vec<_> = report.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["websocket", "v1", "sse", "long-poll", "short-poll"]);
    assert!(report.invalid.is_empty(), "{:?}", report.invalid);
    for group in &report.groups {
        assert_flawless(group);
        // 36 publications to 8, 8 and 7 subscribers in turn.
        assert_eq!((group.sent, group.expected), (36, 12 * 23), "{}", group.name);
        let delivery = group.latencies.delivery.as_ref().expect("it is timed");
        assert_eq!(delivery.count, group.expected, "{}", group.name);
        assert!(group.bytes_in > group.received * 40, "{}: {}", group.name, group.bytes_in);
    }
    let polled = &report.groups[4];
    assert!(polled.latencies.delivery.as_ref().unwrap().p50 > 20_000_000, "half the interval is 50 ms");
    // 23 subscribers ask ten times a second, but leave out a turn when the answer before is late.
    assert!((70..=150).contains(&polled.requests), "{}", polled.requests);
    assert_eq!(report.groups[0].requests, 0, "handshakes were before the window");
}

#[test]
fn a_server_that_sends_to_all_is_loaded_too() {
    let node = Node::broadcast();
    let line = format!(
        "fanout ws://{{addr}}/room --transports=broadcast --subscribers=20 --publishers=3 --rate=50 --threads=2 {SHORT}"
    );
    let report = load(&node, &line).unwrap();
    assert!(report.invalid.is_empty(), "{:?}", report.invalid);
    assert_flawless(&report.groups[0]);
    assert_eq!(report.groups[0].expected, 30 * 20);
}

#[test]
fn what_rules_forbid_is_said_with_the_line_that_allows_it() {
    let node = Node::serve();
    let error = |line: &str| {
        let line = format!("fanout ws://{{addr}}/topics/{line} --subscribers=3 --rate=20 {SHORT}");
        load(&node, &line).expect_err("it is refused").to_string()
    };
    let refused = error("closed");
    assert!(refused.contains("no client publish to closed"), "{refused}");
    assert!(refused.contains("pattern = \"closed\"\npublish = \"anyone\""), "{refused}");
    for transport in ["long-poll", "short-poll"] {
        let refused = error(&format!("bare.topic --transports={transport}"));
        assert!(refused.contains("no_history") && refused.contains("history_count = 1000"), "{refused}");
    }
}

#[test]
fn a_server_without_topics_is_told_so() {
    let broadcast = Node::broadcast();
    let lost = load(&broadcast, &format!("fanout ws://{{addr}} --subscribers=3 --transports=sse {SHORT}"));
    let lost = lost.expect_err("it has no topics").to_string();
    assert!(lost.contains("--transports=broadcast"), "{lost}");
}

#[test]
fn a_history_that_is_too_short_for_polls_is_told_as_missing() {
    let node = Node::serve();
    let line = format!(
        "fanout ws://{{addr}}/topics/short --transports=short-poll --poll-interval=300ms --subscribers=4 --rate=50 {SHORT}"
    );
    let group = &load(&node, &line).unwrap().groups[0];
    let reach = group.reach().unwrap();
    assert!(reach < 0.5 && group.checks.missing > 50, "{reach}: {:?}", group.checks);
    assert_eq!(group.checks.total(), group.checks.missing, "{:?}", group.checks);
}

#[test]
fn a_server_that_stops_for_a_while_is_slow_from_the_planned_publication_on() {
    let node = Node::serve();
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(900));
            node.signal("STOP");
            thread::sleep(Duration::from_millis(400));
            node.signal("CONT");
        });
        load(&node, "fanout ws://{addr} --subscribers=10 --rate=100 --duration=1200ms --warm-up=300ms").unwrap()
    });
    let group = &report.groups[0];
    assert_flawless(group);
    let delivery = group.latencies.delivery.as_ref().unwrap();
    assert!(delivery.max > 350_000_000, "{delivery:?}");
    // A third of the window: who had stopped publishing meanwhile would have seen one slow message.
    assert!(delivery.p90 > 150_000_000, "{delivery:?}");
}

/// The kernel takes connections for a server that has stopped: open, they are followers in no topic.
#[test]
fn nothing_is_published_before_all_followers_are_in_place() {
    let node = Node::serve();
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            // The publisher is there, and of the followers some.
            thread::sleep(Duration::from_millis(200));
            node.signal("STOP");
            thread::sleep(Duration::from_millis(1000));
            node.signal("CONT");
        });
        let line = "--transports=sse --subscribers=10 --rate=100 --connect-rate=20 --duration=600ms --warm-up=0";
        load(&node, &format!("fanout ws://{{addr}} {line}")).unwrap()
    });
    let group = &report.groups[0];
    assert_flawless(group);
    // What is published to a server that has stopped is late by hundreds of milliseconds.
    assert!(group.latencies.delivery.as_ref().unwrap().p50 < 200_000_000, "{:?}", group.latencies);
}

#[test]
fn a_server_that_ends_is_told_by_connections_and_reach() {
    for transport in ["v1", "sse", "long-poll", "short-poll"] {
        let node = Node::serve();
        let report = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(700));
                node.signal("KILL");
            });
            let line = format!("--transports={transport} --subscribers=10 --rate=50 --poll-interval=50ms");
            load(&node, &format!("fanout ws://{{addr}} {line} --duration=800ms --warm-up=300ms")).unwrap()
        });
        let group = &report.groups[0];
        assert_eq!((group.connections.opened, group.connections.lost), (10, 10), "{transport}");
        assert!(group.reach().unwrap() < 0.9 && group.checks.missing > 10, "{transport}: {:?}", group.checks);
        assert!(report.objectives.iter().any(|judged| judged.objective == "errors-max" && !judged.met));
        // Nobody knocks as fast as it can at a door that is shut.
        assert!(report.generator.threads[0].cpu_share < 0.7, "{transport}: {:?}", report.generator.threads);
    }
}

#[test]
fn a_publisher_that_is_lost_makes_the_run_invalid() {
    let node = Node::serve();
    let way = cut::publishers(node.addr, Duration::from_millis(700));
    for command in [
        "fanout ws://{addr} --subscribers=3 --rate=50",
        "compare ws://{addr} --viewers=3 --frames=50 --transports=websocket,sse",
    ] {
        let report = load_at(way, &format!("{command} --duration=1500ms --warm-up=0")).unwrap();
        let group = &report.groups[0];
        assert_eq!(group.sent + group.unsent, 75, "{group:?}");
        assert!(group.sent > 0 && group.unsent > 20, "{} were made, {} not", group.sent, group.unsent);
        assert_eq!(group.connections.lost, 0, "the followers were left alone");
        assert_eq!(Outcome::of(&report), Outcome::Invalid);
        let told: Vec<_> = report.invalid.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].contains("of the 75 planned publications were made"), "{told:?}");
    }
}
