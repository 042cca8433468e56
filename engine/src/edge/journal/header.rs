//! The first 64 bytes of a segment file, which let it be read alone, and the file's name.
//!
//! | at | bytes | what (numbers are little-endian) |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | flags: bit 0, offsets were skipped before this segment; bit 1, messages before it may be missing; bit 2, a new epoch |
//! | 16 | 8 | epoch |
//! | 24 | 8 | number of the segment |
//! | 32 | 8 | sequence of its first record |
//! | 40 | 8 | floor: no record of an earlier segment has a larger offset |
//! | 48 | 8 | when it was begun, in milliseconds since 1970 |
//! | 56 | 4 | salt |
//! | 60 | 4 | CRC32C of the 60 bytes above |

use super::damage::Damage;
use crate::topic::history::{Epoch, Offset};

/// What stands at the head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) epoch: Epoch,
    /// From 1, rising by one from segment to segment; also in the file's name.
    pub(crate) number: u64,
    /// Of the first record. Records are numbered over all segments, so that a missing one is seen.
    pub(crate) sequence: u64,
    /// No record of an earlier segment has a larger offset, even if that segment is long deleted. A topic that is not known
    /// begins above it, so that no offset is given twice in an epoch.
    pub(crate) floor: Offset,
    /// When the segment was begun: milliseconds since 1970-01-01 UTC.
    pub(crate) time_ms: u64,
    /// Random: checksums of records begin with it, so that neither what a publisher writes nor an old file's bytes pass as a record.
    pub(crate) salt: u32,
    /// Whether each topic skipped [`crate::topic::history::OFFSETS_SKIPPED`] offsets here: the node started from a journal without a clean end.
    pub(crate) is_skip: bool,
    /// Whether messages that were published before this segment never reached the journal, because a file failed.
    pub(crate) is_lossy: bool,
    /// Whether the epoch is another one than before, on purpose.
    pub(crate) is_renumbered: bool,
}

/// Like PNG's: shows transfers that change bytes or line ends.
const MAGIC: [u8; 8] = *b"\x89RWJ\r\n\x1a\n";
const VERSION: u32 = 1;
const FLAG_SKIP: u32 = 1;
const FLAG_LOSSY: u32 = 2;
const FLAG_RENUMBERED: u32 = 4;
const FLAGS: u32 = FLAG_SKIP | FLAG_LOSSY | FLAG_RENUMBERED;
/// Numbers and sequences stay below, so that sums cannot overflow.
const NUMBER_MAX: u64 = u64::MAX >> 1;

impl SegmentHeader {
    /// Bytes of an encoded header.
    pub(crate) const BYTES: usize = 64;

    pub(crate) fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.flags().to_le_bytes());
        let numbers = [self.epoch.0, self.number, self.sequence, self.floor.0, self.time_ms];
        for (place, number) in bytes[16..56].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes[56..60].copy_from_slice(&self.salt.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn flags(&self) -> u32 {
        let flags = [(self.is_skip, FLAG_SKIP), (self.is_lossy, FLAG_LOSSY), (self.is_renumbered, FLAG_RENUMBERED)];
        flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum()
    }

    /// The header and the seed for the checksums of its records.
    pub(super) fn decode(bytes: &[u8; Self::BYTES]) -> Result<(Self, u32), Damage> {
        if bytes[..8] != MAGIC {
            return Err(Damage::Magic);
        }
        let seed = u32_at(bytes, 60);
        if crc32c::crc32c(&bytes[..60]) != seed {
            return Err(Damage::HeaderChecksum);
        }
        let (version, flags) = (u32_at(bytes, 8), u32_at(bytes, 12));
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        let [epoch, number, sequence, floor, time_ms] = [16, 24, 32, 40, 48].map(|at| u64_at(bytes, at));
        if flags & !FLAGS != 0 || number > NUMBER_MAX || sequence > NUMBER_MAX || floor > Offset::MAX.0 {
            return Err(Damage::Fields);
        }
        let header = Self {
            epoch: Epoch(epoch),
            number,
            sequence,
            floor: Offset(floor),
            time_ms,
            salt: u32_at(bytes, 56),
            is_skip: flags & FLAG_SKIP != 0,
            is_lossy: flags & FLAG_LOSSY != 0,
            is_renumbered: flags & FLAG_RENUMBERED != 0,
        };
        Ok((header, seed))
    }

    /// Whether `bytes`, too few for a header, may be the beginning of one that was never written to its end.
    pub(super) fn may_begin(bytes: &[u8]) -> bool {
        let magic = &MAGIC[..bytes.len().min(MAGIC.len())];
        bytes.starts_with(magic)
    }

    /// What the checksums of this segment's records begin with.
    pub(super) fn seed(&self) -> u32 {
        u32_at(&self.encode(), 60)
    }
}

/// A number of four bytes; the slice must reach that far.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// A number of eight bytes; the slice must reach that far.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

const DIGITS: usize = 19;
const SUFFIX: &str = ".rwj";

/// The name of a segment's file: 19 digits and `.rwj`, so that names sort as numbers do.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:0DIGITS$}{SUFFIX}")
}

/// The number of the segment that a file of this name is; `None` for every other file.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}
