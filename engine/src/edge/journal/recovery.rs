//! Makes histories of the segments that a start finds.
//!
//! Same epoch, same offsets, and no offset given twice: of a journal that was not closed cleanly, the last messages may be
//! missing although readers saw them, so their numbers are skipped. Where a segment is corrupt or missing, everything before
//! it is let go, since a history with a hole would lie.

use std::cmp::{Ordering, Reverse};

use std::collections::{BinaryHeap, HashMap};

use super::damage::{Corrupt, TornTail};
use super::header::SegmentHeader;
use super::record::Record;
use super::retention::SegmentSummary;
use super::scan::{Scan, Segment, Tail};
use crate::topic::history::{Entry, Epoch, History, HistoryLimits, OFFSETS_SKIPPED, Offset, Position};

/// Problems that are kept to be reported; more are only counted.
const PROBLEMS_MAX: usize = 100;

/// Folds segments, oldest first, into histories. `L` tells the limits of a topic's history, `None` if it has none (any more).
#[derive(Debug)]
pub(crate) struct Recovery<L> {
    limits: L,
    bytes_max: usize,
    topics: HashMap<Box<str>, History>,
    /// Topics that no rule gives a history now: their first offset, and how many messages.
    unruled: HashMap<Box<str>, (Offset, usize)>,
    summaries: Vec<SegmentSummary>,
    problems: Vec<Problem>,
    problem_count: usize,
    epoch: Option<Epoch>,
    floor: Offset,
    /// Of the next segment and its first record.
    next: Option<Next>,
    is_clean: bool,
}

#[derive(Clone, Copy, Debug)]
struct Next {
    number: u64,
    /// `None` behind a segment that could not be read.
    sequence: Option<u64>,
}

/// What was wrong, for the operator; the start goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// What a crash leaves.
    #[error("segment {number}: {tail}")]
    Torn {
        /// Of the segment.
        number: u64,
        /// Where to cut.
        tail: TornTail,
    },
    /// Bytes changed.
    #[error(
        "segment {number}: {corrupt}; nothing of it and nothing before it is served; restore the file, or move it away"
    )]
    Corrupt {
        /// Of the segment.
        number: u64,
        /// What and where.
        corrupt: Corrupt,
    },
    /// Files or records are not there.
    #[error("records are missing before segment {number}; nothing before it is served")]
    Missing {
        /// Of the segment behind the hole.
        number: u64,
    },
    /// Segments of two journals.
    #[error("segment {number} is of another epoch; nothing before it is served")]
    OtherEpoch {
        /// Of the first segment of the other epoch.
        number: u64,
    },
    /// Messages of a topic never reached the journal.
    #[error("topic {topic}: message {found} follows message {last}; who comes back to before is told of the gap")]
    Gap {
        /// Its name.
        topic: Box<str>,
        /// The last offset before.
        last: Offset,
        /// The next one in the journal.
        found: Offset,
    },
    /// An offset names two messages.
    #[error("topic {topic}: message {found} follows message {last}; neither it nor what was before is served")]
    Duplicate {
        /// Its name.
        topic: Box<str>,
        /// The last offset before.
        last: Offset,
        /// The next one in the journal.
        found: Offset,
    },
}

/// What a start found.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// `None` when there is no journal that can be read: draw a new one.
    pub(crate) epoch: Option<Epoch>,
    /// Histories to go on with, also those that are empty by now. A topic that is not among them begins at `floor`.
    pub(crate) topics: Vec<(Box<str>, History)>,
    pub(crate) floor: Offset,
    /// Topics that no rule gives a history now: their first offset, and how many messages. Not served, and not removed either: the
    /// next configuration may have a rule again.
    pub(crate) unruled: HashMap<Box<str>, (Offset, usize)>,
    /// Of the segments that are left, oldest first, for [`super::retire`].
    pub(crate) summaries: Vec<SegmentSummary>,
    /// Whether the journal was closed, or is new. Otherwise offsets were skipped.
    pub(crate) is_clean: bool,
    /// The first of them, in order.
    pub(crate) problems: Vec<Problem>,
    /// All of them.
    pub(crate) problem_count: usize,
    number: u64,
    sequence: u64,
}

