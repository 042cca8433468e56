//! Topics with history over restarts: what shards publish is appended to files, and a start makes histories of them.
//!
//! One journal serves all topics: a row of numbered segment files, each a header and then records, appended in groups so that
//! one write and one sync serve many publications.
//!
//! The bytes, without IO and clock: [`SegmentWriter`] encodes them, [`scan()`] judges a segment, [`Recovery`] makes histories of
//! them, and [`retire`] tells which segments are needed no more. The files: [`Journal::open`] reads them at the start, a
//! [`JournalTask`] on a tokio-uring runtime writes them. The shards' side of it, with the queue between, is `topic::journal`.
//!
//! What the files' owner keeps to, because the judgement relies on it:
//! 1. Whatever the sync policy: a segment is synced before its successor is created, its header before its first record, and
//!    the last one that a start finds after its torn tail was cut. [`SegmentWriter::mark_synced`] gets what a completed sync covered.
//! 2. After a write or sync that failed, the segment gets nothing more: what the disk has is unknown.
//! 3. A start goes on in a new segment ([`Recovered::header`]), never in one that it found. Segments go from the oldest on.
//! 4. What is not served because of a problem is left alone: the operator may want it. What lies before and behind it is served, and
//!    who comes back to before is told of the gap.
//! 5. The mark tells how far the journal had come. It is written before the first record of a segment, and before a loss is told.

mod committer;
mod damage;
mod directory;
mod error;
mod header;
mod health;
mod held;
mod inbox;
mod mark;
mod open;
mod problem;
mod record;
mod recovery;
mod restored;
mod retention;
mod scan;
mod segment;
mod store;
mod task;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod trial;
mod trouble;
mod writer;

#[cfg(test)]
mod tests;

pub use error::JournalError;
pub(crate) use health::JournalHealth;
pub(crate) use inbox::JournalStatus;
pub(crate) use open::{Journal, Rules};
pub(crate) use task::JournalTask;

#[cfg(test)]
use {
    damage::{Corrupt, Damage},
    header::{SegmentHeader, segment_name, segment_number},
    mark::Mark,
    problem::Problem,
    recovery::{Recovered, Recovery},
    retention::{Retired, SegmentSummary, retire},
    scan::{Place, Scan, Segment, Tail, scan},
    writer::SegmentWriter,
};
