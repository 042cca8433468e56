//! Subscribing and publishing: what callbacks, other threads and other shards do with topics.

use std::sync::Arc;
use std::time::Instant;

use super::SendStatus;
use super::local::Local;
use crate::config::{Access, TopicOverflow};
use crate::conn::slot::Subscription;
use crate::conn::{Channel, ConnId};
use crate::metrics::Loss;
use crate::proto::CloseCode;
use crate::proto::frame::EncodedHeader;
use crate::topic::error::{Full, PublishError};
use crate::topic::format::{self, Format, Publication};
use crate::topic::histories::{NoRoom, home};
use crate::topic::history::{Entry, MessageKind, Position};
use crate::topic::name::{Interest, TopicNameError, check_name};
use crate::topic::parcel::{Claimant, Outcome, Parcel, Published, Receipt, Sequenced, Submission};
use crate::topic::{self, Frames, Topic, TopicId};

/// What a publisher wants to hear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// By whom and as what; `None` for nothing.
    pub(crate) receipt: Option<Receipt>,
    /// Only when it is in the journal.
    pub(crate) durable: bool,
}

impl Wish {
    const NOTHING: Self = Self { receipt: None, durable: false };
}

impl<D> Local<D> {
    /// Adds the connection to the subscribers of a topic or pattern; fine also if it was among them. Takes as long as the name
    /// has tokens and the connection subscriptions.
    ///
    /// # Errors
    /// What is wrong with the name, or the limit that stands in the way.
    pub(crate) fn subscribe(&mut self, slot: u32, name: &str) -> Result<(), SubscribeError> {
        let interest = Interest::parse(name, self.limits.names)?;
        if !self.conns[slot].may_subscribe() {
            return Err(SubscribeError::NotOpen);
        }
        let channel = self.conns[slot].channel;
        let known = self.topics.find(interest, channel);
        let subscriptions = &self.conns[slot].subscriptions;
        if known.is_some_and(|id| subscriptions.iter().any(|subscription| subscription.topic == id)) {
            return Ok(());
        }
        if subscriptions.len() >= self.limits.subscriptions_max {
            return Err(SubscribeError::TooManySubscriptions { count_max: self.limits.subscriptions_max });
        }
        let id = self.topics.find_or_create(interest, channel, self.limits.topics_max);
        let id = id.ok_or(SubscribeError::TooManyTopics { count_max: self.limits.topics_max })?;
        self.topics.topic_mut(id).overflow = self.topic_rules.find(name).overflow;
        self.topics.exclude_past(id, slot);
        let subscribers = &mut self.topics.topic_mut(id).subscribers;
        let position = subscribers.len() as u32;
        subscribers.push(slot);
        self.conns[slot].subscriptions.push(Subscription { topic: id, position });
        Ok(())
    }

    /// Takes the connection off the subscribers of a topic or pattern; false if it was not among them.
    pub(crate) fn unsubscribe(&mut self, slot: u32, name: &str) -> bool {
        let Ok(interest) = Interest::parse(name, self.limits.names) else { return false };
        let Some(id) = self.topics.find(interest, self.conns[slot].channel) else { return false };
        let subscriptions = &mut self.conns[slot].subscriptions;
        let Some(index) = subscriptions.iter().position(|subscription| subscription.topic == id) else { return false };
        let subscription = subscriptions.swap_remove(index);
        self.drop_behind(slot, |behind| behind.topic == id);
        self.forget_losses(slot, |topic| topic == id);
        self.leave(subscription);
        true
    }

    /// Whether clients may subscribe to this.
    pub(crate) fn may_subscribe(&self, text: &str) -> bool {
        let interest = Interest::parse(text, self.limits.names);
        interest.is_ok_and(|interest| self.topic_rules.may_subscribe(interest))
    }

    /// Whether clients may publish this.
    pub(crate) fn may_publish(&self, name: &str, kind: MessageKind) -> bool {
        let settings = self.topic_rules.find(name);
        settings.publish == Access::Anyone && settings.takes(kind)
    }

    /// Takes the connection off all topics. A stream, or a poll that waits, gives up its place.
    pub(crate) fn unsubscribe_all(&mut self, slot: u32) {
        self.drop_behind(slot, |_| true);
        self.forget_losses(slot, |_| true);
        for subscription in std::mem::take(&mut self.conns[slot].subscriptions) {
            self.leave(subscription);
        }
        if self.conns[slot].channel.is_http() {
            self.conns[slot].channel = Channel::default();
            self.polls.remove(&slot);
            self.open_count -= 1;
        }
    }

