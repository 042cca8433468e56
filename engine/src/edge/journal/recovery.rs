//! Makes histories of the segments that a start finds.
//!
//! Same epoch, same offsets, and no offset given twice. Of a journal that was not closed, or lacks something, the last messages
//! may be missing although readers saw them: then a generation of offsets is skipped, above all that the mark says may
//! have been given, so that what is restored later still comes before it. What is there is served on both sides of a hole,
//! and who comes back to before it is told of the gap.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use super::damage::Corrupt;
use super::header::SegmentHeader;
use super::mark::Mark;
use super::problem::Problem;
use super::record::Record;
use super::restored::Restored;
use super::retention::SegmentSummary;
use super::scan::{Scan, Segment, Tail};
use crate::topic::history::{Entry, Epoch, History, HistoryLimits, Offset};

/// Problems that are kept to be reported; more are only counted.
const PROBLEMS_MAX: usize = 100;

/// Generations that are skipped when the mark is not there to tell how many there were.
const GENERATIONS_UNMARKED: u64 = 16;

/// Folds segments, oldest first, into histories. `L` tells the limits of a topic's history, `None` if it has none (any more).
#[derive(Debug)]
pub(crate) struct Recovery<L> {
    limits: L,
    bytes_max: usize,
    mark: Option<Mark>,
    topics: HashMap<Box<str>, Restored>,
    /// Topics that no rule gives a history now, and how many messages.
    unruled: HashMap<Box<str>, usize>,
    summaries: Vec<SegmentSummary>,
    problems: Vec<Problem>,
    problem_count: usize,
    epoch: Option<Epoch>,
    floor: Offset,
    /// Of the last skip.
    generation: u64,
    /// Of the next segment and its first record.
    next: Option<Next>,
    /// The last segment ends with the mark of a clean end.
    is_closed: bool,
    /// Something is missing, maybe, that a crash does not explain.
    is_doubtful: bool,
    /// The mark says that messages are missing at the end.
    is_lossy: bool,
}

#[derive(Clone, Copy, Debug)]
struct Next {
    number: u64,
    /// `None` behind a segment that could not be read.
    sequence: Option<u64>,
}

/// What a start found.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// `None` when there is no mark that fits: draw a new one, and [`Recovered::renumber`].
    pub(crate) epoch: Option<Epoch>,
    /// Histories to go on with, also those that are empty by now. A topic that is not among them begins at `floor`.
    pub(crate) topics: Vec<(Box<str>, History)>,
    pub(crate) floor: Offset,
    /// Topics that no rule gives a history now, and how many messages. Not served, and not removed either: the next
    /// configuration may have a rule again.
    pub(crate) unruled: HashMap<Box<str>, usize>,
    /// Messages that the present rules do not keep, though the files have them, and their topics.
    pub(crate) let_go: LetGo,
    /// Of all segments, oldest first, for [`super::retire`].
    pub(crate) summaries: Vec<SegmentSummary>,
    /// Whether the journal was closed, or is new. Otherwise offsets were skipped.
    pub(crate) is_clean: bool,
    /// The first of them, in order.
    pub(crate) problems: Vec<Problem>,
    /// All of them.
    pub(crate) problem_count: usize,
    number: u64,
    sequence: u64,
    is_lossy: bool,
    is_renumbered: bool,
}

/// Messages in the files that no rule of now keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LetGo {
    pub(crate) topics: usize,
    pub(crate) messages: usize,
}

impl<L: Fn(&str) -> Option<HistoryLimits>> Recovery<L> {
    /// Nothing read yet. `mark` is the journal's, if it can be read.
    /// All histories together keep at most `bytes_max`: the newest messages, whichever topics' they are.
    pub(crate) fn new(limits: L, bytes_max: usize, mark: Option<Mark>) -> Self {
        Self {
            limits,
            bytes_max,
            mark,
            topics: HashMap::default(),
            unruled: HashMap::default(),
            summaries: Vec::new(),
            problems: Vec::new(),
            problem_count: 0,
            epoch: None,
            floor: Offset::ZERO,
            generation: 0,
            next: None,
            is_closed: true,
            is_doubtful: false,
            is_lossy: false,
        }
    }

