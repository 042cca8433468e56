//! `fanout`: publications to many subscribers, by one transport after the other: when they come, and whether all do.

use super::show::{self, Wanted};
use crate::cli::{Common, FanoutPlan, Transport};
use crate::load::Timed;
use crate::load::cast::Cast;
use crate::load::show::Line;
use crate::report::{Report, Window};
use crate::transport::Way;

pub(super) fn run(common: &Common, plan: &FanoutPlan, report: &mut Report) -> anyhow::Result<()> {
    let (warm_up, window) = (plan.window.warm_up.as_secs_f64(), plan.window.length.as_secs_f64());
    report.window = Window { warm_up_seconds: warm_up, seconds: window };
    for &transport in &plan.transports {
        by(transport, common, plan, report)?;
    }
    // Where there was one transport, all that the server used was for it.
    if let [only] = report.groups.as_mut_slice() {
        report.server = only.server.take();
    }
    Ok(())
}

fn by(transport: Transport, common: &Common, plan: &FanoutPlan, report: &mut Report) -> anyhow::Result<()> {
    let cast = Cast { publishers: plan.publishers, topics: plan.topics, groups: 1, followers: plan.subscribers };
    // Every publication is wanted, so what asks at an interval asks for all that is new.
    let line = Line { way: show::way(transport, Way::Poll), interval: plan.poll_interval.as_nanos() as u64 };
    let wanted = Wanted {
        cast,
        lines: vec![line],
        rate: plan.rate,
        messages: &plan.messages,
        window: plan.window,
        timed: Timed::Delivery,
    };
    let mut seen = show::perform(common, wanted, report)?;
    let told = seen.groups.remove(0);
    let delivery = told.delivery.summary();
    let mut group = show::group(transport.name(), told, seen.expected, &seen.published, plan.window);
    group.latencies.delivery = delivery;
    // Later runs find memory that those before them used.
    let grew_for = if report.groups.is_empty() { group.connections.opened } else { 0 };
    group.server = seen.used.map(|used| used.per(group.received, grew_for));
    report.groups.push(group);
    Ok(())
}
