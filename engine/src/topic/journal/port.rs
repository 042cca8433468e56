//! The queue from the shards to whoever writes the journal. Lock-free; a shard rings once a turn, not for every message.
//!
//! A shard asks for a [`QueuePlace`] before it numbers a publication, so that what was numbered is never refused here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::ArrayQueue;

use super::ack::Ack;
use crate::config::budget::JOURNAL_ENTRY_BYTES;
use crate::topic::allowance::Allowance;
use crate::topic::history::{Entry, Offset};

/// An end of the queue; all clones are of one queue.
#[derive(Clone, Debug)]
pub(crate) struct JournalPort(Arc<Queue>);

struct Queue {
    entries: ArrayQueue<JournalEntry>,
    count: Allowance,
    bytes: Allowance,
    bell: Box<dyn Fn() + Send + Sync>,
    /// Nobody pops any more.
    closed: AtomicBool,
}

/// A message to be written.
#[derive(Debug)]
pub(crate) struct JournalEntry {
    /// Not empty.
    pub(crate) topic: Arc<str>,
    pub(crate) entry: Entry,
    /// The oldest offset that the topic's history holds now: what is older may be deleted.
    #[cfg_attr(not(any(test, feature = "node")), expect(dead_code, reason = "only a node writes files"))]
    pub(crate) oldest: Offset,
    /// Hears when the entry is durable, if anybody asked.
    #[cfg_attr(not(any(test, feature = "node")), expect(dead_code, reason = "only a node writes files"))]
    pub(crate) ack: Option<Ack>,
}

const _: () = assert!(size_of::<JournalEntry>() + size_of::<usize>() <= JOURNAL_ENTRY_BYTES as usize);

/// Room in the queue for one entry. It is given back if nothing is pushed.
#[derive(Debug)]
pub(crate) struct QueuePlace<'a> {
    queue: &'a Queue,
    bytes: usize,
}

impl JournalPort {
    /// Room for a message; `None` when the queue is full: publishing is busy then.
    pub(crate) fn reserve(&self, topic: &str, payload: &[u8]) -> Option<QueuePlace<'_>> {
        let (queue, bytes) = (&*self.0, waiting_bytes(topic, payload));
        if !queue.count.try_take(1) {
            return None;
        }
        if !queue.bytes.try_take(bytes) {
            queue.count.give_back(1);
            return None;
        }
        Some(QueuePlace { queue, bytes })
    }

    /// Tells that entries were pushed. It never waits.
    pub(crate) fn ring(&self) {
        (self.0.bell)();
    }
}

#[cfg(any(test, feature = "node"))]
impl JournalPort {
    /// A queue for so many entries and bytes. `bell` has whoever pops them look again; it must not wait.
    pub(crate) fn new(count_max: usize, bytes_max: usize, bell: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Queue {
            entries: ArrayQueue::new(count_max),
            count: Allowance::new(count_max),
            bytes: Allowance::new(bytes_max),
            bell: Box::new(bell),
            closed: AtomicBool::new(false),
        }))
    }

    pub(crate) fn pop(&self) -> Option<JournalEntry> {
        self.0.pop()
    }

    /// Nobody writes any more: what waits, and what comes, is let go of, and who waits for it hears that.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        while self.pop().is_some() {}
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }
}

impl QueuePlace<'_> {
    /// # Panics
    ///
    /// If the entry is not of the size that was asked for.
    pub(crate) fn push(self, entry: JournalEntry) {
        assert_eq!(self.bytes, entry.waiting_bytes(), "a place is for one entry");
        let queue = self.queue;
        std::mem::forget(self);
        queue.entries.push(entry).expect("places are counted");
        if queue.closed.load(Ordering::SeqCst) {
            while queue.pop().is_some() {}
        }
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.queue.give_back(self.bytes);
    }
}

impl Queue {
    fn pop(&self) -> Option<JournalEntry> {
        self.entries.pop().inspect(|entry| self.give_back(entry.waiting_bytes()))
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.give_back(bytes);
        self.count.give_back(1);
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({} of {})", self.entries.len(), self.entries.capacity())
    }
}

impl JournalEntry {
    fn waiting_bytes(&self) -> usize {
        waiting_bytes(&self.topic, &self.entry.payload)
    }
}

/// What an entry counts for, though others may share its name and payload.
fn waiting_bytes(topic: &str, payload: &[u8]) -> usize {
    size_of::<JournalEntry>() + topic.len() + payload.len()
}
