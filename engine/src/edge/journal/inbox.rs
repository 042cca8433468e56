//! The way from the shards to the journal: a bounded queue, a bell, and answers.
//!
//! A shard asks for a [`QueuePlace`] before it numbers a publication, so that what was numbered is never refused here. The queue is
//! lock-free, and ringing the bell never waits: it is a write to a socket that does not block, and only while the
//! journal's task sleeps.

use std::io::Write;
use std::os::unix::net;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, future, io};

use crossbeam_queue::ArrayQueue;
use tokio::net::UnixStream;

use super::health::JournalHealth;
use super::record::Record;
use crate::config::JournalConfig;
use crate::config::budget::JOURNAL_ENTRY_BYTES;
use crate::shard::queues::Allowance;
use crate::sys::waker::Sleeper;
use crate::topic::history::{Entry, Offset};

/// What the shards have of the journal. Clones share one queue.
#[derive(Clone, Debug)]
pub(crate) struct JournalPort(pub(super) Arc<Inbox>);

/// A message to be written.
#[derive(Debug)]
pub(crate) struct JournalEntry {
    /// 1 to [`Record::TOPIC_BYTES_MAX`] bytes.
    pub(crate) topic: Arc<str>,
    pub(crate) entry: Entry,
    /// The oldest offset that the topic's history holds now: what is older may be deleted.
    pub(crate) oldest: Offset,
    /// Hears when the entry is durable, if anybody asked.
    pub(crate) ack: Option<Ack>,
}

const _: () = assert!(size_of::<JournalEntry>() + size_of::<usize>() <= JOURNAL_ENTRY_BYTES as usize);

/// Called once, with what became of an entry: by the journal's task, or by who drops it unanswered. It must not block.
pub(crate) struct Ack(Option<Box<dyn FnOnce(Durability) + Send>>);

/// Whether an entry is durable, as the [`Fsync`](crate::config::Fsync) policy means it.
pub(crate) type Durability = Result<(), NotDurable>;

/// Why an entry is not in the journal; its subscribers have it nevertheless. After a crash it may be there all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDurable {
    /// A file could not be written; the text says which and why.
    #[error("not durable: {0}")]
    Failed(Arc<str>),
    /// Nobody writes any more.
    #[error("not durable: the journal was closed")]
    Ended,
}

/// Room in the queue for one entry. It is given back if nothing is pushed.
#[derive(Debug)]
pub(crate) struct QueuePlace<'a> {
    inbox: &'a Inbox,
    bytes: usize,
}

impl JournalPort {
    /// Room for a message; `None` when the queue is full: publishing is busy then.
    pub(crate) fn reserve(&self, topic: &str, payload: &[u8]) -> Option<QueuePlace<'_>> {
        let (inbox, bytes) = (&*self.0, waiting_bytes(topic, payload));
        if !inbox.count.try_take(1) {
            return None;
        }
        if !inbox.bytes.try_take(bytes) {
            inbox.count.give_back(1);
            return None;
        }
        Some(QueuePlace { inbox, bytes })
    }

    /// # Errors
    /// The entry, when the queue is full.
    pub(crate) fn push(&self, entry: JournalEntry) -> Result<(), JournalEntry> {
        match self.reserve(&entry.topic, &entry.entry.payload) {
            Some(place) => {
                place.push(entry);
                Ok(())
            }
            None => Err(entry),
        }
    }

    /// How the journal is.
    pub(crate) fn health(&self) -> JournalHealth {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl QueuePlace<'_> {
    /// # Panics
    ///
    /// If the entry is not of the size that was asked for.
    pub(crate) fn push(self, entry: JournalEntry) {
        assert_eq!(self.bytes, entry.waiting_bytes(), "a place is for one entry");
        let inbox = self.inbox;
        std::mem::forget(self);
        inbox.entries.push(entry).expect("places are counted");
        inbox.ring();
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.inbox.give_back(self.bytes);
    }
}

impl JournalEntry {
    fn waiting_bytes(&self) -> usize {
        waiting_bytes(&self.topic, &self.entry.payload)
    }

    pub(super) fn record(&self) -> Record<'_> {
        let Entry { offset, time_ms, kind, payload } = &self.entry;
        Record { topic: &self.topic, offset: *offset, time_ms: *time_ms, kind: *kind, payload }
    }
}

/// What an entry counts for, though others may share its name and payload.
fn waiting_bytes(topic: &str, payload: &[u8]) -> usize {
    size_of::<JournalEntry>() + topic.len() + payload.len()
}

impl Ack {
    pub(crate) fn new(answer: impl FnOnce(Durability) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    pub(super) fn answer(mut self, durability: Durability) {
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

/// What port and task share.
#[derive(Debug)]
pub(super) struct Inbox {
    entries: ArrayQueue<JournalEntry>,
    count: Allowance,
    bytes: Allowance,
    sleeper: Sleeper,
    /// Written to while the task sleeps.
    rope: net::UnixStream,
    /// Written by the task and read by its thread's admin interface; shards leave it alone.
    health: Mutex<JournalHealth>,
}

impl Inbox {
    /// An empty queue, and the task's end of the rope.
    ///
    /// # Errors
    /// Those of `socketpair(2)`.
    pub(super) fn new(config: &JournalConfig) -> io::Result<(Arc<Self>, net::UnixStream)> {
        let count = config.queue_count as usize;
        let (rope, end) = net::UnixStream::pair()?;
        rope.set_nonblocking(true)?;
        end.set_nonblocking(true)?;
        let inbox = Arc::new(Self {
            entries: ArrayQueue::new(count),
            count: Allowance::new(count),
            bytes: Allowance::new(config.queue_bytes_max),
            sleeper: Sleeper::default(),
            rope,
            health: Mutex::default(),
        });
        Ok((inbox, end))
    }

    pub(super) fn pop(&self) -> Option<JournalEntry> {
        self.entries.pop().inspect(|entry| self.give_back(entry.waiting_bytes()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn ring(&self) {
        if self.sleeper.must_wake() {
            // If it is full of rings, they are heard.
            let _ = (&self.rope).write(&[0]);
        }
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.give_back(bytes);
        self.count.give_back(1);
    }

    pub(super) fn tell(&self, health: &JournalHealth) {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone_from(health);
    }
}

/// The task's end of the bell.
pub(super) struct Bell {
    inbox: Arc<Inbox>,
    rope: UnixStream,
}

impl Bell {
    /// Call it on a tokio runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch the rope.
    pub(super) fn new(inbox: Arc<Inbox>, rope: net::UnixStream) -> io::Result<Self> {
        Ok(Self { inbox, rope: UnixStream::from_std(rope)? })
    }

    /// Returns when something waits in the queue; may be dropped at any time.
    pub(super) async fn rung(&self) {
        loop {
            self.inbox.sleeper.sleep();
            if !self.inbox.is_empty() {
                break self.inbox.sleeper.awake();
            }
            if self.rope.readable().await.is_err() {
                // The runtime ends, and this task with it.
                future::pending().await
            }
            // How often it rang says nothing.
            let _ = self.rope.try_read(&mut [0; 64]);
        }
    }
}