    /// Takes the verdict on the segment of this number, whose file has so many bytes. Numbers rise from call to call. Whether the
    /// file may be put in order: cut to what is valid, or removed if it has no header.
    pub(crate) fn segment(&mut self, number: u64, scan: &Scan<'_>, file_bytes: u64) -> bool {
        if self.next.is_some_and(|next| next.number != number) {
            self.doubt(Problem::Missing { number });
            self.next = None;
        }
        let is_ours = match scan {
            Scan::Sound(segment) => self.whole(segment),
            Scan::Headless(tail) if self.mark.is_some_and(|mark| mark.number >= number) => {
                // Its header had been synced.
                self.corrupt(number, None, file_bytes);
                self.doubt(Problem::Corrupt { number, corrupt: Corrupt { at: 0, reason: tail.reason } });
                false
            }
            Scan::Headless(tail) => {
                self.report(Problem::Torn { number, tail: *tail });
                let sequence = self.next.and_then(|next| next.sequence);
                self.next = Some(Next { number, sequence });
                self.is_closed = false;
                true
            }
            Scan::Corrupt(corrupt, beginning) => {
                self.corrupt(number, beginning.as_ref(), file_bytes);
                self.doubt(Problem::Corrupt { number, corrupt: *corrupt });
                false
            }
        };
        self.trim();
        is_ours
    }

    /// A segment that is right to its end. Whether a torn tail may be cut.
    fn whole(&mut self, segment: &Segment<'_>) -> bool {
        let number = segment.header.number;
        self.read(segment);
        self.is_closed = segment.tail == Tail::Closed;
        if let Some(mark) = self.mark.filter(|mark| mark.misses(number, segment.sequence_end)) {
            self.next = Some(Next { number: number + 1, sequence: Some(mark.sequence) });
            self.keep_file(segment.tail != Tail::Open);
            self.doubt(Problem::Short { number });
            return false;
        }
        if let Tail::Torn(tail) = segment.tail {
            self.report(Problem::Torn { number, tail });
        }
        true
    }

    /// What is before the damage is served; the file stays.
    fn corrupt(&mut self, number: u64, beginning: Option<&Segment<'_>>, file_bytes: u64) {
        match beginning {
            Some(segment) => self.read(segment),
            None => self.summaries.push(SegmentSummary::new(number, file_bytes)),
        }
        if let Some(summary) = self.summaries.last_mut() {
            summary.bytes = file_bytes;
        }
        self.keep_file(true);
        self.next = Some(Next { number: number + 1, sequence: None });
        self.is_closed = false;
    }

    fn read(&mut self, segment: &Segment<'_>) {
        let header = &segment.header;
        self.join(header);
        if header.is_skip {
            self.generation = self.generation.max(header.floor.generation());
        }
        if header.is_lossy {
            self.topics.values_mut().for_each(Restored::doubt);
        }
        self.floor = self.floor.max(header.floor);
        self.summaries.push(SegmentSummary::new(header.number, segment.valid_bytes()));
        for record in segment.records() {
            self.floor = self.floor.max(record.offset);
            self.record(&record, header);
        }
        self.next = Some(Next { number: header.number + 1, sequence: Some(segment.sequence_end) });
    }

    /// Whether the segment goes on where the one before ended, or earlier: that one was restored then, and has more than was
    /// there when this one was begun.
    fn join(&mut self, header: &SegmentHeader) {
        let number = header.number;
        let is_short = |next: Next| next.sequence.is_some_and(|sequence| sequence < header.sequence);
        let is_other = self.epoch.is_some_and(|epoch| epoch != header.epoch);
        if is_other && !header.is_renumbered {
            self.let_go(Problem::OtherEpoch { number });
        } else if self.next.is_some_and(is_short) {
            self.doubt(Problem::Missing { number });
        }
        self.epoch = Some(header.epoch);
    }

    fn record(&mut self, record: &Record<'_>, header: &SegmentHeader) {
        let summary = self.summaries.last_mut().expect("of this segment");
        summary.note(record.topic, record.offset);
        let entry =
            Entry { offset: record.offset, time_ms: record.time_ms, kind: record.kind, payload: record.payload.into() };
        if let Some(restored) = self.topics.get_mut(record.topic) {
            let problem = restored.take(record.topic, entry, (self.generation, header.number));
            summary.is_kept |= matches!(problem, Some(Problem::Duplicate { .. }));
            problem.into_iter().for_each(|problem| self.report(problem));
        } else if let Some(limits) = (self.limits)(record.topic) {
            self.topics.insert(record.topic.into(), Restored::new(limits, header.epoch, entry));
        } else {
            summary.is_kept = true;
            match self.unruled.get_mut(record.topic) {
                Some(count) => *count += 1,
                None => drop(self.unruled.insert(record.topic.into(), 1)),
            }
        }
    }

    /// The last segment's file has something that is not served: it is not the journal's to remove.
    fn keep_file(&mut self, is_kept: bool) {
        if let Some(summary) = self.summaries.last_mut() {
            summary.is_kept |= is_kept;
        }
    }

