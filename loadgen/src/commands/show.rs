//! What `fanout` and `compare` have in common: publishers and followers, put together, run, and counted.

use std::sync::Arc;
use std::time::Duration;

use super::refused;
use super::stage::{self, ThreadsError};
use crate::cli::{Common, Messages, TOPICS_PATH, Transport, Window};
use crate::load::cast::Cast;
use crate::load::fanout::{Fanout, Outcome};
use crate::load::show::{Line, Show};
use crate::load::{Published, Timed, Told};
use crate::payload::Codec;
use crate::report::{Connections, Group, Report, ServerUse};
use crate::run::{Shape, Site};
use crate::schedule::{Plan, Rate};
use crate::transport::Way;

/// How long is waited for what has not come at the end of the window.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Begins the topics' names where the URL says none.
const NAME: &str = "load";

/// What is shown to whom.
pub(super) struct Wanted<'a> {
    pub(super) cast: Cast,
    pub(super) lines: Vec<Line>,
    pub(super) rate: Rate,
    pub(super) messages: &'a Messages,
    pub(super) window: Window,
    pub(super) timed: Timed,
}

/// What came of it.
pub(super) struct Seen {
    pub(super) groups: Vec<Told>,
    pub(super) published: Published,
    /// Messages that each group was to receive in the window.
    pub(super) expected: u64,
    pub(super) used: Option<ServerUse>,
}

/// Runs it.
///
/// # Errors
/// When the server refuses what nothing can be done without, or no ring is to be had.
pub(super) fn perform(common: &Common, wanted: Wanted<'_>, report: &mut Report) -> anyhow::Result<Seen> {
    let cast = wanted.cast;
    let show = Arc::new(show(common, &wanted)?);
    let shape = shape(common, &wanted)?;
    let make = |thread, first, count| Fanout::new(Arc::clone(&show), thread, shape.threads, first, count);
    let (finished, used) = stage::perform(common, &shape, make)?;
    stage::note(report, &finished, used.as_ref());
    let mut outcomes = finished.outcomes.into_iter();
    let first = outcomes.next().expect("there is a thread");
    let all = outcomes.fold(first, merged);
    match all.refusals.first() {
        Some(refusal) if all.has_failed => return Err(refused::told(refusal, &show.topics)),
        Some(refusal) => {
            eprintln!("ringwire-load: {} refusals, such as {}: {}", all.refusals.len(), refusal.code, refusal.message)
        }
        None => {}
    }
    let expected = cast.expected(&show.plan, &show.window);
    Ok(Seen { groups: all.groups, published: all.published, expected, used })
}

fn shape(common: &Common, wanted: &Wanted<'_>) -> Result<Shape, ThreadsError> {
    let connections = wanted.cast.connections();
    Ok(Shape {
        connections,
        threads: stage::threads(common, connections)?,
        opens_all: true,
        connect_rate: common.connect_rate,
        open_timeout: common.connect_timeout,
        warm_up: wanted.window.warm_up,
        window: wanted.window.length,
        drain_max: DRAIN_MAX,
        message_bytes_max: wanted.messages.sizes.most() + 64 * 1024,
    })
}

fn show(common: &Common, wanted: &Wanted<'_>) -> anyhow::Result<Show> {
    let Wanted { cast, lines, rate, messages, window, timed } = wanted;
    let length = window.warm_up + window.length;
    let nanoseconds = |time: Duration| time.as_nanos() as u64;
    Ok(Show {
        site: Site::find(&common.target, cast.connections())?,
        cast: *cast,
        lines: lines.clone(),
        topics: topics(common.target.path_and_query(), cast.topics),
        plan: Plan::new(*rate, cast.publishers, Duration::ZERO, length),
        codec: Codec::new(messages.form, super::run_number(common.seed)),
        form: messages.form,
        sizes: messages.sizes.clone(),
        seed: common.seed,
        window: nanoseconds(window.warm_up)..nanoseconds(length),
        timed: *timed,
    })
}

/// `load.0`, `load.1` and so on, or the name in the URL, with numbers when there are several.
fn topics(path: &str, count: u32) -> Vec<String> {
    match path.strip_prefix(TOPICS_PATH) {
        Some(name) if count == 1 => vec![name.to_owned()],
        name => (0..count).map(|number| format!("{}.{number}", name.unwrap_or(NAME))).collect(),
    }
}

fn merged(mut all: Outcome, other: Outcome) -> Outcome {
    all.groups.iter_mut().zip(other.groups).for_each(|(all, other)| all.merge(other));
    all.published.merge(other.published);
    // What ended the run stands first in its thread's.
    if other.has_failed && !all.has_failed {
        all.refusals.splice(0..0, other.refusals);
    } else {
        all.refusals.extend(other.refusals);
    }
    all.has_failed |= other.has_failed;
    all
}

/// The way that a transport is followed: of polls at an interval, those that get all or those that get the latest.
pub(super) fn way(transport: Transport, polls: Way) -> Way {
    match transport {
        Transport::Websocket => Way::Topic,
        Transport::V1 => Way::V1,
        Transport::Sse => Way::Sse,
        Transport::LongPoll => Way::LongPoll,
        Transport::ShortPoll => polls,
        Transport::Broadcast => Way::Broadcast,
        Transport::Nats => Way::Nats,
    }
}

/// What is told of a group, whatever was timed.
pub(super) fn group(name: String, told: Told, expected: u64, published: &Published, window: Window) -> Group {
    let mut lag = told.poll_lag;
    lag.merge(&published.offer_lag);
    let mut group = Group {
        name,
        connections: Connections { wanted: told.wanted, opened: told.opened, lost: told.lost },
        seconds: window.length.as_secs_f64(),
        sent: published.sent(),
        unsent: published.planned - published.sent(),
        received: told.received,
        expected,
        bytes_in: told.bytes_in,
        bytes_out: told.bytes_out,
        requests: told.requests,
        checks: told.checks,
        timeline: told.timeline.buckets(),
        ..Group::default()
    };
    group.latencies.offer_lag = lag.summary();
    group
}

#[cfg(test)]
mod tests {
    use super::topics;

    #[test]
    fn topics_are_named_by_the_url_or_for_the_load() {
        assert_eq!(topics("/", 2), ["load.0", "load.1"]);
        assert_eq!(topics("/topics/news", 1), ["news"]);
        assert_eq!(topics("/topics/news", 2), ["news.0", "news.1"]);
    }
}
