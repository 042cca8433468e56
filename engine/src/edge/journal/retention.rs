//! Which segments are needed no more.

use std::collections::HashMap;

use crate::topic::history::Offset;

/// What retention knows of a segment that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentSummary {
    pub(crate) number: u64,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// The last offset of each topic that it has records of.
    pub(crate) last: HashMap<Box<str>, Offset>,
}

impl SegmentSummary {
    /// A segment without records.
    pub(super) fn new(number: u64, bytes: u64) -> Self {
        Self { number, bytes, last: HashMap::default() }
    }

    /// It has this message.
    pub(super) fn note(&mut self, topic: &str, offset: Offset) {
        match self.last.get_mut(topic) {
            Some(last) => *last = offset,
            None => drop(self.last.insert(topic.into(), offset)),
        }
    }
}

/// How many segments may go, from the oldest on. They go in that order, each before the next: a hole would look like a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retired {
    /// Every record in them has left its topic's history.
    pub(crate) dead: usize,
    /// The next ones have records that histories still hold, but the journal would be larger than it may be. After a
    /// restart these records are missing. To be reported.
    pub(crate) forced: usize,
}

/// Judges the complete segments, oldest first; the one that is being appended to is not among them, and always stays.
/// `oldest_held` is the first offset that a topic's history holds, `None` when it holds nothing; `bytes_max` is for all of `segments`.
///
/// Only whole beginnings go, so a quiet topic keeps the segments behind its oldest message too, up to `bytes_max`.
pub(crate) fn retire(
    segments: &[SegmentSummary],
    bytes_max: u64,
    oldest_held: impl Fn(&str) -> Option<Offset>,
) -> Retired {
    let is_gone = |topic: &str, last: Offset| oldest_held(topic).is_none_or(|oldest| last < oldest);
    let is_dead = |segment: &&SegmentSummary| segment.last.iter().all(|(topic, &last)| is_gone(topic, last));
    let dead = segments.iter().take_while(is_dead).count();

    let mut bytes: u64 = segments[dead..].iter().map(|segment| segment.bytes).sum();
    let is_above = |segment: &&SegmentSummary| {
        let above = bytes > bytes_max;
        bytes -= segment.bytes;
        above
    };
    let forced = segments[dead..].iter().take_while(is_above).count();
    Retired { dead, forced }
}