impl<L: Fn(&str) -> Option<HistoryLimits>> Recovery<L> {
    /// Nothing read yet.
    /// All histories together keep at most `bytes_max`: the newest messages, whichever topics' they are.
    pub(crate) fn new(limits: L, bytes_max: usize) -> Self {
        Self {
            limits,
            bytes_max,
            topics: HashMap::default(),
            unruled: HashMap::default(),
            summaries: Vec::new(),
            problems: Vec::new(),
            problem_count: 0,
            epoch: None,
            floor: Offset::ZERO,
            next: None,
            is_clean: true,
        }
    }

    /// Takes the verdict on the segment of this number. Numbers rise from call to call.
    pub(crate) fn segment(&mut self, number: u64, scan: &Scan<'_>) {
        if self.next.is_some_and(|next| next.number != number) {
            self.lose(Problem::Missing { number });
            self.next = None;
        }
        match scan {
            Scan::Sound(segment) => {
                self.sound(segment);
                self.trim();
            }
            Scan::Headless(tail) => self.headless(number, *tail),
            Scan::Corrupt(corrupt) => {
                self.lose(Problem::Corrupt { number, corrupt: *corrupt });
                self.next = Some(Next { number: number + 1, sequence: None });
                self.is_clean = false;
            }
        }
    }

    fn sound(&mut self, segment: &Segment<'_>) {
        let header = &segment.header;
        self.join(header);
        if header.is_skip {
            self.topics.values_mut().for_each(skip_in);
        }
        self.floor = self.floor.max(header.floor);
        let mut summary = SegmentSummary::new(header.number, segment.valid_bytes());
        for record in segment.records() {
            self.floor = self.floor.max(record.offset);
            summary.note(record.topic, record.offset);
            self.record(&record, header.epoch);
        }
        self.summaries.push(summary);
        if let Tail::Torn(tail) = segment.tail {
            self.report(Problem::Torn { number: header.number, tail });
        }
        self.next = Some(Next { number: header.number + 1, sequence: Some(segment.sequence_end) });
        self.is_clean = segment.tail == Tail::Closed;
    }

    /// Lets go of the oldest messages, as if all topics were one, when all histories hold too much.
    fn trim(&mut self) {
        let mut bytes: usize = self.topics.values().map(History::entry_bytes).sum();
        if bytes <= self.bytes_max {
            return;
        }
        let oldest = |history: &History| history.oldest().map(|entry| Reverse(entry.time_ms));
        let topics = self.topics.values_mut();
        let mut heap: BinaryHeap<_> = topics.filter_map(|history| Some(Aged(oldest(history)?, history))).collect();
        while bytes > self.bytes_max
            && let Some(Aged(_, history)) = heap.pop()
        {
            bytes -= history.entry_bytes();
            history.evict();
            bytes += history.entry_bytes();
            heap.extend(oldest(history).map(|age| Aged(age, history)));
        }
        self.topics.values_mut().for_each(History::shrink);
    }

    /// Whether the segment goes on where the one before ended; if not, that one's end is lost, so all before is let go.
    fn join(&mut self, header: &SegmentHeader) {
        let number = header.number;
        // 0 where the segment before could not be read when this one was begun: it may have been restored since.
        let continues = |sequence| sequence == header.sequence || header.sequence == 0;
        let is_broken = |next: Next| next.sequence.is_some_and(|sequence| !continues(sequence));
        if self.epoch.is_some_and(|epoch| epoch != header.epoch) {
            self.lose(Problem::OtherEpoch { number });
        } else if self.next.is_some_and(is_broken) {
            self.lose(Problem::Missing { number });
        }
        self.epoch = Some(header.epoch);
    }

    /// The file goes, and its number is used again.
    fn headless(&mut self, number: u64, tail: TornTail) {
        self.report(Problem::Torn { number, tail });
        let sequence = self.next.and_then(|next| next.sequence);
        self.next = Some(Next { number, sequence });
        self.is_clean = false;
    }

