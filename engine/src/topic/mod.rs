//! Topics of one shard: who subscribed, and what was published this turn. No IO.
//!
//! A publication is framed once, into its topic's batch. At the end of the turn every subscriber gets the whole batch; those
//! with nothing else to send share its very bytes. Names are exact here; order holds per topic.

pub(crate) mod outbox;

use std::ops::Range;

use rustc_hash::FxHashMap;

/// Index of a topic in its shard.
pub(crate) type TopicId = u32;

/// The topics of one shard.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: FxHashMap<Box<str>, TopicId>,
    topics: Vec<Topic>,
    free: Vec<TopicId>,
    /// Topics with a batch.
    dirty: Vec<TopicId>,
}

/// A name, its subscribers, and this turn's batch.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    name: Box<str>,
    /// Slots.
    pub(crate) subscribers: Vec<u32>,
    /// Frames published this turn, in order.
    pub(crate) batch: Vec<u8>,
    /// Parts of the batch that a subscriber must not get, because it published them "not to myself" or was not yet one; in
    /// batch order for each.
    pub(crate) exclusions: Vec<Exclusion>,
}

impl Topic {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// A part of a batch that `slot` does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exclusion {
    pub(crate) slot: u32,
    pub(crate) range: Range<usize>,
}

/// Batches keep at most this much memory between turns.
const BATCH_SPARE_BYTES: usize = 64 * 1024;

impl Topics {
    /// The topic of this name, if anybody here subscribes to it.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<TopicId> {
        self.by_name.get(name).copied()
    }

    /// The topic of this name, made if need be; `None` when there are `topics_max` already.
    pub(crate) fn find_or_create(&mut self, name: &str, topics_max: u32) -> Option<TopicId> {
        if let Some(id) = self.find(name) {
            return Some(id);
        }
        if self.by_name.len() >= topics_max as usize {
            return None;
        }
        let topic = Topic { name: name.into(), ..Topic::default() };
        let id = match self.free.pop() {
            Some(id) => {
                self.topics[id as usize] = topic;
                id
            }
            None => {
                self.topics.push(topic);
                self.topics.len() as TopicId - 1
            }
        };
        self.by_name.insert(name.into(), id);
        Some(id)
    }

    #[inline]
    pub(crate) fn topic(&self, id: TopicId) -> &Topic {
        &self.topics[id as usize]
    }

    #[inline]
    pub(crate) fn topic_mut(&mut self, id: TopicId) -> &mut Topic {
        &mut self.topics[id as usize]
    }

    /// Adds frames to this turn's batch; `exclude` is a slot that must not get them.
    #[inline]
    pub(crate) fn append(&mut self, id: TopicId, head: &[u8], body: &[u8], exclude: Option<u32>) {
        let topic = &mut self.topics[id as usize];
        let start = topic.batch.len();
        if start == 0 {
            self.dirty.push(id);
        }
        topic.batch.extend_from_slice(head);
        topic.batch.extend_from_slice(body);
        if let Some(slot) = exclude {
            topic.exclusions.push(Exclusion { slot, range: start..topic.batch.len() });
        }
    }

    /// Keeps what this turn published so far from a new subscriber.
    pub(crate) fn exclude_past(&mut self, id: TopicId, slot: u32) {
        let topic = &mut self.topics[id as usize];
        if !topic.batch.is_empty() {
            topic.exclusions.retain(|exclusion| exclusion.slot != slot);
            topic.exclusions.push(Exclusion { slot, range: 0..topic.batch.len() });
        }
    }

    /// Whether anything waits for a fan-out.
    #[inline]
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Deliveries that the fan-out of all batches would make, and the bytes of the batches.
    pub(crate) fn pending(&self) -> (usize, usize) {
        self.dirty
            .iter()
            .map(|&id| self.topic(id))
            .fold((0, 0), |(sends, bytes), topic| (sends + topic.subscribers.len(), bytes + topic.batch.len()))
    }

    /// A topic with a batch, oldest last.
    pub(crate) fn pop_dirty(&mut self) -> Option<TopicId> {
        self.dirty.pop()
    }

    /// Empties the batch after its fan-out, and frees the topic if nobody subscribes any more.
    pub(crate) fn finish(&mut self, id: TopicId) {
        let topic = &mut self.topics[id as usize];
        topic.batch.clear();
        topic.batch.shrink_to(BATCH_SPARE_BYTES);
        topic.exclusions.clear();
        self.free_if_unused(id);
    }

    /// Frees a topic that has neither subscribers nor a batch.
    pub(crate) fn free_if_unused(&mut self, id: TopicId) {
        let topic = &mut self.topics[id as usize];
        if topic.subscribers.is_empty() && topic.batch.is_empty() {
            let topic = std::mem::take(topic);
            self.by_name.remove(&topic.name);
            self.free.push(id);
        }
    }

    /// Topics at the places from `from` to below `end`; some have no subscribers.
    pub(crate) fn range(&self, from: TopicId, end: TopicId) -> impl Iterator<Item = &Topic> {
        let end = end.min(self.place_count()) as usize;
        self.topics.get(from as usize..end).unwrap_or_default().iter()
    }

    /// Places for topics, free ones too.
    pub(crate) fn place_count(&self) -> u32 {
        self.topics.len() as u32
    }

    /// Topics with subscribers.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }
}

/// The batch without the parts that are excluded for `slot`.
pub(crate) fn parts<'a>(batch: &'a [u8], exclusions: &'a [Exclusion], slot: u32) -> impl Iterator<Item = &'a [u8]> {
    let own = exclusions.iter().filter(move |exclusion| exclusion.slot == slot);
    let starts = std::iter::once(0).chain(own.clone().map(|exclusion| exclusion.range.end));
    let ends = own.map(|exclusion| exclusion.range.start).chain(std::iter::once(batch.len()));
    starts.zip(ends).map(|(start, end)| &batch[start..end]).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excluded_subscriber_gets_all_but_its_own() {
        let mut topics = Topics::default();
        let id = topics.find_or_create("t", 1).expect("room for one");
        topics.append(id, b"a", b"1", Some(7));
        topics.append(id, b"b", b"2", None);
        topics.append(id, b"c", b"3", Some(7));
        topics.append(id, b"d", b"4", Some(8));
        let topic = topics.topic(id);
        let joined = |slot| parts(&topic.batch, &topic.exclusions, slot).collect::<Vec<_>>().concat();
        assert_eq!(joined(7), b"b2d4");
        assert_eq!(joined(8), b"a1b2c3");
        assert_eq!(joined(9), b"a1b2c3d4");
    }

    #[test]
    fn a_topic_without_subscribers_and_batch_is_freed() {
        let mut topics = Topics::default();
        let id = topics.find_or_create("t", 1).expect("room for one");
        assert_eq!(topics.find_or_create("u", 1), None, "topics_max");
        topics.append(id, b"", b"x", None);
        topics.free_if_unused(id);
        assert_eq!(topics.len(), 1, "its batch is still to be sent");
        assert_eq!(topics.pop_dirty(), Some(id));
        topics.finish(id);
        assert_eq!(topics.len(), 0);
        assert_eq!(topics.find_or_create("u", 1), Some(id), "the place is reused");
    }
}