    fn leave(&mut self, Subscription { topic, position }: Subscription) {
        let subscribers = &mut self.topics.topic_mut(topic).subscribers;
        subscribers.swap_remove(position as usize);
        if let Some(&moved) = subscribers.get(position as usize) {
            let subscriptions = &mut self.conns[moved].subscriptions;
            let entry = subscriptions.iter_mut().find(|subscription| subscription.topic == topic);
            entry.expect("a subscriber knows its topics").position = position;
        }
        self.topics.free_if_unused(topic);
    }

    /// Publishes to every subscriber of the topic and of patterns that match it, here and on the other shards; `exclude` gets
    /// none.
    ///
    /// # Errors
    /// Nothing was published then.
    #[inline]
    pub(crate) fn publish(
        &mut self,
        name: &str,
        (kind, payload): (MessageKind, &[u8]),
        exclude: Option<u32>,
    ) -> Result<(), PublishError> {
        if self.topic_rules.keep_history() {
            return self.publish_ruled(name, (kind, payload), exclude, Wish::NOTHING);
        }
        Ok(self.publish_plain(name, (kind, payload), exclude)?)
    }

    /// As [`Local::publish`], where topics may have histories; who has a receipt is told the outcome, but for an error here.
    #[inline(never)]
    pub(crate) fn publish_ruled(
        &mut self,
        name: &str,
        (kind, payload): (MessageKind, &[u8]),
        exclude: Option<u32>,
        wish: Wish,
    ) -> Result<(), PublishError> {
        check_name(name, self.limits.names)?;
        let Wish { receipt, durable } = wish;
        let mut claimant = receipt.map(Claimant::Conn);
        let position = if self.topic_rules.find(name).history.is_none() {
            if durable {
                return Err(PublishError::NotJournaled);
            }
            self.publish_plain(name, (kind, payload), exclude)?;
            None
        } else {
            let exclude = exclude.map(|slot| self.id(slot));
            let (name, payload, at) = (name.into(), payload.into(), self.began);
            let submission = Submission { name, kind, payload, exclude, receipt, durable, at };
            let home = home(&submission.name, self.shard_count);
            if home != self.shard {
                return self.submit(home, submission);
            }
            Some(self.sequence(submission, &mut claimant)?)
        };
        self.answer(claimant, Ok(position));
        Ok(())
    }

    /// Tells who asked what became of a publication.
    pub(crate) fn answer(&mut self, claimant: Option<Claimant>, result: Published) {
        match claimant {
            None => {}
            Some(Claimant::Thread(reply)) => self.replies.push((reply, result)),
            Some(Claimant::Conn(receipt)) => {
                let outcome = Outcome { receipt, result };
                match receipt.conn.shard() as u16 {
                    own if own == self.shard => self.outcomes.push_back(outcome),
                    other => self.outbox.push_direct(other, Parcel::Outcome(outcome)),
                }
            }
        }
    }

    /// Sends a publication to the shard that numbers it.
    fn submit(&mut self, home: u16, submission: Submission) -> Result<(), PublishError> {
        if self.outbox.is_full {
            return Err(PublishError::Busy(Full::ShardQueue));
        }
        self.outbox.push_direct(home, Parcel::Submission(submission));
        Ok(())
    }

    /// Numbers a publication to a topic whose home this is, and hands it to all shards. If it is to be durable, the journal takes
    /// the claimant along.
    fn sequence(&mut self, submission: Submission, claimant: &mut Option<Claimant>) -> Result<Position, PublishError> {
        if self.outbox.is_full {
            return Err(PublishError::Busy(Full::ShardQueue));
        }
        let entry = self.number(&submission, claimant)?;
        self.counters.publications += 1;
        let Submission { name, exclude, .. } = submission;
        let position = self.histories.position(entry.offset);
        self.deliver(&name, &entry, exclude);
        self.outbox.push_sequenced(Sequenced { name, entry, exclude });
        Ok(position)
    }

    /// Gives a message its number, in its topic's history and in the journal, or in neither.
    fn number(&mut self, submission: &Submission, claimant: &mut Option<Claimant>) -> Result<Entry, PublishError> {
        let Submission { name, kind, payload, durable, .. } = submission;
        let limits = self.topic_rules.find(name).history.expect("its publisher saw that it has a history");
        let place = match &mut self.journal {
            Some(journal) => {
                let place = journal.reserve(name, payload, *durable);
                Some(place.ok_or(PublishError::Busy(Full::JournalQueue))?)
            }
            None if *durable => return Err(PublishError::NotJournaled),
            None => None,
        };
        let entry = self.histories.append(name, limits, (*kind, Arc::clone(payload)), self.wall_ms);
        let entry = entry.map_err(|no_room| match no_room {
            NoRoom::Topics => PublishError::TooManyTopics { count_max: self.limits.topics_max },
            NoRoom::Bytes => PublishError::Busy(Full::Histories),
        })?;
        if let Some(place) = place {
            let claimant = if *durable { claimant.take() } else { None };
            let claim = claimant.map(|claimant| (claimant, self.histories.position(entry.offset)));
            place.push(name, &entry, self.histories.oldest(name), claim);
        }
        Ok(entry)
    }

