//! Reports to look at and to test the renderers with: numbers drawn from a seed, in the shape of real ones.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Bounds, Connections, Generator, Group, Instructions, Latencies, Machine, Report, ServerUse, ThreadUse, Window,
};
use crate::latency::{Latency, Timeline};
use crate::objective::Objectives;

const SECOND: u64 = 1_000_000_000;
const SECONDS: u64 = 20;

/// An echo at 2,000 per second against a server that stalls 100 ms once a second.
pub(crate) fn echo() -> Report {
    let mut dice = fastrand::Rng::with_seed(1);
    let [mut response, mut service, mut lag] = [60; 3].map(|seconds| Latency::new(Duration::from_secs(seconds)));
    let mut timeline = Timeline::default();
    for message in 0..SECONDS * 2_000 {
        let planned = message * SECOND / 2_000;
        let taken = 90_000 + (dice.f64().powi(6) * 600_000.0) as u64;
        let into = planned % SECOND;
        let waits = if into < SECOND / 10 && planned / SECOND % 5 == 2 { SECOND / 10 - into } else { 0 };
        response.record(taken + waits);
        service.record(taken);
        lag.record(dice.u64(500..30_000));
        timeline.record(planned, taken + waits);
    }
    let latencies = Latencies {
        response: response.summary(),
        service: service.summary(),
        offer_lag: lag.summary(),
        ..Latencies::default()
    };
    let count = SECONDS * 2_000;
    let group = Group {
        name: "echo".into(),
        connections: Connections { wanted: 1000, opened: 1000, lost: 0 },
        seconds: SECONDS as f64,
        sent: count,
        received: count,
        expected: count,
        bytes_in: count * 66,
        bytes_out: count * 70,
        requests: 1000,
        latencies,
        timeline: timeline.buckets(),
        ..Group::default()
    };
    let mut report = begun("echo", vec![group]);
    report.server = Some(server().per(count, 1000));
    report.generator.threads = vec![thread("load-0", 0.41), thread("load-1", 0.38)];
    let objectives = Objectives { p99_max: Some(Duration::from_millis(5)), ..Objectives::default() };
    report.objectives = objectives.judge(&report.groups);
    report.check_validity(Bounds::default());
    report
}

/// Eight transports that show thirty frames a second.
pub(crate) fn compare() -> Report {
    let transports: [(&str, u64, u64); 6] = [
        ("websocket", 0, 140),
        ("sse", 0, 160),
        ("long-poll", 1, 720),
        ("short-poll 100ms", 100, 690),
        ("short-poll 250ms", 250, 700),
        ("short-poll 1s", 1000, 720),
    ];
    let groups = transports.into_iter().map(|(name, interval, bytes)| viewers(name, interval, bytes)).collect();
    let mut report = begun("compare", groups);
    report.headline = Some(
        "What a WebSocket's viewer sees is 0.4 ms old; polled each 250 ms it is 126 ms old, and each update that is shown \
         costs 5 times the bytes."
            .into(),
    );
    report.generator.threads = vec![thread("load-0", 0.62)];
    report.objectives = Objectives::default().judge(&report.groups);
    report.check_validity(Bounds::default());
    report
}

fn viewers(name: &str, interval: u64, bytes: u64) -> Group {
    let mut dice = fastrand::Rng::with_seed(interval + bytes);
    let (mut staleness, mut timeline) = (Latency::new(Duration::from_secs(60)), Timeline::default());
    for sample in 0..SECONDS * 1_000 {
        let age = 300_000 + dice.u64(..200_000) + (dice.f64() * (interval * 1_000_000) as f64) as u64;
        staleness.record(age);
        timeline.record(sample * SECOND / 1_000, age);
    }
    let expected = SECONDS * 30 * 100;
    let received = if interval > 33 { SECONDS * 100 * 1000 / interval } else { expected };
    let mut group = Group {
        name: name.into(),
        connections: Connections { wanted: 100, opened: 100, lost: 0 },
        seconds: SECONDS as f64,
        received,
        expected,
        bytes_in: received * bytes / 2,
        bytes_out: received * bytes / 2,
        requests: if interval > 0 { received } else { 100 },
        may_skip: interval > 33,
        latencies: Latencies { staleness: staleness.summary(), ..Latencies::default() },
        timeline: timeline.buckets(),
        ..Group::default()
    };
    group.checks.missing = expected - received;
    group
}

fn begun(command: &str, groups: Vec<Group>) -> Report {
    let settings = [("connections", "1000"), ("rate", "2000"), ("size", "64"), ("form", "binary"), ("seed", "1")];
    let settings: BTreeMap<String, String> = settings.map(|(name, value)| (name.into(), value.into())).into();
    let mut report = Report::begin("ws://127.0.0.1:9001/ws", settings);
    let words =
        ["ringwire-load", command, "ws://127.0.0.1:9001/ws", "--connections=1000", "--rate=2000", "--p99-max=5ms"];
    report.command = words.map(str::to_owned).to_vec();
    report.date = "2026-01-02T03:04:05Z".into();
    report.machine = Machine { kernel: "Linux 6.12.1".into(), processor: "Some Processor".into(), cores: 2 };
    report.window = Window { warm_up_seconds: 2.0, seconds: SECONDS as f64 };
    report.generator = Generator::default();
    report.groups = groups;
    report
}

fn server() -> ServerUse {
    ServerUse {
        pid: 4711,
        name: "ringwire".into(),
        cpu_seconds: 0.52,
        cpu_user_seconds: 0.04,
        busiest_thread: 0.03,
        rss_before: 4_718_592,
        rss_after: 5_242_880,
        rss_peak: 5_505_024,
        pss_after: Some(5_000_000),
        instructions: Some(Instructions { user: 14_000_000, kernel: 480_000_000, ..Instructions::default() }),
        ..ServerUse::default()
    }
}

fn thread(name: &str, cpu_share: f64) -> ThreadUse {
    ThreadUse { name: name.into(), cpu_share, waited_share: 0.01, server_share: None }
}
