//! What subscribers did not get: counted for the shard, the topic and the connection, and told where the transport can tell it.
//!
//! A subscriber is told when its queue has drained, once for each subscription, however much was dropped meanwhile.

use super::local::Local;
use crate::metrics::Loss;
use crate::topic::TopicId;
use crate::topic::format::Format;

impl<D> Local<D> {
    /// Counts messages of a topic that a subscriber does not get.
    #[cold]
    pub(crate) fn note_loss(&mut self, slot: u32, topic: TopicId, cause: Loss, count: u64) {
        if count == 0 {
            return;
        }
        self.counters.losses.add(cause, count);
        self.topics.topic_mut(topic).losses.get_or_insert_default().add(cause, count);
        let conn = &mut self.conns[slot];
        conn.lost_count = conn.lost_count.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        if is_told(cause) && Format::of(conn.channel).tells_losses() {
            conn.queue.get_or_insert_default().add_loss(topic, count);
            self.mark_dirty(slot);
        }
    }

    /// Tells a subscriber what it lost since it was last told.
    pub(super) fn tell_losses(&mut self, slot: u32) {
        let conn = &mut self.conns[slot];
        let Some(queue) = conn.queue.as_mut().filter(|queue| !queue.losses.is_empty()) else { return };
        for (topic, count) in std::mem::take(&mut queue.losses) {
            self.encoded.clear();
            Format::of(conn.channel).lost(self.topics.topic(topic).name(), count, &mut self.encoded);
            queue.push(&self.encoded, &[]);
            self.counters.frames_out += 1;
        }
        self.mark_dirty(slot);
    }

    /// Gives up telling what was lost of subscriptions that end.
    pub(super) fn forget_losses(&mut self, slot: u32, of: impl Fn(TopicId) -> bool) {
        if let Some(queue) = &mut self.conns[slot].queue {
            queue.losses.retain(|&(topic, _)| !of(topic));
        }
    }

    /// Messages of this turn's batch that `slot` would get and that no history has.
    pub(super) fn count_unkept(&mut self, slot: u32, id: TopicId) -> u64 {
        let topic = self.topics.topic_mut(id);
        if !topic.is_pattern() {
            return 0;
        }
        (topic.message_count(slot) - topic.numbers_for(slot).count()) as u64
    }
}

/// Whether the subscriber is told. One that is closed hears it by that, one that resumes by the gap in the answer, and
/// conflation is what was wanted.
fn is_told(cause: Loss) -> bool {
    matches!(cause, Loss::DropNewest | Loss::DropOldest | Loss::NoHistory)
}
