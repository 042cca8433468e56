//! How the journal is, for who administers the node.

use std::sync::Arc;

/// A moment's state, and counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JournalHealth {
    /// Why nothing is durable at present, until a new segment could be begun; `None` when all is well.
    pub(crate) trouble: Option<Arc<str>>,
    /// What the start found wrong with the files; the log names it.
    pub(crate) problem_count: usize,
    /// Entries written.
    pub(crate) entry_count: u64,
    /// Writes that they took.
    pub(crate) group_count: u64,
    /// Syncs of written entries.
    pub(crate) sync_count: u64,
    /// Entries that are not in the journal.
    pub(crate) lost_count: u64,
    /// Segments that went although histories still held some of their messages: `journal_bytes_max` is small for them.
    pub(crate) forced_count: u64,
    /// Segments, with the one that is written.
    pub(crate) segment_count: usize,
    /// Bytes of them.
    pub(crate) bytes: u64,
}
