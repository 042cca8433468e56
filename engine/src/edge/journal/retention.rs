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
    /// It has something that is not served because of a problem, which the operator may yet mend: it is never removed.
    pub(crate) is_kept: bool,
}

impl SegmentSummary {
    /// A segment without records.
    pub(super) fn new(number: u64, bytes: u64) -> Self {
        Self { number, bytes, last: HashMap::default(), is_kept: false }
    }

    /// It has this message.
    pub(super) fn note(&mut self, topic: &str, offset: Offset) {
        match self.last.get_mut(topic) {
            Some(last) => *last = offset,
            None => drop(self.last.insert(topic.into(), offset)),
        }
    }
}

/// What may go, in the order in which it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retired {
    /// Numbers of the segments.
    pub(crate) numbers: Vec<u64>,
    /// So many of them, the last ones, have records that histories still hold, but the journal would be larger than it may be. After
    /// a restart these records are missing. To be reported.
    pub(crate) forced: usize,
}

/// Judges the complete segments, oldest first; the one that is being appended to is not among them, and always stays.
/// `oldest_held` is the first offset that a topic's history holds, `None` when it holds nothing; `bytes_max` is for all of `segments`,
/// and what is kept counts. Segments up to number `spared` go only when there is no room for them.
///
/// Only whole beginnings go, so a quiet topic keeps the segments behind its oldest message too, up to `bytes_max`; behind one that is kept,
/// segments go only when there is no room.
pub(crate) fn retire(
    segments: &[SegmentSummary],
    bytes_max: u64,
    spared: u64,
    oldest_held: impl Fn(&str) -> Option<Offset>,
) -> Retired {
    let is_gone = |topic: &str, last: Offset| oldest_held(topic).is_none_or(|oldest| last < oldest);
    let is_dead = |segment: &&SegmentSummary| segment.last.iter().all(|(topic, &last)| is_gone(topic, last));
    let is_free = |segment: &&SegmentSummary| !segment.is_kept && segment.number > spared && is_dead(segment);
    let (free, rest) = segments.split_at(segments.iter().take_while(is_free).count());

    let mut bytes: u64 = rest.iter().map(|segment| segment.bytes).sum();
    let is_above = |segment: &&SegmentSummary| {
        let above = bytes > bytes_max;
        bytes -= segment.bytes;
        above
    };
    let unkept = rest.iter().filter(|segment| !segment.is_kept);
    let pressed: Vec<_> = unkept.take_while(is_above).collect();
    let forced = pressed.iter().skip_while(|segment| is_dead(segment)).count();
    Retired { numbers: free.iter().chain(pressed).map(|segment| segment.number).collect(), forced }
}
