//! Publications to subscribers: once per turn and topic, the same bytes for all who have nothing else to send.

use super::Shard;
use crate::conn::arena::Segment;
use crate::conn::slot::{Phase, Sending};
use crate::handler::Handler;
use crate::handler::local::Local;
use crate::ring::{Op, Ring, SendBytes};
use crate::topic::TopicId;

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn fan_out(&mut self) {
        if !self.local.topics.is_dirty() && self.local.outbox.is_empty() {
            return;
        }
        let begin = self.ring.now();
        self.post_outbox();
        while let Some(topic) = self.local.topics.pop_dirty() {
            fan_out_topic(&mut self.ring, &mut self.local, topic);
        }
        self.window.note_fan_out(begin, &self.ring);
    }
}

fn fan_out_topic<R: Ring, D>(ring: &mut R, local: &mut Local<D>, id: TopicId) {
    let topic = local.topics.topic(id);
    if topic.subscribers.is_empty() {
        return local.topics.finish(id);
    }
    mark_excluded(local, id, true);
    let topic = local.topics.topic(id);
    let mut segment = Segment::default();
    local.arena.append(&mut segment, &topic.batch);
    let bytes = SendBytes::new(local.arena.bytes(segment));
    // From the end: a subscriber that is too slow leaves in the middle of this, and the last one takes its place.
    let count = topic.subscribers.len();
    for index in (0..count).rev() {
        let slot = local.topics.topic(id).subscribers[index];
        let conn = &mut local.conns[slot];
        if conn.is_clear() && !conn.excluded && conn.phase == Phase::Open {
            conn.segment = segment;
            conn.sending = Sending::Segment;
            let generation = conn.generation;
            local.arena.hold(segment);
            ring.push(Op::Send { slot, generation, bytes, patient: false });
        } else {
            local.append_batch(slot, id);
        }
    }
    local.counters.deliveries += local.topics.topic(id).subscribers.len() as u64;
    local.arena.release(segment);
    mark_excluded(local, id, false);
    local.topics.finish(id);
}

/// Marks those who published "not to myself", for the length of the fan-out.
fn mark_excluded<D>(local: &mut Local<D>, id: TopicId, excluded: bool) {
    for exclusion in &local.topics.topic(id).exclusions {
        local.conns[exclusion.slot].excluded = excluded;
    }
}
