//! `compare`: one publisher of frames, and viewers by several transports, all at once: how old is what they see, and what it costs.

use ringwire::config::text::print_duration;

use super::headline::headline;
use super::show::{self, Seen, Wanted};
use crate::cli::{Common, ComparePlan, Transport};
use crate::load::Timed;
use crate::load::cast::Cast;
use crate::load::show::Line;
use crate::report::{Report, Window};
use crate::transport::Way;

/// Viewers by one transport, and at one interval if they ask.
struct Viewers {
    name: String,
    line: Line,
}

pub(super) fn run(common: &Common, plan: &ComparePlan, report: &mut Report) -> anyhow::Result<()> {
    let (warm_up, window) = (plan.window.warm_up.as_secs_f64(), plan.window.length.as_secs_f64());
    report.window = Window { warm_up_seconds: warm_up, seconds: window };
    let all = viewers(plan);
    let seen = perform(common, plan, &all, report)?;
    for (viewers, told) in all.iter().zip(seen.groups) {
        let (staleness, may_skip) = (told.staleness.summary(), viewers.line.way.may_skip());
        let mut group = show::group(viewers.name.clone(), told, seen.expected, &seen.published, plan.window);
        group.latencies.staleness = staleness;
        group.may_skip = may_skip;
        if may_skip {
            let wrong = group.checks.total();
            group.checks.missing = group.expected.saturating_sub(group.received - wrong);
        }
        report.groups.push(group);
    }
    let updates = report.groups.iter().map(|group| group.received).sum();
    let opened = report.groups.iter().map(|group| group.connections.opened).sum();
    report.server = seen.used.map(|used| used.per(updates, opened));
    report.headline = headline(&report.groups);
    if plan.apart { apart(common, plan, &all, report) } else { Ok(()) }
}

/// A second phase: each transport alone, for what it costs the server.
fn apart(common: &Common, plan: &ComparePlan, all: &[Viewers], report: &mut Report) -> anyhow::Result<()> {
    for (index, viewers) in all.iter().enumerate() {
        let seen = perform(common, plan, std::slice::from_ref(viewers), report)?;
        let told = &seen.groups[0];
        // Memory for connections was there already, of the run of all.
        report.groups[index].server = seen.used.map(|used| used.per(told.received, 0));
    }
    Ok(())
}

fn perform(common: &Common, plan: &ComparePlan, all: &[Viewers], report: &mut Report) -> anyhow::Result<Seen> {
    let groups = all.len() as u32;
    let wanted = Wanted {
        cast: Cast { publishers: 1, topics: 1, groups, followers: plan.viewers },
        lines: all.iter().map(|viewers| viewers.line.clone()).collect(),
        rate: plan.frames,
        messages: &plan.messages,
        window: plan.window,
        timed: Timed::Staleness,
    };
    show::perform(common, wanted, report)
}

/// Who asks at an interval asks for the latest, as a page does that shows a state.
fn viewers(plan: &ComparePlan) -> Vec<Viewers> {
    let of = |&transport: &Transport| {
        let (way, name) = (show::way(transport, Way::Latest), transport.name());
        if !way.has_interval() {
            return vec![Viewers { name, line: Line { way, interval: 0 } }];
        }
        let intervals = plan.poll_intervals.iter().map(|&interval| Viewers {
            name: format!("{name} {}", print_duration(interval)),
            line: Line { way, interval: interval.as_nanos() as u64 },
        });
        intervals.collect()
    };
    plan.transports.iter().flat_map(of).collect()
}
