//! Topics of one shard: who subscribed, and what was published this turn. No IO.
//!
//! A publication is framed once, into the batch of its topic and of every pattern that its name matches; to a subscriber, a
//! pattern is a topic like any other, of which `ringwire.v1` tells the name beside the message's own. At the end of the turn every subscriber gets the whole batch; those with nothing else to
//! send share its very bytes. Order holds per topic and per pattern.

pub(crate) mod after;
pub(crate) mod allowance;
#[cfg(feature = "sim")]
pub(crate) mod bench;
pub(crate) mod error;
pub(crate) mod format;
pub(crate) mod histories;
pub(crate) mod history;
pub(crate) mod journal;
pub(crate) mod outbox;
pub(crate) mod parcel;
mod patterns;
mod remembered;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use self::format::Format;
use self::name::Interest;
use self::patterns::Patterns;
use self::remembered::Remembered;
use crate::config::TopicOverflow;
use crate::config::budget::TOPIC_ENTRY_BYTES;
pub(crate) use crate::config::name;
use crate::conn::Channel;
use crate::metrics::Losses;

/// Index of a topic or pattern in its shard.
pub(crate) type TopicId = u32;

/// The topics of one shard.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    /// One for each kind of subscriber.
    indexes: [Index; Channel::COUNT],
    /// Keyed: peers may choose names.
    hasher: DefaultHashBuilder,
    topics: Vec<Topic>,
    free: Vec<TopicId>,
    /// Topics with a batch.
    dirty: Vec<TopicId>,
    /// Losses of what nobody subscribes to any more.
    pub(crate) remembered: Remembered,
    /// Room for the patterns that a publication matches.
    matched: Vec<TopicId>,
    /// Room for what a message of such a pattern begins with.
    head: Vec<u8>,
    /// How long before this turn what is published now was published: what came from elsewhere has its way behind it.
    pub(crate) age_us: u32,
}

/// How topics of one channel are found.
#[derive(Debug, Default)]
struct Index {
    /// Topics that are subscribed to by name.
    by_name: HashTable<TopicId>,
    patterns: Patterns,
}

/// A name or pattern, its subscribers of one channel, and this turn's batch.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    name: Box<str>,
    channel: Channel,
    is_pattern: bool,
    /// Slots.
    pub(crate) subscribers: Vec<u32>,
    /// Frames published this turn, in order.
    pub(crate) batch: Vec<u8>,
    /// Messages in so many bytes of the batch, once somebody asked.
    counted: (u32, u32),
    /// Parts of the batch that a subscriber must not get, because it published them "not to myself" or was not yet one; in
    /// batch order for each.
    pub(crate) exclusions: Vec<Exclusion>,
    /// What happens to a subscriber that is too slow.
    pub(crate) overflow: TopicOverflow,
    /// How long before this turn the oldest of the batch was published, in microseconds.
    pub(crate) age_us: u32,
    /// The messages of the batch that are in the histories of their topics.
    pub(crate) numbers: Vec<Numbered>,
    /// What its subscribers did not get; only where there was something, and only since it last had none.
    pub(crate) losses: Option<Box<Losses>>,
}

/// A message of a batch that is in a history.
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    pub(crate) name: Arc<str>,
    pub(crate) offset: u64,
    /// Where it begins in the batch.
    pub(crate) at: usize,
}

/// Frames of one topic on their way into batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames<'a> {
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
    /// A slot that must not get them.
    pub(crate) exclude: Option<u32>,
    /// The name and the offset of a message that is in a history.
    pub(crate) number: Option<(&'a Arc<str>, u64)>,
}

/// What is left is for its place in the table.
const _: () = assert!(size_of::<Topic>() + size_of::<Losses>() <= TOPIC_ENTRY_BYTES as usize - 16);