    /// Messages may be missing here, of any topic.
    fn doubt(&mut self, problem: Problem) {
        self.is_doubtful = true;
        self.topics.values_mut().for_each(Restored::doubt);
        self.report(problem);
    }

    /// Lets go of all histories, whose numbers mean something else from here on. Their files stay.
    fn let_go(&mut self, problem: Problem) {
        self.topics.clear();
        self.summaries.iter_mut().for_each(|summary| summary.is_kept = true);
        self.doubt(problem);
    }

    fn report(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    /// Lets go of the oldest messages, as if all topics were one, when all histories hold too much.
    fn trim(&mut self) {
        let mut bytes: usize = self.topics.values().map(|topic| topic.history.entry_bytes()).sum();
        if bytes <= self.bytes_max {
            return;
        }
        let oldest = |history: &History| history.oldest().map(|entry| Reverse(entry.time_ms));
        let histories = self.topics.values_mut().map(|topic| &mut topic.history);
        let mut heap: BinaryHeap<_> = histories.filter_map(|history| Some(Aged(oldest(history)?, history))).collect();
        while bytes > self.bytes_max
            && let Some(Aged(_, history)) = heap.pop()
        {
            bytes -= history.entry_bytes();
            history.evict();
            bytes += history.entry_bytes();
            heap.extend(oldest(history).map(|age| Aged(age, history)));
        }
        self.topics.values_mut().for_each(|topic| topic.history.shrink());
    }

    /// All segments were given. Evicts what is too old at `now_ms`.
    pub(crate) fn finish(mut self, now_ms: u64) -> Recovered {
        let is_new = self.next.is_none() && self.mark.is_none();
        self.compare_with_mark();
        let is_clean = is_new || (self.is_closed && !self.is_doubtful && self.mark.is_some_and(|mark| mark.is_closed));
        let (mut floor, mut generation) = (self.floor, self.generation);
        if !is_clean {
            let above = self.mark.map_or(GENERATIONS_UNMARKED, |_| 1);
            let reserved = self.mark.map_or(Offset::ZERO, |mark| mark.reserved());
            floor = floor.max(self.mark.map_or(Offset::ZERO, |mark| mark.floor));
            generation = floor.max(reserved).generation() + above;
            floor = floor.in_generation(generation);
        }
        let mut let_go = LetGo::default();
        let mut topics = Vec::with_capacity(self.topics.len());
        for (name, restored) in self.topics {
            let read_count = restored.read_count;
            let history = restored.finish(generation, now_ms);
            let_go.messages += read_count - history.len();
            let_go.topics += usize::from(read_count > history.len());
            topics.push((name, history));
        }
        let next = self.next.unwrap_or(Next { number: 1, sequence: Some(0) });
        Recovered {
            epoch: self.mark.map(|mark| mark.epoch),
            topics,
            floor,
            unruled: self.unruled,
            let_go,
            summaries: self.summaries,
            is_clean,
            problems: self.problems,
            problem_count: self.problem_count,
            number: next.number,
            sequence: next.sequence.unwrap_or(0),
            is_lossy: self.is_lossy,
            is_renumbered: self.mark.is_none() && !is_new,
        }
    }

    /// Whether all is there that the journal had.
    fn compare_with_mark(&mut self) {
        let number = self.next.map_or(1, |next| next.number);
        let fits = |mark: &Mark| self.epoch.is_none_or(|epoch| epoch == mark.epoch);
        self.mark = self.mark.filter(fits);
        let Some(mark) = self.mark else {
            if self.next.is_some() {
                self.doubt(Problem::Unmarked);
            }
            return;
        };
        if number <= mark.number {
            self.doubt(Problem::Lost { number, newest: mark.number });
            self.next = Some(Next { number: mark.number + 1, sequence: None });
        } else if number > mark.number + 1 {
            // A segment was begun, and nothing says how it went on.
            self.is_closed = false;
        }
        // Else a later segment tells it.
        if mark.is_lossy && number <= mark.number + 1 {
            self.is_lossy = true;
            self.topics.values_mut().for_each(Restored::doubt);
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

    /// All histories are of this epoch.
    pub(crate) fn renumber(&mut self, epoch: Epoch) {
        self.topics.iter_mut().for_each(|(_, history)| history.renumber(epoch));
    }

    /// The header of the first segment of this run.
    pub(crate) fn header(&self, epoch: Epoch, salt: u32, time_ms: u64) -> SegmentHeader {
        let Self { number, sequence, floor, is_lossy, is_renumbered, .. } = *self;
        let is_skip = !self.is_clean;
        SegmentHeader { epoch, number, sequence, floor, time_ms, salt, is_skip, is_lossy, is_renumbered }
    }
}
