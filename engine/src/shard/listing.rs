//! What a shard tells of its connections and topics. Lists are bounded by what they look at, so that a long one costs many
//! short turns and not a long one (rule 9).

use std::sync::Arc;

use super::command::{ConnDetail, ConnFilter, ConnInfo, ConnPage, ConnQuery};
use super::command::{HistoryInfo, HistoryQuery, TopicInfo, TopicPage, TopicQuery};
use crate::conn::slot::{Phase, Slot};
use crate::conn::{Channel, ConnId};
use crate::handler::ReadyState;
use crate::handler::local::Local;
use crate::handler::wheel::TICK;
use crate::topic::TopicId;
use crate::topic::history::Offset;
use crate::topic::name::Interest;

pub(super) fn list<D>(local: &Local<D>, query: &ConnQuery) -> ConnPage {
    let Some(wanted) = Wanted::new(local, &query.filter) else { return ConnPage::default() };
    let end = query.from.saturating_add(query.slots_max);
    let found = local.conns.range(query.from, end).filter(|(_, conn)| wanted.matches(conn));
    let conns: Vec<_> = found.take(query.count_max).map(|(slot, conn)| info(local, slot, conn)).collect();
    let looked_to = match conns.last() {
        Some(last) if conns.len() == query.count_max => last.id.slot + 1,
        _ => end,
    };
    let next = (looked_to < local.conns.slot_count()).then_some(looked_to);
    ConnPage { conns, next }
}

/// A filter in the shard's own numbers.
struct Wanted<'q> {
    filter: &'q ConnFilter,
    /// Each channel has a topic of its own.
    topics: Option<Vec<TopicId>>,
}

impl<'q> Wanted<'q> {
    /// `None` when no connection of this shard can match.
    fn new<D>(local: &Local<D>, filter: &'q ConnFilter) -> Option<Self> {
        let Some(text) = &filter.topic else { return Some(Self { filter, topics: None }) };
        let interest = Interest::parse(text, local.limits.names).ok()?;
        let found = Channel::ALL.into_iter().filter_map(|channel| local.topics.find(interest, channel));
        Some(Self { filter, topics: Some(found.collect()) })
    }

    fn matches<D>(&self, conn: &Slot<D>) -> bool {
        is_told(conn)
            && self.filter.route.is_none_or(|route| conn.phase != Phase::Stream && route == usize::from(conn.route))
            && self.filter.ready_state.is_none_or(|state| state == ReadyState::of(conn.phase))
            && self.filter.is_stream.is_none_or(|wanted| wanted == (conn.phase == Phase::Stream))
            && self
                .topics
                .as_ref()
                .is_none_or(|wanted| conn.subscriptions.iter().any(|found| wanted.contains(&found.topic)))
    }
}

pub(super) fn inspect<D>(local: &Local<D>, id: ConnId) -> Option<ConnDetail> {
    let conn = local.conns.find(id).filter(|conn| is_told(conn))?;
    let topics = conn.subscriptions.iter().take(ConnDetail::TOPICS_MAX);
    Some(ConnDetail {
        info: info(local, id.slot, conn),
        protocol: local.protocols.name(conn.protocol).map(Into::into),
        silence: TICK * local.now.wrapping_sub(conn.received_at),
        is_held: conn.paused || conn.congested,
        behind_count: behind_count(local, conn),
        lost_count: conn.lost_count,
        topics: topics.map(|subscription| local.topics.topic(subscription.topic).name().into()).collect(),
    })
}

pub(super) fn topics<D>(local: &Local<D>, query: &TopicQuery) -> TopicPage {
    let end = query.from.saturating_add(query.places_max);
    let found = local.topics.range(query.from, end);
    let found = found.filter(|topic| !topic.subscribers.is_empty() && topic.name() > &*query.after);
    let topics = found.map(|topic| TopicInfo {
        name: topic.name().into(),
        is_pattern: topic.is_pattern(),
        subscriber_count: topic.subscribers.len(),
        losses: topic.losses.as_deref().copied().unwrap_or_default(),
    });
    let mut topics: Vec<_> = topics.collect();
    let next = (end < local.topics.place_count()).then_some(end);
    // Bounded by itself, and told with the last places.
    if next.is_none() {
        topics.extend(local.topics.remembered.behind(&query.after).map(|(name, losses)| TopicInfo {
            name: name.into(),
            is_pattern: matches!(Interest::parse(name, local.limits.names), Ok(Interest::Pattern(_))),
            subscriber_count: 0,
            losses,
        }));
    }
    TopicPage { topics, next }
}

/// Names in order: what the shard looks at is what it lists.
pub(super) fn histories<D>(local: &Local<D>, query: &HistoryQuery) -> Vec<HistoryInfo> {
    let found = local.histories.behind(&query.after).take(query.count_max);
    let histories = found.map(|(name, history)| HistoryInfo {
        name: Arc::clone(name),
        position: history.head(),
        message_count: history.len(),
        bytes: history.bytes(),
    });
    histories.collect()
}

/// Whether others hear of it: it is a WebSocket or a stream, and not over.
fn is_told<D>(conn: &Slot<D>) -> bool {
    matches!(conn.phase, Phase::Open | Phase::Closing | Phase::Stream)
}

/// Messages between what a connection is behind with and the present.
fn behind_count<D>(local: &Local<D>, conn: &Slot<D>) -> u64 {
    let topics = conn.queue.iter().flat_map(|queue| &queue.behind).flat_map(|behind| &behind.topics);
    let count = |(name, last): &(Arc<str>, u64)| {
        let head = local.histories.find(name).map(|history| history.head().offset);
        head.map_or(0, |head| Offset(*last).messages_to(head))
    };
    topics.map(count).sum()
}

fn info<D>(local: &Local<D>, slot: u32, conn: &Slot<D>) -> ConnInfo {
    ConnInfo {
        id: local.id(slot),
        remote_addr: conn.peer.into(),
        route: usize::from(conn.route),
        is_stream: conn.phase == Phase::Stream,
        ready_state: ReadyState::of(conn.phase),
        queued_bytes: conn.queued_bytes(),
        subscription_count: conn.subscriptions.len(),
    }
}
