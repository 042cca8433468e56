//! Publications to subscribers: once per turn and topic, the same bytes for all who have nothing else to send.

use std::io;
use std::time::Instant;

use super::window::SENDS_MIN;
use super::{Shard, polls};
use crate::conn::Channel;
use crate::conn::arena::Segment;
use crate::handler::Handler;
use crate::handler::local::Local;
use crate::ring::{Op, Ring, SendBytes, Wait};
use crate::topic::TopicId;

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn fan_out(&mut self) -> io::Result<()> {
        if !self.local.topics.is_dirty() && self.local.outbox.is_empty() && !self.mailbox.is_stuck() {
            return Ok(());
        }
        let begin = self.ring.now();
        self.post_outbox();
        let (sends, _) = self.local.topics.pending();
        // With several topics, a connection's share of all of them leaves in one send.
        let how = if self.local.topics.dirty_count() == 1 { Delivery::Now } else { Delivery::AtFlush };
        while let Some(topic) = self.local.topics.pop_dirty() {
            let age_us = self.local.topics.topic(topic).age_us;
            let deliveries = fan_out_topic(&mut self.ring, &mut self.local, topic, how);
            self.waves.push((age_us, deliveries));
        }
        if sends >= SENDS_MIN {
            // Now, so that its cost can be told from the sleep that follows.
            self.ring.submit(Wait::No)?;
        }
        if !self.waves.is_empty() {
            self.note_waves(begin, sends >= SENDS_MIN);
        }
        Ok(())
    }

    /// Counts how long this turn's publications took. The clock is read once, however many they were.
    fn note_waves(&mut self, begin: Instant, is_large: bool) {
        let Self { ring, local, window, waves, .. } = self;
        let end = ring.now();
        if is_large {
            window.note_fan_out(end.saturating_duration_since(begin), end, local.counters.publications);
        }
        let turn_us = end.saturating_duration_since(local.began).as_micros() as u64;
        for (age_us, deliveries) in waves.drain(..) {
            local.latency.add(turn_us + u64::from(age_us), deliveries.into());
        }
    }
}

/// When a subscriber's send is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Now,
    AtFlush,
}

/// Returns how many get the batch with this turn.
fn fan_out_topic<R: Ring, D>(ring: &mut R, local: &mut Local<D>, id: TopicId, how: Delivery) -> u32 {
    let topic = local.topics.topic(id);
    if topic.subscribers.is_empty() {
        local.topics.finish(id);
        return 0;
    }
    if topic.channel() == Channel::Polls {
        return polls::wake(local, id);
    }
    mark_excluded(local, id, true);
    let topic = local.topics.topic(id);
    let mut segment = Segment::default();
    local.arena.append(&mut segment, &topic.batch);
    let bytes = SendBytes::new(local.arena.pending(segment));
    // From the end: a subscriber that is too slow leaves in the middle of this, and the last one takes its place.
    let count = topic.subscribers.len();
    let (mut behind, mut sent) = (0, 0);
    for index in (0..count).rev() {
        let slot = local.topics.topic(id).subscribers[index];
        let conn = &mut local.conns[slot];
        if !conn.is_clear() || conn.excluded {
            local.append_batch(slot, id);
            behind += u32::from(local.conns[slot].queue.is_some());
        } else if how == Delivery::Now && conn.flight != local.flight {
            conn.sent = segment;
            conn.flight = local.flight;
            let generation = conn.generation;
            sent += 1;
            ring.push(Op::Send { slot, generation, bytes, patient: false });
        } else {
            conn.segment = segment;
            local.mark_dirty(slot);
        }
    }
    local.counters.bytes_out += sent * u64::from(bytes.len);
    local.counters.messages_delivered += (count as u64 - u64::from(behind)) * local.topics.topic_mut(id).whole_count();
    let topic = local.topics.topic(id);
    local.counters.deliveries += topic.subscribers.len() as u64;
    if topic.channel().is_stream() {
        topic.subscribers.iter().for_each(|&slot| local.conns[slot].received_at = local.now);
    }
    mark_excluded(local, id, false);
    local.topics.finish(id);
    count as u32 - behind
}

/// Marks those who published "not to myself", for the length of the fan-out.
fn mark_excluded<D>(local: &mut Local<D>, id: TopicId, excluded: bool) {
    for exclusion in &local.topics.topic(id).exclusions {
        local.conns[exclusion.slot].excluded = excluded;
    }
}
