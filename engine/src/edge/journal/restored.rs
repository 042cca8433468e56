//! One topic's history, as the segments bring it back message by message.

use super::problem::Problem;
use crate::topic::history::{Entry, Epoch, History, HistoryLimits, Offset, Position};

/// A history that grows to what it was.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) history: History,
    /// The last offset that was read.
    last: Offset,
    /// Messages behind the last one may be missing.
    is_doubtful: bool,
    /// Messages read, also those that the history has let go of.
    pub(super) read_count: usize,
}

impl Restored {
    /// Begins with the first message that there is.
    pub(super) fn new(limits: HistoryLimits, epoch: Epoch, entry: Entry) -> Self {
        let (last, head) = (entry.offset, Position { epoch, offset: Offset(entry.offset.0 - 1) });
        let mut history = History::new(limits, head);
        history.restore(entry);
        Self { history, last, is_doubtful: false, read_count: 1 }
    }

    /// Takes the next message, which was written when offsets had been skipped up to this generation.
    pub(super) fn take(&mut self, topic: &str, entry: Entry, (generation, number): (u64, u64)) -> Option<Problem> {
        let (last, found) = (self.last, entry.offset);
        self.read_count += 1;
        if found <= last {
            // Two messages of one number: who asks for what follows the first cannot know which one it has.
            self.history.note_hole(self.history.head().offset);
            return Some(Problem::Duplicate { topic: topic.into(), last, found, number });
        }
        let before = Offset(found.0 - 1);
        // Less than expected comes behind a file that was restored: it has more than there was when the skip was made.
        let is_skip = last.skips_to(found) && found <= last.in_generation(generation).next();
        let mut problem = None;
        if found != last.next() && is_skip && !self.is_doubtful {
            self.history.skip_to(before);
        } else if found != last.next() {
            problem = self.jump(topic, &entry);
        }
        (self.last, self.is_doubtful) = (found, false);
        self.history.restore(entry);
        problem
    }

    /// Offsets are missing before this message.
    fn jump(&mut self, topic: &str, entry: &Entry) -> Option<Problem> {
        let before = Offset(entry.offset.0 - 1);
        // A topic that became empty may be forgotten, and made again further on: then nothing is lost.
        self.history.expire(entry.time_ms);
        if self.history.is_empty() {
            self.history.skip_to(before);
            self.history.clear();
            return None;
        }
        self.history.note_hole(before);
        // If there was a reason to doubt, that was reported.
        let gap = Problem::Gap { topic: topic.into(), last: self.last, found: entry.offset };
        (!self.is_doubtful).then_some(gap)
    }

    /// Something is missing here, maybe messages of this topic.
    pub(super) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// All was read: the history goes on in this generation.
    pub(super) fn finish(self, generation: u64, now_ms: u64) -> History {
        let Self { mut history, last, is_doubtful, .. } = self;
        let head = last.in_generation(generation);
        history.expire(now_ms);
        if is_doubtful {
            history.note_hole(head);
        } else {
            history.skip_to(head);
        }
        history
    }
}
