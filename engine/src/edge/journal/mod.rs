//! The journal's bytes: what is appended, what a start reads back, what may be deleted. No IO, no clock.
//!
//! One journal serves all topics: a row of numbered segment files, each a header and then records, appended in groups so that
//! one write and one sync serve many publications. [`SegmentWriter`] encodes them, [`scan()`] judges a segment, [`Recovery`]
//! makes histories of them, and [`retire`] tells which segments are needed no more.
//!
//! What the files' owner must keep to, because the judgement relies on it:
//! 1. Whatever the sync policy: a segment is synced before its successor is created, its header before its first record, and
//!    the last one that a start finds after its torn tail was cut. [`SegmentWriter::mark_synced`] gets what a completed sync covered.
//! 2. After a write or sync that failed, the segment gets nothing more: what the disk has is unknown.
//! 3. A start goes on in a new segment ([`Recovered::header`]), never in one that it found. Segments go from the oldest on.
//! 4. A corrupt segment is left alone: the operator may want it. What came before it is not served either, for a history has no holes.

mod damage;
mod header;
mod record;
mod recovery;
mod retention;
mod scan;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod trial;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use damage::{Corrupt, Damage, TornTail};
pub(crate) use header::{SegmentHeader, segment_name, segment_number};
pub(crate) use record::Record;
pub(crate) use recovery::{OFFSETS_SKIPPED, Problem, Recovered, Recovery};
pub(crate) use retention::{Retired, SegmentSummary, retire};
pub(crate) use scan::{Place, Scan, Segment, Tail, scan};
pub(crate) use writer::SegmentWriter;
