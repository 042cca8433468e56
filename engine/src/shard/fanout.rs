//! Publications to subscribers: once per turn and topic, the same bytes for all who have nothing else to send.

use std::io;

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
            fan_out_topic(&mut self.ring, &mut self.local, topic, how);
        }
        if sends >= SENDS_MIN {
            // Now, so that its cost can be told from the sleep that follows.
            self.ring.submit(Wait::No)?;
            self.window.note_fan_out(self.ring.now().saturating_duration_since(begin));
        }
        Ok(())
    }
}

/// When a subscriber's send is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Now,
    AtFlush,
}

fn fan_out_topic<R: Ring, D>(ring: &mut R, local: &mut Local<D>, id: TopicId, how: Delivery) {
    let topic = local.topics.topic(id);
    if topic.subscribers.is_empty() {
        return local.topics.finish(id);
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
    for index in (0..count).rev() {
        let slot = local.topics.topic(id).subscribers[index];
        let conn = &mut local.conns[slot];
        if !conn.is_clear() || conn.excluded {
            local.append_batch(slot, id);
        } else if how == Delivery::Now && conn.flight != local.flight {
            conn.sent = segment;
            conn.flight = local.flight;
            let generation = conn.generation;
            ring.push(Op::Send { slot, generation, bytes, patient: false });
        } else {
            conn.segment = segment;
            local.mark_dirty(slot);
        }
    }
    let topic = local.topics.topic(id);
    local.counters.deliveries += topic.subscribers.len() as u64;
    if topic.channel().is_stream() {
        topic.subscribers.iter().for_each(|&slot| local.conns[slot].received_at = local.now);
    }
    mark_excluded(local, id, false);
    local.topics.finish(id);
}

/// Marks those who published "not to myself", for the length of the fan-out.
fn mark_excluded<D>(local: &mut Local<D>, id: TopicId, excluded: bool) {
    for exclusion in &local.topics.topic(id).exclusions {
        local.conns[exclusion.slot].excluded = excluded;
    }
}
