//! `connect`: connections that are opened at a rate, held, and closed.

use std::time::Duration;

use super::stage;
use crate::cli::{Common, ConnectPlan};
use crate::load::connect::Connect;
use crate::report::{Connections, Report, Window};
use crate::run::{self, Shape, Site};
use crate::schedule::Plan;

/// How long what is open at the end may take to close.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long a connection may take to open and to close beside what it is held, before there is no place for the next: somewhat longer
/// than the client waits for a server that does not close.
const SLACK: Duration = Duration::from_secs(6);

pub(super) fn run(common: &Common, plan: &ConnectPlan, report: &mut Report) -> anyhow::Result<()> {
    let places = plan.rate.as_f64() * (plan.hold + SLACK).as_secs_f64();
    let places = (places.ceil() as u32).max(common.threads);
    let length = plan.window.warm_up + plan.window.length;
    let shape = Shape {
        connections: places,
        threads: stage::threads(common, places),
        opens_all: false,
        connect_rate: common.connect_rate,
        open_timeout: common.connect_timeout,
        warm_up: plan.window.warm_up,
        window: plan.window.length,
        drain_max: plan.hold + DRAIN_MAX,
        message_bytes_max: 64 * 1024,
    };
    let site = Site::find(&common.target, places)?;
    // A sender is a thread here, and a message one connection.
    let schedule = Plan::new(plan.rate, shape.threads, Duration::ZERO, length);
    let (hold, window) = (nanoseconds(plan.hold), nanoseconds(plan.window.warm_up)..nanoseconds(length));
    let make = |thread, first, count| {
        Connect::new(site.clone(), first, count, schedule.part(thread..thread + 1), hold, window.clone())
    };
    let (finished, used) = stage::perform(common, &shape, make)?;
    stage::note(report, &finished);
    report.window = Window { warm_up_seconds: shape.warm_up.as_secs_f64(), seconds: shape.window.as_secs_f64() };
    report.groups.push(group(&shape, finished));
    let opened = report.groups[0].connections.opened;
    report.server = used.map(|used| used.per(opened, opened));
    Ok(())
}

fn group(shape: &Shape, finished: run::Finished<crate::load::connect::Opened>) -> crate::report::Group {
    let mut group = stage::group("connect", shape, &finished);
    let mut outcomes = finished.outcomes.into_iter();
    let Some(mut all) = outcomes.next() else { return group };
    outcomes.for_each(|other| all.merge(other));
    group.connections = Connections { wanted: all.planned, opened: all.opened, lost: all.lost };
    group.requests = all.opened;
    (group.sent, group.expected, group.received) = (all.planned - all.crowded, all.planned, all.opened);
    group.latencies.response = all.response.summary();
    group.latencies.handshake = all.handshake.summary();
    group.latencies.offer_lag = all.offer_lag.summary();
    group.timeline = all.timeline.buckets();
    group
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos() as u64
}