impl Topic {
    /// The name or pattern.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel
    }

    pub(crate) fn is_pattern(&self) -> bool {
        self.is_pattern
    }

    /// What subscribers get of a message that is encoded for all of their channel: what is appended to `head`, and behind it what
    /// is returned. Those of `ringwire.v1` are told a pattern, for a name may have brought them the same message.
    pub(crate) fn address<'m>(&self, message: &'m [u8], head: &mut Vec<u8>) -> &'m [u8] {
        match self.channel {
            Channel::Json if self.is_pattern => format::v1::matched(message, &self.name, head),
            _ => message,
        }
    }

    /// Messages of the batch that `slot` gets. The whole batch is counted once, however many ask.
    pub(crate) fn message_count(&mut self, slot: u32) -> usize {
        if self.exclusions.iter().any(|exclusion| exclusion.slot == slot) {
            let format = Format::of(self.channel);
            return parts(&self.batch, &self.exclusions, slot).map(|part| format.count(part)).sum();
        }
        self.whole_count() as usize
    }

    /// Messages of the whole batch.
    pub(crate) fn whole_count(&mut self) -> u64 {
        if self.counted.0 != self.batch.len() as u32 {
            self.counted = (self.batch.len() as u32, Format::of(self.channel).count(&self.batch) as u32);
        }
        self.counted.1.into()
    }

    /// The messages of the batch that are in a history and that `slot` gets, for one who cannot take it now.
    pub(crate) fn numbers_for(&self, slot: u32) -> impl Iterator<Item = &Numbered> {
        let own = self.exclusions.iter().filter(move |exclusion| exclusion.slot == slot);
        let is_for = move |number: &&Numbered| !own.clone().any(|exclusion| exclusion.range.contains(&number.at));
        self.numbers.iter().filter(is_for)
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
    /// The topic of this name, if anybody here subscribes to it by name.
    #[inline]
    pub(crate) fn find_name(&self, name: &str, channel: Channel) -> Option<TopicId> {
        let is_it = |&id: &TopicId| *self.topics[id as usize].name == *name;
        self.indexes[channel as usize].by_name.find(self.hasher.hash_one(name), is_it).copied()
    }

    /// What stands for this name or pattern, if anybody here subscribes to it.
    pub(crate) fn find(&self, interest: Interest<'_>, channel: Channel) -> Option<TopicId> {
        match interest {
            Interest::Name(name) => self.find_name(name, channel),
            Interest::Pattern(pattern) => self.indexes[channel as usize].patterns.find(pattern),
        }
    }

    /// The same, made if need be; `None` when there are `topics_max` already, patterns among them.
    pub(crate) fn find_or_create(
        &mut self,
        interest: Interest<'_>,
        channel: Channel,
        topics_max: u32,
    ) -> Option<TopicId> {
        if let Some(id) = self.find(interest, channel) {
            return Some(id);
        }
        (self.len() < topics_max as usize).then(|| self.create(interest, channel))
    }

    fn create(&mut self, interest: Interest<'_>, channel: Channel) -> TopicId {
        let (Interest::Name(name) | Interest::Pattern(name)) = interest;
        let is_pattern = matches!(interest, Interest::Pattern(_));
        let id = self.free.pop().unwrap_or_else(|| {
            self.topics.push(Topic::default());
            self.topics.len() as TopicId - 1
        });
        self.topics[id as usize] = Topic { name: name.into(), channel, is_pattern, ..Topic::default() };
        let Self { indexes, hasher, topics, .. } = self;
        let Index { by_name, patterns } = &mut indexes[channel as usize];
        if is_pattern {
            patterns.insert(name, id);
        } else {
            by_name.insert_unique(hasher.hash_one(name), id, |&id| hasher.hash_one(&*topics[id as usize].name));
        }
        id
    }

    #[inline]
    pub(crate) fn topic(&self, id: TopicId) -> &Topic {
        &self.topics[id as usize]
    }

    #[inline]
    pub(crate) fn topic_mut(&mut self, id: TopicId) -> &mut Topic {
        &mut self.topics[id as usize]
    }

    /// Adds a message as WebSocket frames to the batches of `topic`, which is the one of this name, and of all patterns that the
    /// name matches.
    #[inline]
    pub(crate) fn publish(&mut self, topic: Option<TopicId>, name: &str, frames: Frames<'_>) {
        if let Some(id) = topic {
            self.append(id, frames);
        }
        if !self.indexes[Channel::Frames as usize].patterns.is_empty() {
            self.publish_to_patterns(name, Channel::Frames, frames);
        }
    }

    /// Whether anybody subscribes in this channel.
    #[inline]
    pub(crate) fn is_used(&self, channel: Channel) -> bool {
        let Index { by_name, patterns } = &self.indexes[channel as usize];
        !by_name.is_empty() || !patterns.is_empty()
    }

    /// Adds a message, encoded as the channel's subscribers get it, to the batches of all topics and patterns that the name
    /// matches.
    pub(crate) fn publish_in(&mut self, channel: Channel, name: &str, frames: Frames<'_>) {
        if let Some(id) = self.find_name(name, channel) {
            self.append(id, frames);
        }
        self.publish_to_patterns(name, channel, frames);
    }

    #[inline(never)]
    fn publish_to_patterns(&mut self, name: &str, channel: Channel, frames: Frames<'_>) {
        let mut matched = std::mem::take(&mut self.matched);
        self.indexes[channel as usize].patterns.find_matches(name, &mut matched);
        for id in matched.drain(..) {
            match channel {
                Channel::Json => self.append_matched(id, frames),
                _ => self.append(id, frames),
            }
        }
        self.matched = matched;
    }

    /// Adds a message to the batch of a pattern whose subscribers are told which one it is.
    fn append_matched(&mut self, id: TopicId, frames: Frames<'_>) {
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        let body = self.topic(id).address(frames.body, &mut head);
        self.append(id, Frames { head: &head, body, ..frames });
        self.head = head;
    }

    #[inline]
    fn append(&mut self, id: TopicId, Frames { head, body, exclude, number }: Frames<'_>) {
        let topic = &mut self.topics[id as usize];
        let start = topic.batch.len();
        if start == 0 {
            self.dirty.push(id);
        }
        topic.age_us = topic.age_us.max(self.age_us);
        topic.batch.extend_from_slice(head);
        topic.batch.extend_from_slice(body);
        if let Some(slot) = exclude {
            topic.exclusions.push(Exclusion { slot, range: start..topic.batch.len() });
        }
        if let Some((name, offset)) = number {
            topic.numbers.push(Numbered { name: Arc::clone(name), offset, at: start });
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

    /// Topics that wait for a fan-out.
    pub(crate) fn dirty_count(&self) -> usize {
        self.dirty.len()
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
        topic.numbers.clear();
        topic.age_us = 0;
        topic.counted = (0, 0);
        self.free_if_unused(id);
    }

    /// Frees a topic that has neither subscribers nor a batch.
    pub(crate) fn free_if_unused(&mut self, id: TopicId) {
        let topic = &mut self.topics[id as usize];
        if topic.subscribers.is_empty() && topic.batch.is_empty() {
            let Topic { name, channel, is_pattern, losses, .. } = std::mem::take(topic);
            let Index { by_name, patterns } = &mut self.indexes[channel as usize];
            if is_pattern {
                patterns.remove(&name);
            } else {
                let entry = by_name.find_entry(self.hasher.hash_one(&*name), |&entry| entry == id);
                entry.expect("a topic in use is in the table").remove();
            }
            if let Some(losses) = losses {
                self.remembered.add(name, *losses);
            }
            self.free.push(id);
        }
    }

    /// Topics and patterns at the places from `from` to below `end`; some have no subscribers.
    pub(crate) fn range(&self, from: TopicId, end: TopicId) -> impl Iterator<Item = &Topic> {
        let end = end.min(self.place_count()) as usize;
        self.topics.get(from as usize..end).unwrap_or_default().iter()
    }

    /// Places for topics and patterns, free ones too.
    pub(crate) fn place_count(&self) -> u32 {
        self.topics.len() as u32
    }

    /// Topics and patterns with subscribers.
    pub(crate) fn len(&self) -> usize {
        self.indexes.iter().map(|index| index.by_name.len() + index.patterns.len()).sum()
    }
}

/// The batch without the parts that are excluded for `slot`.
pub(crate) fn parts<'a>(batch: &'a [u8], exclusions: &'a [Exclusion], slot: u32) -> impl Iterator<Item = &'a [u8]> {
    let own = exclusions.iter().filter(move |exclusion| exclusion.slot == slot);
    let starts = std::iter::once(0).chain(own.clone().map(|exclusion| exclusion.range.end));
    let ends = own.map(|exclusion| exclusion.range.start).chain(std::iter::once(batch.len()));
    starts.zip(ends).map(|(start, end)| &batch[start..end]).filter(|part| !part.is_empty())
}