    /// Notes when what is published next was published, until the next turn of callbacks.
    pub(crate) fn date(&mut self, at: Instant) {
        let age = self.began.saturating_duration_since(at);
        self.topics.age_us = u32::try_from(age.as_micros()).unwrap_or(u32::MAX);
    }

    /// Takes what another shard sent.
    pub(crate) fn take_parcel(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Batch(batch, at) => {
                self.date(at);
                batch.runs().for_each(|(topic, frames)| self.publish_encoded(topic, frames));
            }
            Parcel::Sequenced(list, at) => {
                self.date(at);
                list.iter().for_each(|sequenced| self.take_sequenced(sequenced));
            }
            Parcel::Submission(submission) => {
                let claimant = submission.receipt.map(Claimant::Conn);
                self.take_submission(submission, claimant);
            }
            Parcel::Outcome(outcome) => self.outcomes.push_back(outcome),
        }
    }

    fn take_sequenced(&mut self, Sequenced { name, entry, exclude }: &Sequenced) {
        let limits = self.topic_rules.find(name).history.expect("all shards have the same rules");
        self.histories.restore(name, limits, entry.clone());
        self.deliver(name, entry, *exclude);
    }

    /// Numbers what another shard or thread published, counts what is refused, and answers.
    pub(crate) fn take_submission(&mut self, submission: Submission, mut claimant: Option<Claimant>) {
        self.date(submission.at);
        self.outbox.note_age(self.topics.age_us);
        let result = self.sequence(submission, &mut claimant);
        self.counters.publications_refused += u64::from(result.is_err());
        self.answer(claimant, result.map(Some));
    }

    /// Hands a message that has its number to the subscribers on this shard.
    fn deliver(&mut self, name: &Arc<str>, entry: &Entry, exclude: Option<ConnId>) {
        let is_ours = |id: &ConnId| id.shard() == usize::from(self.shard) && self.conns.find(*id).is_some();
        let exclude = exclude.filter(is_ours).map(|id| id.slot);
        let header = EncodedHeader::server(entry.kind.opcode(), entry.payload.len() as u64);
        let number = Some((name, entry.offset.0));
        let frames = Frames { head: header.as_bytes(), body: &entry.payload, exclude, number };
        self.topics.publish(self.topics.find_name(name, Channel::Frames), name, frames);
        let position = Some(self.histories.position(entry.offset));
        let Entry { time_ms, kind, ref payload, .. } = *entry;
        self.deliver_encoded(&Publication { name, kind, payload, position, time_ms }, exclude, number);
        if self.topics.is_used(Channel::Polls) {
            // One byte for each message; what it is stands in the history.
            let mark = Frames { head: &[], body: b".", exclude: None, number };
            self.topics.publish_in(Channel::Polls, name, mark);
        }
    }

    /// Hands a message to the subscribers on this shard that do not get plain frames.
    fn deliver_encoded(
        &mut self,
        publication: &Publication<'_>,
        exclude: Option<u32>,
        number: Option<(&Arc<str>, u64)>,
    ) {
        for channel in Channel::ENCODED {
            if self.topics.is_used(channel) {
                let mut encoded = std::mem::take(&mut self.encoded);
                encoded.clear();
                Format::of(channel).encode(publication, &mut encoded);
                self.topics.publish_in(
                    channel,
                    publication.name,
                    Frames { head: &[], body: &encoded, exclude, number },
                );
                self.encoded = encoded;
            }
        }
    }

    /// Frames a message of a topic without history.
    #[inline]
    fn publish_plain(
        &mut self,
        name: &str,
        (kind, payload): (MessageKind, &[u8]),
        exclude: Option<u32>,
    ) -> Result<(), TopicNameError> {
        let topic = self.topics.find_name(name, Channel::Frames);
        // A name that somebody subscribed to was checked then.
        if topic.is_none() {
            check_name(name, self.limits.names)?;
        }
        let header = EncodedHeader::server(kind.opcode(), payload.len() as u64);
        self.counters.publications += 1;
        let frames = Frames { head: header.as_bytes(), body: payload, exclude, number: None };
        self.topics.publish(topic, name, frames);
        let publication = Publication { name, kind, payload, position: None, time_ms: self.wall_ms };
        self.deliver_encoded(&publication, exclude, None);
        if self.outbox.is_needed() {
            self.outbox.append(name, header.as_bytes(), payload);
        }
        Ok(())
    }

    /// Frames that another shard or thread published, to a name that was checked there.
    pub(crate) fn publish_encoded(&mut self, name: &str, frames: &[u8]) {
        let whole = Frames { head: &[], body: frames, exclude: None, number: None };
        self.topics.publish(self.topics.find_name(name, Channel::Frames), name, whole);
        if Channel::ENCODED.into_iter().any(|channel| self.topics.is_used(channel)) {
            for (kind, payload) in format::frames(frames) {
                let publication = Publication { name, kind, payload, position: None, time_ms: self.wall_ms };
                self.deliver_encoded(&publication, None, None);
            }
        }
    }

    /// Copies the topic's batch to a subscriber that cannot share it.
    #[cold]
    pub(crate) fn append_batch(&mut self, slot: u32, topic: TopicId) {
        if !self.conns[slot].may_subscribe() {
            return;
        }
        if self.needs_history(slot, topic) {
            return self.fall_behind(slot, topic);
        }
        let lost = self.append_parts(slot, topic);
        // Only now: a close ends subscriptions, and a topic without subscribers and batch is freed.
        if lost > 0 {
            self.on_topic_overflow(slot, topic, lost);
        }
    }

    /// Returns how many messages did not fit; nothing is queued behind the first of them.
    fn append_parts(&mut self, slot: u32, topic: TopicId) -> u64 {
        if !self.conns[slot].excluded {
            return self.append_whole(slot, topic);
        }
        let Topic { batch, exclusions, .. } = self.topics.topic_mut(topic);
        let (batch, exclusions) = (std::mem::take(batch), std::mem::take(exclusions));
        let format = Format::of(self.conns[slot].channel);
        let mut lost = 0;
        for part in topic::parts(&batch, &exclusions, slot) {
            if lost > 0 || self.append(slot, part) == SendStatus::Dropped {
                lost += format.count(part) as u64;
            }
        }
        let topic = self.topics.topic_mut(topic);
        (topic.batch, topic.exclusions) = (batch, exclusions);
        lost
    }

    /// The same for who gets all of the batch.
    fn append_whole(&mut self, slot: u32, topic: TopicId) -> u64 {
        let batch = std::mem::take(&mut self.topics.topic_mut(topic).batch);
        let is_dropped = self.append(slot, &batch) == SendStatus::Dropped;
        let topic = self.topics.topic_mut(topic);
        topic.batch = batch;
        if is_dropped { topic.message_count(slot) as u64 } else { 0 }
    }

    /// Whether a subscriber gets the topic's batch from the histories: it is behind already, or its socket is and the topic's
    /// policy needs that. A segment that leaves this turn is no reason, however slow others are.
    fn needs_history(&self, slot: u32, topic: TopicId) -> bool {
        let (conn, id, topic) = (&self.conns[slot], topic, self.topics.topic(topic));
        let fits = conn.queue.is_none() && conn.queued_bytes() + topic.batch.len() <= self.limits.send_queue_bytes_max;
        conn.is_behind(id) || !fits && topic.overflow.needs_history() && !topic.numbers.is_empty()
    }

    /// Does what the topic's policy says about messages that did not fit.
    #[cold]
    fn on_topic_overflow(&mut self, slot: u32, id: TopicId, lost: u64) {
        let topic = self.topics.topic(id);
        if topic.overflow != TopicOverflow::Disconnect {
            return self.note_loss(slot, id, Loss::DropNewest, lost);
        }
        let keeps = self.topic_rules.find(topic.name()).history.is_some();
        let (code, verb) =
            if keeps { (CloseCode::RESUME, "resume") } else { (CloseCode::TRY_AGAIN_LATER, "come back") };
        let reason = format!("{verb}: you read {} too slowly", topic.name());
        self.note_loss(slot, id, Loss::Disconnect, lost);
        self.counters.slow_consumers += 1;
        self.begin_close(slot, code, &reason);
    }
}

/// Why a subscription was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The name or pattern is none.
    #[error(transparent)]
    Name(#[from] TopicNameError),
    /// A position that the topic has not reached in this epoch.
    #[error("{topic} has not reached this position: subscribe without one")]
    Ahead {
        /// The topic.
        topic: Box<str>,
    },
    /// The connection is closing.
    #[error("the connection is not open")]
    NotOpen,
    /// The connection has as many subscriptions as it may.
    #[error("a connection subscribes to at most {count_max} topics and patterns (`subscriptions_per_connection_max`)")]
    TooManySubscriptions {
        /// `subscriptions_per_connection_max`.
        count_max: usize,
    },
    /// The shard has as many topics as it may.
    #[error("a shard holds at most {count_max} topics and patterns (`topics_max`)")]
    TooManyTopics {
        /// `topics_max`.
        count_max: u32,
    },
}
