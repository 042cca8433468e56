//! Coming back to a topic: what a subscriber missed is sent from the history, then it goes on live.
//!
//! A subscriber that has messages to catch up with is behind. It has a send queue then, maybe an empty one, so that a fan-out
//! finds that it is not clear, and leaves it to the history. Each time the queue has drained it gets more, up to the high mark.

use std::sync::Arc;

use hashbrown::HashMap;

use super::local::Local;
use super::topics::SubscribeError;
use crate::config::TopicOverflow;
use crate::conn::behind::{Behind, Skip};
use crate::metrics::Loss;
use crate::proto::CloseCode;
use crate::topic::format::{Format, Publication};
use crate::topic::history::{Break, History, Offset, Position};
use crate::topic::name::Interest;
use crate::topic::{TopicId, Topics};

/// Where a subscription begins. For each topic that it matches: behind its position in `after`, if there is one; else with
/// the first message published at `since_ms` or later; else with the next that is published.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// Topics and the last message that was seen of each.
    pub after: &'a [(&'a str, Position)],
    /// Milliseconds since 1970-01-01 UTC, the server's clock.
    pub since_ms: Option<u64>,
}

/// What a subscription begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replay {
    /// Where the topic is now; `None` for a pattern, and for a topic without history.
    pub position: Option<Position>,
    /// Messages from the history that come before live ones.
    pub message_count: u64,
    /// Something behind a given position cannot be sent any more: what is sent is all that is left.
    pub has_gap: bool,
    /// Offsets behind a given position were skipped, as a start after a crash does, and no message has them: who knows offsets by
    /// counting messages would count wrong.
    pub has_skip: bool,
}

/// A replay and where it begins in each topic.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) replay: Replay,
    /// The message in front of the first one.
    pub(crate) topics: Vec<(Arc<str>, u64)>,
    /// Messages behind given positions that the histories let go of.
    pub(crate) too_old: u64,
}

/// How far a page of a replay went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// To the present.
    Last,
    /// As far as may be queued now.
    Full,
    /// As far as this turn has room.
    Later,
    /// Not behind the last one: what came next is gone.
    Lost,
}

impl<D> Local<D> {
    /// What [`Local::subscribe_from`] would begin with now.
    pub(crate) fn replay(&self, text: &str, start: &Start<'_>) -> Result<Replay, SubscribeError> {
        Ok(self.plan(Interest::parse(text, self.limits.names)?, start)?.replay)
    }

    /// Subscribes, and sends what the subscriber missed first. Who is subscribed already gets the replay alone.
    pub(crate) fn subscribe_from(
        &mut self,
        slot: u32,
        text: &str,
        start: &Start<'_>,
    ) -> Result<Replay, SubscribeError> {
        let interest = Interest::parse(text, self.limits.names)?;
        let Plan { replay, topics, too_old } = self.plan(interest, start)?;
        self.subscribe(slot, text)?;
        let topic = self.topics.find(interest, self.conns[slot].channel).expect("it was just subscribed to");
        self.note_loss(slot, topic, Loss::TooOld, too_old);
        self.begin_replay(slot, topic, topics);
        Ok(replay)
    }

    /// Sends a subscriber what was planned for it.
    pub(crate) fn begin_replay(&mut self, slot: u32, topic: TopicId, topics: Vec<(Arc<str>, u64)>) {
        if !topics.is_empty() {
            // What it asked for is sent whole, though later messages may be conflated.
            let may_skip = self.topics.topic(topic).overflow.needs_history();
            let skip = if may_skip { Skip::Oldest } else { Skip::Never };
            let behind = &mut self.conns[slot].queue.get_or_insert_default().behind;
            let mut wanted = Behind { topic, topics, skip };
            // Who asked before and still waits for some of it gets all of both.
            if let Some(at) = behind.iter().position(|behind| behind.topic == topic) {
                wanted.merge(behind.remove(at));
            }
            behind.insert(0, wanted);
            self.catch_up(slot);
        }
    }

