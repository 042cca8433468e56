//! Whether the generator tells the truth: about a server that stalls, and about one that drops, repeats, swaps or changes messages.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Fault, FaultyServer, report, report_of};
use ringwire_load::objective::Outcome;
use ringwire_load::report::Report;

/// p99 of the first latency that a run tells of, in milliseconds.
fn p99_ms(report: &Report) -> f64 {
    let (_, summary) = report.groups[0].main_latency().expect("something was timed");
    summary.p99 as f64 / 1e6
}

#[test]
fn a_stall_of_a_tenth_of_a_second_shows_in_the_open_loop_and_hides_in_the_closed_one() {
    let server =
        FaultyServer::start(Fault::Stall { every: Duration::from_secs(1), length: Duration::from_millis(100) });
    let open =
        report(&server, &["--connections=10", "--rate=1000", "--duration=3s", "--warm-up=0s", "--offer-lag-max=1s"]);
    assert!(p99_ms(&open) >= 80.0, "open loop: p99 is {} ms", p99_ms(&open));
    let closed = report(&server, &["--connections=10", "--depth=1", "--duration=3s", "--warm-up=0s"]);
    assert!(p99_ms(&closed) < 40.0, "closed loop: p99 is {} ms", p99_ms(&closed));
    assert!(closed.groups[0].latencies.response.is_none(), "a closed loop has no planned times");
}

/// Sends 30,000 messages to a server that does this to one in 10,000; the report, and how often it was done.
fn faults_of(fault: Fault) -> (Report, u64) {
    let server = FaultyServer::start(fault);
    let rest = ["--connections=4", "--rate=15k", "--duration=2s", "--warm-up=0s", "--offer-lag-max=10s"];
    let report = report(&server, &rest);
    let done = server.faults.load(Ordering::Relaxed);
    assert!(done >= 2, "only {done} faults in {} messages", report.groups[0].sent);
    (report, done)
}

#[test]
fn one_lost_message_in_ten_thousand_is_missed() {
    let (report, done) = faults_of(Fault::Drop);
    assert_eq!((report.groups[0].checks.missing, report.groups[0].checks.total()), (done, done));
    assert_eq!(report.groups[0].received + done, report.groups[0].expected);
    assert!(report.objectives.iter().any(|judged| !judged.met), "errors fail a run by default");
}

#[test]
fn one_repeated_message_in_ten_thousand_is_found() {
    let (report, done) = faults_of(Fault::Repeat);
    assert_eq!((report.groups[0].checks.duplicate, report.groups[0].checks.total()), (done, done));
    assert_eq!(report.groups[0].reach(), Some(1.0), "all came, some twice");
}

#[test]
fn one_swapped_pair_in_ten_thousand_is_found() {
    let (report, done) = faults_of(Fault::Swap);
    assert_eq!((report.groups[0].checks.out_of_order, report.groups[0].checks.total()), (done, done));
}

#[test]
fn one_changed_bit_in_ten_thousand_messages_is_found() {
    let (report, done) = faults_of(Fault::Corrupt);
    assert_eq!((report.groups[0].checks.corrupt, report.groups[0].checks.total()), (done, done));
}

#[test]
fn a_sound_server_is_told_to_be_one() {
    let server = FaultyServer::start(Fault::None);
    for form in ["--form=text", "--form=binary"] {
        let rest =
            ["--connections=4", "--rate=2k", "--duration=1s", "--size=list:64*9,70000*1", "--offer-lag-max=1s", form];
        let report = report(&server, &rest);
        let group = &report.groups[0];
        assert_eq!((group.checks.total(), group.received, group.errors()), (0, group.expected, 0));
        assert!(report.invalid.is_empty() && report.objectives.iter().all(|judged| judged.met), "{:?}", report.invalid);
    }
}

#[test]
fn a_rate_is_what_came_while_the_window_lasted() {
    let server = FaultyServer::start(Fault::Slow(Duration::from_millis(2)));
    let rest = ["--connections=2", "--rate=1500", "--duration=2s", "--warm-up=0s", "--offer-lag-max=1s"];
    let report = report(&server, &rest);
    let group = &report.groups[0];
    assert!(group.rate() < 1_050.0, "a server that can do 1,000 per second did {}", group.rate());
    assert_eq!((group.received, group.reach()), (group.expected, Some(1.0)), "the rest came behind the window");
}

#[test]
fn what_is_on_its_way_at_the_end_is_waited_for() {
    let server = FaultyServer::start(Fault::Slow(Duration::from_millis(1_500)));
    let rest = ["--connections=3", "--rate=3", "--duration=1s", "--warm-up=0s", "--offer-lag-max=1s"];
    let report = report(&server, &rest);
    let group = &report.groups[0];
    assert_eq!((group.sent, group.received, group.checks.total()), (3, 3, 0));
    assert!(p99_ms(&report) >= 1_500.0, "{}", p99_ms(&report));
}

#[test]
fn what_is_not_there_makes_an_invalid_run_and_a_reason() {
    let report = report_of(&["echo", "ws://127.0.0.1:1/", "--connections=3", "--duration=200ms", "--warm-up=0s"]);
    let report = report.expect("a run that went badly is a report");
    assert!(report.invalid.iter().any(|reason| reason.to_string().contains("0 connections were opened of the 3")));
    let server = FaultyServer::start(Fault::Vanish);
    let report = common::report(&server, &["--connections=3", "--rate=1k", "--duration=1s", "--warm-up=0s"]);
    assert!(report.groups[0].connections.lost > 0 && report.groups[0].errors() > 0, "{:?}", report.groups[0]);
}

#[test]
fn connections_come_and_go_on_a_schedule() {
    let server = FaultyServer::start(Fault::None);
    let url = server.url();
    let args = ["connect", &url, "--rate=200", "--hold=50ms", "--duration=1s", "--warm-up=0s", "--offer-lag-max=1s"];
    let report = report_of(&args).expect("a run");
    let group = &report.groups[0];
    assert_eq!((group.connections.wanted, group.connections.opened, group.connections.lost), (200, 200, 0));
    assert!(report.invalid.is_empty(), "{:?}", report.invalid);
}

#[test]
fn a_server_that_refuses_misses_the_objectives_of_connect() {
    let args = ["connect", "ws://127.0.0.1:1/", "--rate=50", "--duration=500ms", "--warm-up=0s", "--offer-lag-max=1s"];
    let report = report_of(&args).expect("a run");
    assert_eq!((report.groups[0].connections.wanted, report.groups[0].connections.opened), (25, 0));
    assert_eq!(Outcome::of(&report), Outcome::Missed, "{:?}", report.invalid);
}

#[test]
fn what_is_held_answers_at_the_end() {
    let server = FaultyServer::start(Fault::None);
    let report = report_of(&["idle", &server.url(), "--connections=50", "--duration=200ms"]).expect("a run");
    let group = &report.groups[0];
    assert_eq!((group.connections.opened, group.expected, group.received, group.errors()), (50, 50, 50, 0));
}
