//! What can be wrong with a segment, and whether a crash explains it.
//!
//! A crash leaves whole what a sync had covered, and of the rest any part: a write that ends early, or, when the power failed,
//! later pages without earlier ones. So a bad record is a torn tail unless something shows that it had been synced; that is
//! what a record behind it shows, if it was encoded after that sync. Then the bytes changed afterwards: corruption.

use super::record::Head;

/// What is wrong with the bytes at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// Not a journal's file.
    #[error("it does not begin as a segment does")]
    Magic,
    /// The header was changed.
    #[error("the header's checksum is wrong")]
    HeaderChecksum,
    /// Another release wrote it.
    #[error("it has version {0}, and this release reads version 1")]
    Version(u32),
    /// The header names another segment than the file's name.
    #[error("its header says that it is segment {0}")]
    Number(u64),
    /// The file ends inside a header or record.
    #[error("it ends inside a header or a record")]
    Short,
    /// The head of a record was changed or not written.
    #[error("the checksum of a record's head is wrong")]
    HeadChecksum,
    /// The name or payload of a record was changed or not written.
    #[error("the checksum of a record is wrong")]
    BodyChecksum,
    /// A whole record, but not the one that belongs here.
    #[error("record {expected} belongs here, and it is record {found}")]
    Sequence {
        /// That belongs here.
        expected: u64,
        /// That is here.
        found: u64,
    },
    /// Checksums are right, values are not: no release writes this.
    #[error("a field has a value that is not allowed")]
    Fields,
    /// There is something behind the mark of a clean end.
    #[error("something follows the mark of a clean end")]
    AfterEnd,
}

/// The journal's last group was not written to its end: what a crash leaves. To be cut at `valid_bytes`, and reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("torn tail: {reason} at byte {valid_bytes}; {cut_bytes} bytes are cut")]
pub(crate) struct TornTail {
    /// Length of what is right. 0 if not even the header was written: then the file is deleted.
    pub(crate) valid_bytes: u64,
    /// Length of the rest.
    pub(crate) cut_bytes: u64,
    pub(crate) reason: Damage,
}

/// Bytes that had been durable changed, or were never a journal's: nothing behind them in this segment is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt: {reason} at byte {at}")]
pub(crate) struct Corrupt {
    /// Where in the file.
    pub(crate) at: u64,
    pub(crate) reason: Damage,
}

impl Damage {
    /// Whether a write that did not end may look like this.
    pub(super) fn may_be_torn(self) -> bool {
        matches!(self, Self::Short | Self::HeadChecksum | Self::BodyChecksum)
    }
}

/// Whether a later record shows that the one of `sequence`, damaged at the beginning of `bytes`, had been synced.
///
/// Looks at each byte, for the damage may be in a length. A head there that passes has a checksum that nobody outside can make.
pub(super) fn was_synced(bytes: &[u8], seed: u32, sequence: u64) -> bool {
    // No later record of this segment has a larger one; asked first, since it is cheaper than a checksum.
    let sequence_max = sequence + (bytes.len() / Head::BYTES) as u64;
    let is_later = |head: &[u8; Head::BYTES]| (sequence + 1..=sequence_max).contains(&Head::sequence_of(head));
    let heads = bytes.windows(Head::BYTES).skip(1).filter_map(<[u8]>::first_chunk);
    heads.filter(|head| is_later(head)).filter_map(|head| Head::decode(head, seed)).any(|head| head.synced() > sequence)
}
