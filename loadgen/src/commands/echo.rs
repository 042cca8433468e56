//! `echo`: each connection sends to a server that sends back, on a schedule or as fast as it answers.

use std::time::Duration;

use super::stage;
use crate::cli::{Common, EchoPlan, Pace};
use crate::latency::Latency;
use crate::ledger::Checks;
use crate::load::echo::{Counts, Echo, EchoOutcome, Sending, Times};
use crate::payload::Codec;
use crate::report::{Group, Report, Window};
use crate::run::{Finished, Shape, Site};
use crate::{load, schedule};

/// How long is waited for answers at the end of the window.
const DRAIN_MAX: Duration = Duration::from_secs(5);

pub(super) fn run(common: &Common, plan: &EchoPlan, report: &mut Report) -> anyhow::Result<()> {
    let shape = Shape {
        connections: plan.connections,
        threads: stage::threads(common, plan.connections)?,
        opens_all: true,
        connect_rate: common.connect_rate,
        open_timeout: common.connect_timeout,
        warm_up: plan.window.warm_up,
        window: plan.window.length,
        drain_max: DRAIN_MAX,
        message_bytes_max: plan.messages.sizes.most().max(64 * 1024),
    };
    let sending = sending(common, plan)?;
    let (finished, used) = stage::perform(common, &shape, |_, first, count| Echo::new(sending.clone(), first, count))?;
    stage::note(report, &finished, used.as_ref());
    report.window = Window { warm_up_seconds: shape.warm_up.as_secs_f64(), seconds: shape.window.as_secs_f64() };
    let group = group(plan, &shape, finished);
    report.server = used.map(|used| used.per(group.arrived.unwrap_or_default(), group.connections.opened));
    report.groups.push(group);
    Ok(())
}

fn sending(common: &Common, plan: &EchoPlan) -> anyhow::Result<Sending> {
    let length = plan.window.warm_up + plan.window.length;
    let pace = match plan.pace {
        Pace::Open { rate, ramp } => load::echo::Pace::Open(schedule::Plan::new(rate, plan.connections, ramp, length)),
        Pace::Closed { depth } => load::echo::Pace::Closed { depth },
    };
    let nanoseconds = |time: Duration| time.as_nanos() as u64;
    Ok(Sending {
        site: Site::find(&common.target, plan.connections)?,
        codec: Codec::new(plan.messages.form, super::run_number(common.seed)),
        form: plan.messages.form,
        sizes: plan.messages.sizes.clone(),
        seed: common.seed,
        pace,
        window: nanoseconds(plan.window.warm_up)..nanoseconds(length),
    })
}

fn group(plan: &EchoPlan, shape: &Shape, finished: Finished<EchoOutcome>) -> Group {
    let mut group = stage::group("echo", shape, &finished);
    let mut outcomes = finished.outcomes.into_iter();
    let Some(EchoOutcome { mut times, mut counts, mut checks }) = outcomes.next() else { return group };
    for other in outcomes {
        times.merge(other.times);
        counts.merge(other.counts);
        checks.merge(other.checks);
    }
    fill(&mut group, matches!(plan.pace, Pace::Open { .. }), times, counts, checks);
    group
}

/// In the closed loop a message is planned when it is sent: of the three times there is only one.
fn fill(group: &mut Group, is_open: bool, times: Times, counts: Counts, checks: Checks) {
    group.sent = counts.planned - counts.unsent;
    group.received = counts.received;
    (group.whole, group.arrived) = (Some(counts.whole), Some(counts.arrived));
    group.expected = counts.planned;
    group.checks = checks;
    let told = |latency: &Latency| latency.summary().filter(|_| is_open);
    group.latencies.response = told(&times.response);
    group.latencies.offer_lag = told(&times.offer_lag);
    group.latencies.service = times.service.summary();
    group.timeline = times.timeline.buckets();
}