    fn record(&mut self, record: &Record<'_>, epoch: Epoch) {
        let entry =
            Entry { offset: record.offset, time_ms: record.time_ms, kind: record.kind, payload: record.payload.into() };
        if let Some(history) = self.topics.get_mut(record.topic) {
            let problem = take(history, record.topic, entry);
            problem.into_iter().for_each(|problem| self.report(problem));
        } else if let Some(limits) = (self.limits)(record.topic) {
            let head = Position { epoch, offset: Offset(record.offset.0 - 1) };
            let mut history = History::new(limits, head);
            history.restore(entry);
            self.topics.insert(record.topic.into(), history);
        } else if let Some((_, count)) = self.unruled.get_mut(record.topic) {
            *count += 1;
        } else {
            self.unruled.insert(record.topic.into(), (record.offset, 1));
        }
    }

    /// Lets go of all histories. Topics that are not seen again begin at the floor, which covers what was lost: either a later
    /// header tells it, or the journal has no clean end.
    ///
    /// Their segments are no longer the journal's to remove: the operator may yet mend what is wrong.
    fn lose(&mut self, problem: Problem) {
        self.topics.clear();
        self.unruled.clear();
        self.summaries.clear();
        self.report(problem);
    }

    fn report(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    /// All segments were given. Evicts what is too old at `now_ms`.
    pub(crate) fn finish(self, now_ms: u64) -> Recovered {
        let mut topics: Vec<_> = self.topics.into_iter().collect();
        for (_, history) in &mut topics {
            history.expire(now_ms);
            if !self.is_clean {
                skip_in(history);
            }
        }
        let next = self.next.unwrap_or(Next { number: 1, sequence: Some(0) });
        Recovered {
            epoch: self.epoch,
            topics,
            floor: if self.is_clean { self.floor } else { skip(self.floor) },
            unruled: self.unruled,
            summaries: self.summaries,
            is_clean: self.is_clean,
            problems: self.problems,
            problem_count: self.problem_count,
            number: next.number,
            sequence: next.sequence.unwrap_or(0),
        }
    }
}

/// A history by the age of its oldest message.
struct Aged<'a>(Reverse<u64>, &'a mut History);

impl PartialEq for Aged<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Aged<'_> {}

impl PartialOrd for Aged<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Aged<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// No sum comes near `Offset::MAX` but in a file that somebody made up, and there it ends.
fn skip(offset: Offset) -> Offset {
    Offset(offset.0 + OFFSETS_SKIPPED).min(Offset::MAX)
}

fn skip_in(history: &mut History) {
    history.skip_to(skip(history.head().offset));
}

/// Takes the next message of a topic, and lets go of what it does not continue.
fn take(history: &mut History, topic: &str, entry: Entry) -> Option<Problem> {
    let (last, found) = (history.head().offset, entry.offset);
    let mut problem = None;
    match found.cmp(&last.next()) {
        Ordering::Equal => {}
        Ordering::Greater => {
            // A topic that became empty may be forgotten, and made again further on: then nothing is lost.
            history.expire(entry.time_ms);
            let before = Offset(found.0 - 1);
            if history.is_empty() {
                history.skip_to(before);
                history.clear();
            } else {
                problem = Some(Problem::Gap { topic: topic.into(), last, found });
                history.note_hole(before);
            }
        }
        Ordering::Less => {
            history.clear();
            return Some(Problem::Duplicate { topic: topic.into(), last, found });
        }
    }
    history.restore(entry);
    problem
}

impl Recovered {
    /// Lets go of all but the topics with the newest messages, and returns the floor, which no offset of the others is above.
    pub(crate) fn keep_newest(&mut self, count_max: usize) -> Offset {
        if self.topics.len() > count_max {
            let age = |history: &History| Reverse(history.latest().map(|entry| entry.time_ms));
            self.topics.sort_by_key(|(_, history)| age(history));
            let heads = self.topics.drain(count_max..).map(|(_, history)| history.head().offset);
            self.floor = heads.fold(self.floor, Offset::max);
        }
        self.floor
    }

    /// The header of the first segment of this run.
    pub(crate) fn header(&self, epoch: Epoch, salt: u32, time_ms: u64) -> SegmentHeader {
        let Self { number, sequence, floor, .. } = *self;
        SegmentHeader { epoch, number, sequence, floor, time_ms, salt, is_skip: !self.is_clean }
    }
}
