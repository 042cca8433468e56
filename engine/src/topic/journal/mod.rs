//! A shard's side of the journal: what it numbers is handed on to be written, and who asked hears when that is durable. No IO.
//!
//! Not here: the files, and who writes them (`edge/journal`).

mod ack;
mod port;

use std::sync::Arc;

pub(crate) use ack::Acknowledged;
#[cfg(any(test, feature = "node"))]
pub(crate) use ack::{Ack, Durability, NotDurable};
pub(crate) use port::{JournalEntry, JournalPort, QueuePlace};

use super::history::{Entry, Epoch, History, Offset, Position};
use super::parcel::Claimant;
use ack::AckQueue;

/// What a server goes on with that was there before: numbers, histories, and the way to the journal that has them.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) epoch: Epoch,
    /// A topic that has no history yet begins behind this.
    pub(crate) floor: Offset,
    pub(crate) histories: Vec<(Arc<str>, History)>,
    /// `None` without a journal.
    pub(crate) port: Option<JournalPort>,
}

/// A shard's way to the journal.
#[derive(Debug)]
pub(crate) struct Journaling {
    port: JournalPort,
    claims: Claims,
}

/// What the journal owes the shard.
#[derive(Debug)]
struct Claims {
    acks: Arc<AckQueue>,
    /// Answers that were asked for and not taken.
    owed_count: usize,
    /// Something was pushed since the bell rang.
    has_news: bool,
}

/// Room for a message that is about to be numbered, and for the answer to who waits for it.
pub(crate) struct Place<'a> {
    queue: QueuePlace<'a>,
    claims: &'a mut Claims,
}

impl Journaling {
    /// At most `claims_max` publishers wait at a time; `wake` has the shard take their answers, from any thread.
    pub(crate) fn new(port: JournalPort, claims_max: usize, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        let acks = Arc::new(AckQueue::new(claims_max, wake));
        Self { port, claims: Claims { acks, owed_count: 0, has_news: false } }
    }

    /// Room for a message; `None` when too much waits to be written.
    pub(crate) fn reserve(&mut self, topic: &str, payload: &[u8], durable: bool) -> Option<Place<'_>> {
        let Self { port, claims } = self;
        if durable && claims.owed_count == claims.acks.entries.capacity() {
            return None;
        }
        Some(Place { queue: port.reserve(topic, payload)?, claims })
    }

    /// An answer that has come.
    pub(crate) fn take_answer(&mut self) -> Option<Acknowledged> {
        let Claims { acks, owed_count, .. } = &mut self.claims;
        acks.entries.pop().inspect(|_| *owed_count -= 1)
    }

    /// Whether an answer has come.
    pub(crate) fn has_answers(&self) -> bool {
        !self.claims.acks.entries.is_empty()
    }

    /// Tells the journal of what was pushed since the last time.
    pub(crate) fn ring(&mut self) {
        if std::mem::take(&mut self.claims.has_news) {
            self.port.ring();
        }
    }
}

impl Place<'_> {
    /// Hands a message on; `claimant` is answered when it is durable, or cannot be.
    pub(crate) fn push(self, topic: &Arc<str>, entry: &Entry, oldest: Offset, claim: Option<(Claimant, Position)>) {
        let Self { queue, claims } = self;
        let ack = claim.map(|(claimant, position)| claims.ack(claimant, position));
        claims.has_news = true;
        queue.push(JournalEntry { topic: Arc::clone(topic), entry: entry.clone(), oldest, ack });
    }
}

impl Claims {
    fn ack(&mut self, claimant: Claimant, position: Position) -> ack::Ack {
        self.owed_count += 1;
        let acks = Arc::clone(&self.acks);
        ack::Ack::new(move |durability| acks.push(Acknowledged { claimant, position, durability }))
    }
}