    /// What a subscription would begin with now.
    pub(crate) fn plan(&self, interest: Interest<'_>, start: &Start<'_>) -> Result<Plan, SubscribeError> {
        let mut plan = Plan::default();
        // A pattern may match many topics, and come with many positions.
        let after: HashMap<_, _> = start.after.iter().copied().collect();
        match interest {
            // Without a beginning there is nothing to look for among all topics.
            Interest::Pattern(_) if after.is_empty() && start.since_ms.is_none() => {}
            Interest::Pattern(pattern) => {
                for (name, history) in self.histories.matching(pattern) {
                    plan.add(name, history, (after.get(&**name).copied(), start.since_ms))?;
                }
            }
            Interest::Name(name) => {
                if let Some((name, history)) = self.histories.find_key_value(name) {
                    plan.add(name, history, (after.get(&**name).copied(), start.since_ms))?;
                    plan.replay.position = Some(history.head());
                } else if self.topic_rules.find(name).history.is_some() {
                    plan.replay.position = Some(self.histories.start());
                }
            }
        }
        plan.replay.has_gap |= start.after.iter().any(|&(name, position)| self.is_lost(name, position));
        Ok(plan)
    }

    /// Whether a topic that is not here had messages behind this position, as far as is known.
    fn is_lost(&self, name: &str, position: Position) -> bool {
        let keeps = self.topic_rules.find(name).history.is_some();
        self.histories.find(name).is_none() && !(keeps && self.histories.is_start(position))
    }

    /// Goes on with a connection whose queue has drained: tells what it lost, and sends what it is behind with.
    pub(crate) fn refill(&mut self, slot: u32) {
        self.tell_losses(slot);
        match &self.conns[slot].queue {
            Some(queue) if !queue.behind.is_empty() => self.catch_up(slot),
            Some(queue) if queue.is_done() => self.conns[slot].queue = None,
            _ => {}
        }
    }

    /// Sends what the connection is behind with, now or when its turn comes.
    pub(crate) fn catch_up(&mut self, slot: u32) {
        if !self.must_wait(slot) {
            self.catch_up_now(slot);
        }
    }

    /// Up to its high mark. One subscription after the other: else a message that two of them match would come for one before
    /// all that is earlier was replayed to the other.
    pub(super) fn catch_up_now(&mut self, slot: u32) {
        self.mark_dirty(slot);
        while let Some(queue) = self.conns[slot].queue.as_mut().filter(|queue| !queue.behind.is_empty()) {
            let mut behind = queue.behind.remove(0);
            // Of a pattern, it may have the first messages of further topics.
            add_batch(&self.topics, slot, &mut behind);
            self.skip(slot, &mut behind);
            let page = self.replay_page(slot, &mut behind);
            if page == Page::Lost {
                self.counters.slow_consumers += 1;
                return self.begin_close(slot, CloseCode::RESUME, "resume: you read a history too slowly");
            }
            if page != Page::Last {
                self.conns[slot].queue.as_mut().expect("it was there").behind.insert(0, behind);
                if page == Page::Later {
                    self.wait_in_front(slot);
                }
                return;
            }
            // What the histories have of this turn's batch is in what was just sent.
            let unkept = self.count_unkept(slot, behind.topic);
            self.note_loss(slot, behind.topic, Loss::NoHistory, unkept);
            self.topics.exclude_past(behind.topic, slot);
        }
    }

    /// Leaves a turn's batch to the histories, because the connection cannot take it now.
    #[cold]
    pub(crate) fn fall_behind(&mut self, slot: u32, topic: TopicId) {
        let conflates = self.topics.topic(topic).overflow == TopicOverflow::Conflate;
        let skip = if conflates { Skip::AllButNewest } else { Skip::Oldest };
        let all = &mut self.conns[slot].queue.get_or_insert_default().behind;
        match all.iter_mut().find(|behind| behind.topic == topic) {
            Some(behind) => add_batch(&self.topics, slot, behind),
            None => {
                let mut behind = Behind { topic, topics: Vec::new(), skip };
                add_batch(&self.topics, slot, &mut behind);
                all.extend((!behind.topics.is_empty()).then_some(behind));
            }
        }
        let unkept = self.count_unkept(slot, topic);
        self.note_loss(slot, topic, Loss::NoHistory, unkept);
        self.mark_dirty(slot);
    }

