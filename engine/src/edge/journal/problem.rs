//! What a start finds wrong, in the words that the operator reads.

use super::damage::{Corrupt, TornTail};
use crate::topic::history::Offset;

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
        "segment {number}: {corrupt}; nothing behind that in it is served, and the file stays: restore it, or move it away"
    )]
    Corrupt {
        /// Of the segment.
        number: u64,
        /// What and where.
        corrupt: Corrupt,
    },
    /// The journal was closed, and its last segment has become shorter since.
    #[error("segment {number} had more messages when the journal was closed; the file stays: restore it")]
    Short {
        /// Of the segment.
        number: u64,
    },
    /// Files or records are not there.
    #[error("records are missing before segment {number}; who comes back to before is told of a gap")]
    Missing {
        /// Of the segment behind the hole.
        number: u64,
    },
    /// The newest files are not there.
    #[error(
        "segments {number} to {newest} are missing, the newest that the journal had: restore them; until then who comes back to before \
         is told of a gap"
    )]
    Lost {
        /// Of the first one that is missing.
        number: u64,
        /// Of the last one.
        newest: u64,
    },
    /// It cannot be known how far the journal had come.
    #[error(
        "the file `mark` is not there, is damaged, or is of another journal, so that newer messages than those here may have been \
         published: all are served in a new epoch, and who comes back is told of a gap"
    )]
    Unmarked,
    /// Segments of two journals.
    #[error(
        "segment {number} is of another epoch; nothing before it is served, and those files stay: move away what does not belong \
         here"
    )]
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
    #[error(
        "topic {topic}: message {found} follows message {last} in segment {number}; it is not served, and the file stays: move away \
         what does not belong here"
    )]
    Duplicate {
        /// Its name.
        topic: Box<str>,
        /// The last offset before.
        last: Offset,
        /// The next one in the journal.
        found: Offset,
        /// Of the segment that has it.
        number: u64,
    },
}
