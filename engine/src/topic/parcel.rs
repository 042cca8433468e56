//! What shards send each other.

use std::sync::Arc;
use std::time::Instant;

use super::error::PublishError;
use super::history::{Entry, MessageKind, Position};
use super::outbox::Batch;
use crate::conn::ConnId;

/// One thing on its way to another shard.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    /// A turn's publications to topics without history, and when they were published. Dropped when the queue is full.
    Batch(Arc<Batch>, Instant),
    /// Messages of topics with history, numbered by their home, and when the oldest was published. Never dropped.
    Sequenced(Arc<[Sequenced]>, Instant),
    /// A publication for the topic's home to number. Never dropped.
    Submission(Submission),
    /// What became of one. Never dropped.
    Outcome(Outcome),
}

/// A message with its number.
#[derive(Clone, Debug)]
pub(crate) struct Sequenced {
    pub(crate) name: Arc<str>,
    pub(crate) entry: Entry,
    /// Gets nothing of it: its publisher asked for that.
    pub(crate) exclude: Option<ConnId>,
}

/// A publication without a number yet.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) name: Arc<str>,
    pub(crate) kind: MessageKind,
    pub(crate) payload: Arc<[u8]>,
    pub(crate) exclude: Option<ConnId>,
    /// Who wants to know what became of it.
    pub(crate) receipt: Option<Receipt>,
    /// When it was published.
    pub(crate) at: Instant,
    /// They want to know when it is in the journal.
    pub(crate) durable: bool,
}

/// What became of a publication; no position in a topic without history.
pub(crate) type Published = Result<Option<Position>, PublishError>;

/// Who is told what became of a publication.
#[derive(Debug)]
pub(crate) enum Claimant {
    /// A connection of some shard.
    Conn(Receipt),
    /// Another thread.
    Thread(oneshot::Sender<Published>),
}

/// The connection that published, and the number by which it knows the publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) conn: ConnId,
    pub(crate) token: u64,
}

/// The answer to a [`Receipt`].
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) receipt: Receipt,
    pub(crate) result: Published,
}

impl Parcel {
    /// Bytes that it holds while it waits. A payload counts for every queue that it is in.
    pub(crate) fn bytes(&self) -> usize {
        let own = size_of::<Self>();
        match self {
            Self::Batch(batch, _) => batch.bytes(),
            Self::Sequenced(list, _) => own + list.iter().map(Sequenced::bytes).sum::<usize>(),
            Self::Submission(submission) => own + submission.name.len() + submission.payload.len(),
            Self::Outcome(_) => own,
        }
    }
}

impl Sequenced {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.entry.payload.len()
    }
}
