//! How the journal is, for who administers the node.

use std::sync::Arc;

use super::recovery::Recovered;

/// A moment's state, and counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JournalHealth {
    /// Why nothing is durable at present, until a new segment could be begun; `None` when all is well.
    pub(crate) trouble: Option<Arc<str>>,
    /// What was wrong at the start.
    pub(crate) found: Arc<Found>,
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

/// What a start found, and what of it is not served.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What was wrong with the files: the first ones, as the log has them.
    pub(crate) problems: Vec<String>,
    /// All of them.
    pub(crate) problem_count: usize,
    /// Topics that no rule gives a history, and one of them.
    pub(crate) unruled_topics: usize,
    pub(crate) unruled_such_as: Option<Box<str>>,
    /// Their messages.
    pub(crate) unruled_messages: usize,
    /// Files with something that is not served because of a problem. They are not removed.
    pub(crate) kept_files: usize,
    /// Bytes of them.
    pub(crate) kept_bytes: u64,
}

/// Problems that are told in their words.
const TOLD_MAX: usize = 10;

impl Found {
    pub(super) fn of(recovered: &Recovered) -> Self {
        let kept = recovered.summaries.iter().filter(|summary| summary.is_kept);
        Self {
            problems: recovered.problems.iter().take(TOLD_MAX).map(ToString::to_string).collect(),
            problem_count: recovered.problem_count,
            unruled_topics: recovered.unruled.len(),
            unruled_such_as: recovered.unruled.keys().next().cloned(),
            unruled_messages: recovered.unruled.values().sum(),
            kept_files: kept.clone().count(),
            kept_bytes: kept.map(|summary| summary.bytes).sum(),
        }
    }
}