    /// Leaves out what a subscriber that may miss something is too late for, and tells it.
    fn skip(&mut self, slot: u32, behind: &mut Behind) {
        if behind.skip == Skip::Never {
            return;
        }
        let mut skipped = 0;
        for (name, last) in &mut behind.topics {
            let Some(history) = self.histories.find(name) else { continue };
            let wanted = match behind.skip {
                // The newest may be too old by now.
                Skip::AllButNewest => history.evicted().max(Offset(history.head().offset.0 - 1)),
                Skip::Oldest | Skip::Never => history.evicted(),
            };
            skipped += Offset(*last).messages_to(wanted);
            *last = wanted.0.max(*last);
        }
        let conflates = self.topics.topic(behind.topic).overflow == TopicOverflow::Conflate;
        self.note_loss(slot, behind.topic, if conflates { Loss::Conflate } else { Loss::DropOldest }, skipped);
        self.tell_losses(slot);
    }

    /// Queues messages of one subscription.
    fn replay_page(&mut self, slot: u32, behind: &mut Behind) -> Page {
        let conn = &mut self.conns[slot];
        let topic = self.topics.topic(behind.topic);
        let mut head = Vec::new();
        for (name, last) in &mut behind.topics {
            let Some(history) = self.histories.find(name) else { continue };
            if *last < history.evicted().0 {
                let lost = Offset(*last).messages_to(history.evicted());
                self.note_loss(slot, behind.topic, Loss::TooOld, lost);
                return Page::Lost;
            }
            for entry in history.entries_after(Offset(*last)) {
                if conn.queued_bytes() > self.limits.send_queue_bytes_high {
                    return Page::Full;
                }
                if self.replays.is_full() {
                    return Page::Later;
                }
                self.encoded.clear();
                Format::of(conn.channel).encode(&Publication::held(name, history, entry), &mut self.encoded);
                head.clear();
                let body = topic.address(&self.encoded, &mut head);
                conn.queue.get_or_insert_default().push(&head, body);
                self.replays.take(head.len() + body.len());
                self.counters.deliveries += 1;
                self.counters.messages_delivered += 1;
                *last = entry.offset.0;
            }
        }
        Page::Last
    }

    /// Gives up what the connection was to catch up with.
    pub(crate) fn drop_behind(&mut self, slot: u32, with: impl Fn(&Behind) -> bool) {
        if let Some(queue) = &mut self.conns[slot].queue
            && !queue.behind.is_empty()
        {
            queue.behind.retain(|behind| !with(behind));
            self.mark_dirty(slot);
        }
    }
}

/// Has the subscriber get this turn's batch with what it catches up with.
fn add_batch(topics: &Topics, slot: u32, behind: &mut Behind) {
    topics.topic(behind.topic).numbers_for(slot).for_each(|number| behind.add(&number.name, number.offset));
}

impl Plan {
    /// Adds a topic whose subscriber has all up to a position, or wants what came since a time.
    fn add(
        &mut self,
        name: &Arc<str>,
        history: &History,
        start: (Option<Position>, Option<u64>),
    ) -> Result<(), SubscribeError> {
        let last = match start {
            (Some(position), _) => match history.after(position) {
                Ok(_) => {
                    self.replay.has_skip |= position.offset.skips_to(history.head().offset);
                    self.replay.has_gap |= history.has_hole_behind(position.offset);
                    position.offset
                }
                Err(Break::Ahead) => return Err(SubscribeError::Ahead { topic: (&**name).into() }),
                Err(Break::TooOld | Break::OtherEpoch) => {
                    self.replay.has_gap = true;
                    // Of another epoch it is not known how much it is.
                    let same = position.epoch == history.head().epoch;
                    self.too_old += if same { position.offset.messages_to(history.evicted()) } else { 0 };
                    history.evicted()
                }
            },
            (None, Some(since_ms)) => history.before(since_ms),
            (None, None) => return Ok(()),
        };
        let count = history.entries_after(last).len();
        if count > 0 {
            self.replay.message_count += count as u64;
            self.topics.push((Arc::clone(name), last.0));
        }
        Ok(())
    }
}
