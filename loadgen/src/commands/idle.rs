//! `idle`: connections that are held, what they cost the server, and whether each still answers at the end.

use std::time::Duration;

use super::stage;
use crate::cli::{Common, IdlePlan};
use crate::load::idle::Idle;
use crate::report::{Report, Window};
use crate::run::{Shape, Site};

/// How long all echoes together may take at the end: this, and so much more for each connection.
const VERIFY_MAX: Duration = Duration::from_secs(60);
const VERIFY_EACH: Duration = Duration::from_micros(100);

pub(super) fn run(common: &Common, plan: &IdlePlan, report: &mut Report) -> anyhow::Result<()> {
    let shape = Shape {
        connections: plan.connections,
        threads: stage::threads(common, plan.connections)?,
        opens_all: true,
        connect_rate: common.connect_rate,
        open_timeout: common.connect_timeout,
        warm_up: Duration::ZERO,
        window: plan.duration,
        drain_max: VERIFY_MAX + VERIFY_EACH * plan.connections,
        message_bytes_max: 64 * 1024,
    };
    let site = Site::find(&common.target, plan.connections)?;
    let held = plan.duration.as_nanos() as u64;
    let run = super::run_number(common.seed);
    let make = |_, first, count| Idle::new(site.clone(), run, first, count, held, plan.verify);
    let (finished, used) = stage::perform(common, &shape, make)?;
    stage::note(report, &finished, used.as_ref());
    report.window = Window { warm_up_seconds: 0.0, seconds: shape.window.as_secs_f64() };
    let mut group = stage::group("idle", &shape, &finished);
    let mut outcomes = finished.outcomes.into_iter();
    if let Some(mut held) = outcomes.next() {
        outcomes.for_each(|other| held.merge(&other));
        (group.sent, group.received, group.checks) = (held.sent, held.received, held.checks);
        group.expected = if plan.verify { group.connections.wanted } else { 0 };
        // All of them come behind the window.
        (group.whole, group.arrived) = (Some(held.received), Some(0));
        group.latencies.service = held.service.summary();
    }
    report.server = used.map(|used| used.per(0, group.connections.opened));
    report.groups.push(group);
    Ok(())
}
