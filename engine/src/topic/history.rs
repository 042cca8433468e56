//! The newest messages of one topic, for who comes back. No IO, no clock.
//!
//! Messages are numbered; a reader names the last one that it saw, and gets exactly those behind it, or is told why that
//! cannot be. A ring of shared payloads, bounded by count, bytes and age; offsets rise, but may jump where a restart cannot
//! tell which ones had been given.
//!
//! Not here: who sequences a topic, a total over all topics, the journal.

mod entry;
mod limits;
mod position;
#[cfg(test)]
mod tests;

use std::collections::{VecDeque, vec_deque};
use std::sync::Arc;

pub(crate) use entry::{Entry, MessageKind};
pub(crate) use limits::HistoryLimits;
#[cfg(any(test, feature = "node"))]
pub(crate) use position::OFFSETS_SKIPPED;
pub(crate) use position::{Epoch, Offset};
pub use position::{ParsePositionError, Position};

/// The newest messages of one topic.
#[derive(Clone, Debug)]
pub(crate) struct History {
    limits: HistoryLimits,
    epoch: Epoch,
    /// The last offset given.
    head: Offset,
    /// The newest offset that is gone: who saw it, or a later one, can go on.
    evicted: Offset,
    /// The newest offset that was lost though older ones are held: who has not got as far misses something.
    hole: Offset,
    /// Oldest first, offsets rising.
    entries: VecDeque<Entry>,
    /// Of all entries, each with its overhead.
    entry_bytes: usize,
}

/// Why a reader cannot go on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Break {
    /// Messages behind its position are gone.
    #[error("too old: the history no longer reaches back to this position")]
    TooOld,
    /// Its position is from another numbering.
    #[error("other epoch: the topic was numbered anew since this position")]
    OtherEpoch,
    /// Its position was never given.
    #[error("ahead: this position is beyond the newest message of the topic")]
    Ahead,
}

/// Rings keep at most this many places that nothing is in, unless a quarter is used; and none when all is gone.
const SPARE_PLACES: usize = 16;

impl History {
    /// An empty history that gives the offset behind `head` next. Who makes a topic again that was there before in this
    /// epoch passes a `head` that no offset of then was above.
    pub(crate) fn new(limits: HistoryLimits, head: Position) -> Self {
        let Position { epoch, offset } = head;
        Self {
            limits,
            epoch,
            head: offset,
            evicted: offset,
            hole: Offset::ZERO,
            entries: VecDeque::new(),
            entry_bytes: 0,
        }
    }

    /// Takes a message at `time_ms`, which is also what the age of the others is counted to. A text payload is UTF-8.
    pub(crate) fn append(&mut self, kind: MessageKind, payload: Arc<[u8]>, time_ms: u64) -> Offset {
        self.expire(time_ms);
        let offset = self.head.next();
        self.restore(Entry { offset, time_ms, kind, payload });
        offset
    }

    /// Takes a message with the offset that it was given before; age does not count.
    ///
    /// # Panics
    ///
    /// If the offset is not above the head: it would name two messages.
    pub(crate) fn restore(&mut self, entry: Entry) {
        assert!(entry.offset > self.head, "offset {} is not above {}", entry.offset, self.head);
        self.head = entry.offset;
        self.entry_bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > self.limits.count_max() || self.entry_bytes > self.limits.bytes_max() {
            self.evict();
        }
    }

    /// Never gives the offsets up to `head`; what is held stays, and who saw one of these offsets can go on.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn skip_to(&mut self, head: Offset) {
        self.head = self.head.max(head);
    }

    /// What was between the newest message and `last` is lost.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn note_hole(&mut self, last: Offset) {
        self.skip_to(last);
        self.hole = last;
    }

    /// The same messages and offsets, in another epoch.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn renumber(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// Whether what is held behind `offset` has a hole.
    pub(crate) fn has_hole_behind(&self, offset: Offset) -> bool {
        offset < self.hole
    }

    /// Lets go of all messages; only who is at the head can go on.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.entry_bytes = 0;
        self.evicted = self.head;
    }

    /// Evicts what is older than `age_max` at `now_ms`. A clock that stepped back delays that; count and bytes hold anyway.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        let age_max = self.limits.age_max_ms();
        while self.entries.front().is_some_and(|oldest| now_ms.saturating_sub(oldest.time_ms) > age_max) {
            self.evict();
        }
        self.shrink();
    }

    /// Gives back places that nothing is in, when they are many.
    pub(crate) fn shrink(&mut self) {
        let spare = if self.entries.is_empty() { 0 } else { SPARE_PLACES };
        if self.entries.capacity() > spare.max(self.entries.len() * 4) {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    /// Lets the oldest message go.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn evict(&mut self) {
        let oldest = self.entries.pop_front().expect("an empty history is within its limits");
        self.entry_bytes -= oldest.bytes();
        self.evicted = oldest.offset;
    }

    /// What was published behind `position`, which is the last message that the reader saw. Call [`History::expire`] before
    /// if the age must be exact.
    ///
    /// # Errors
    ///
    /// Why the reader cannot go on where it was.
    pub(crate) fn after(&self, position: Position) -> Result<vec_deque::Iter<'_, Entry>, Break> {
        match self.break_at(position) {
            Some(cause) => Err(cause),
            None => Ok(self.entries_after(position.offset)),
        }
    }

    fn break_at(&self, position: Position) -> Option<Break> {
        if position.epoch != self.epoch {
            Some(Break::OtherEpoch)
        } else if position.offset > self.head {
            Some(Break::Ahead)
        } else if position.offset < self.evicted {
            Some(Break::TooOld)
        } else {
            None
        }
    }

    /// Messages held behind `offset`, oldest first.
    pub(crate) fn entries_after(&self, offset: Offset) -> vec_deque::Iter<'_, Entry> {
        self.entries.range(self.entries.partition_point(|entry| entry.offset <= offset)..)
    }

    /// The newest offset that is gone.
    pub(crate) fn evicted(&self) -> Offset {
        self.evicted
    }

    /// The offset in front of the first message that was published at `time_ms` or later.
    pub(crate) fn before(&self, time_ms: u64) -> Offset {
        let first = self.entries.iter().find(|entry| entry.time_ms >= time_ms);
        first.map_or(self.head, |entry| Offset(entry.offset.0 - 1))
    }

    /// The newest message that is still held.
    pub(crate) fn latest(&self) -> Option<&Entry> {
        self.entries.back()
    }

    /// The oldest message that is still held.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn oldest(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// Where a reader is that saw all.
    pub(crate) fn head(&self) -> Position {
        self.at(self.head)
    }

    /// An offset of this history with its epoch.
    pub(crate) fn at(&self, offset: Offset) -> Position {
        Position { epoch: self.epoch, offset }
    }

    /// Messages held.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no message is held. Then the topic may be forgotten, if its head is not.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Of all messages, each with its overhead.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn entry_bytes(&self) -> usize {
        self.entry_bytes
    }

    /// Memory held beside the history itself: payloads, their overhead, and the ring's free places.
    pub(crate) fn bytes(&self) -> usize {
        self.entry_bytes + (self.entries.capacity() - self.entries.len()) * size_of::<Entry>()
    }
}
