//! How a publisher hears that its message is durable: the journal answers the shard that numbered it, and that shard the publisher.

use std::fmt;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::topic::history::Position;
use crate::topic::parcel::Claimant;

/// Called once, with what became of an entry: by whoever writes the journal, or by who drops it unanswered. It must not block.
pub(crate) struct Ack(Option<Box<dyn FnOnce(Durability) + Send>>);

/// Whether an entry is durable, as the [`Fsync`](crate::config::Fsync) policy means it.
pub(crate) type Durability = Result<(), NotDurable>;

/// Why an entry is not in the journal; its subscribers have it nevertheless. After a crash it may be there all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDurable {
    /// A file could not be written; the text says which and why.
    #[error("not durable: {0}")]
    #[cfg_attr(not(any(test, feature = "node")), expect(dead_code, reason = "only a node writes files"))]
    Failed(Arc<str>),
    /// Nobody writes any more.
    #[error("not durable: the journal was closed")]
    Ended,
}

impl Ack {
    pub(crate) fn new(answer: impl FnOnce(Durability) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    #[cfg(any(test, feature = "node"))]
    pub(crate) fn answer(mut self, durability: Durability) {
        self.call(durability);
    }

    fn call(&mut self, durability: Durability) {
        if let Some(answer) = self.0.take() {
            answer(durability);
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        self.call(Err(NotDurable::Ended));
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ack")
    }
}

/// The journal's answer to who waits for it.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    pub(crate) claimant: Claimant,
    pub(crate) position: Position,
    pub(crate) durability: Durability,
}

/// Answers on their way back to the shard that numbered the messages, which asks for no more than there is room for.
pub(super) struct AckQueue {
    pub(super) entries: ArrayQueue<Acknowledged>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl AckQueue {
    pub(super) fn new(count_max: usize, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { entries: ArrayQueue::new(count_max), wake }
    }

    pub(super) fn push(&self, acknowledged: Acknowledged) {
        self.entries.push(acknowledged).expect("a shard asks for no more answers than there is room for");
        (self.wake)();
    }
}

impl fmt::Debug for AckQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AckQueue({})", self.entries.len())
    }
}
