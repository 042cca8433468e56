//! The journal's mark: how far it had come, kept apart from the segments, so that even the loss of the newest of them is noticed.
//!
//! A file of two places, written in turn and in place: that needs no room on a full disk, and a write that is torn leaves the
//! mark before. It is written when a segment is begun, when messages are lost, and at the end.
//!
//! | at | bytes | what (numbers are little-endian) |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | flags: bit 0, the journal was closed; bit 1, messages are missing at its end |
//! | 16 | 8 | epoch |
//! | 24 | 8 | number of the newest segment |
//! | 32 | 8 | sequence behind its last message, if the journal was closed |
//! | 40 | 8 | floor: offsets that may have been given are at most 2³¹ above |
//! | 48 | 8 | how often the mark was written |
//! | 56 | 4 | digest of the rules |
//! | 60 | 4 | CRC32C of the 60 bytes above |

use super::header::{u32_at, u64_at};
use crate::topic::history::{Epoch, OFFSETS_SKIPPED, Offset};

/// What the journal had come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) epoch: Epoch,
    /// Of the newest segment, whose header was synced before the mark was written.
    pub(crate) number: u64,
    /// Behind the last message, if the journal was closed; else 0.
    pub(crate) sequence: u64,
    /// The floor of the newest segment, and of the end if the journal was closed.
    pub(crate) floor: Offset,
    /// Numbers were given up to what the segments have, and no further.
    pub(crate) is_closed: bool,
    /// Messages behind the last ones in the segments were published and lost.
    pub(crate) is_lossy: bool,
    /// Of the rules that the node ran with.
    pub(crate) rules: u32,
    /// How often it was written.
    pub(crate) count: u64,
}

const MAGIC: [u8; 8] = *b"\x89RWM\r\n\x1a\n";
const VERSION: u32 = 1;
const FLAG_CLOSED: u32 = 1;
const FLAG_LOSSY: u32 = 2;

/// Numbers that may be given while one segment is the newest: far more than it has room for, and than are lost while a disk is full.
const OFFSETS_RESERVED: u64 = OFFSETS_SKIPPED / 2;

impl Mark {
    const BYTES: usize = 64;
    /// From one place to the other: two pages, so that a torn write of one leaves the other.
    const PLACE_BYTES: usize = 4096;
    /// Length of the file.
    pub(crate) const FILE_BYTES: usize = 2 * Self::PLACE_BYTES;

    /// Bytes, and where in the file they belong.
    pub(crate) fn encode(&self) -> (Vec<u8>, u64) {
        let flags = u32::from(self.is_closed) * FLAG_CLOSED + u32::from(self.is_lossy) * FLAG_LOSSY;
        let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &flags.to_le_bytes()].concat();
        for number in [self.epoch.0, self.number, self.sequence, self.floor.0, self.count] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.rules.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        (bytes, self.count % 2 * Self::PLACE_BYTES as u64)
    }

    /// The newer of a file's two; `None` if neither can be read.
    pub(crate) fn decode(file: &[u8]) -> Option<Self> {
        file.chunks(Self::PLACE_BYTES).take(2).filter_map(Self::decode_one).max_by_key(|mark| mark.count)
    }

    fn decode_one(place: &[u8]) -> Option<Self> {
        let bytes = place.get(..Self::BYTES)?;
        let (version, flags) = (u32_at(bytes, 8), u32_at(bytes, 12));
        let [epoch, number, sequence, floor, count] = [16, 24, 32, 40, 48].map(|at| u64_at(bytes, at));
        let is_right = bytes[..8] == MAGIC
            && crc32c::crc32c(&bytes[..60]) == u32_at(bytes, 60)
            && version == VERSION
            && floor <= Offset::MAX.0
            && number <= u64::MAX >> 1;
        is_right.then_some(Self {
            epoch: Epoch(epoch),
            number,
            sequence,
            floor: Offset(floor),
            is_closed: flags & FLAG_CLOSED != 0,
            is_lossy: flags & FLAG_LOSSY != 0,
            rules: u32_at(bytes, 56),
            count,
        })
    }

    /// No offset above was given.
    pub(crate) fn reserved(&self) -> Offset {
        Offset(self.floor.0 + if self.is_closed { 0 } else { OFFSETS_RESERVED })
    }

    /// Whether messages that the segment had are not there any more.
    pub(crate) fn misses(&self, number: u64, sequence_end: u64) -> bool {
        self.is_closed && number == self.number && sequence_end < self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(count: u64) -> Mark {
        Mark {
            epoch: Epoch(7),
            number: 3,
            sequence: 40,
            floor: Offset(9),
            is_closed: count.is_multiple_of(2),
            is_lossy: count.is_multiple_of(3),
            rules: 5,
            count,
        }
    }

    fn file(marks: impl IntoIterator<Item = Mark>) -> Vec<u8> {
        let mut file = vec![0; Mark::FILE_BYTES];
        for mark in marks {
            let (bytes, at) = mark.encode();
            file[at as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
        file
    }

    #[test]
    fn the_newer_of_two_counts_and_a_torn_write_leaves_the_one_before() {
        assert_eq!(Mark::decode(&[]), None);
        assert_eq!(Mark::decode(&file([])), None);
        for count in 1..=6 {
            let whole = file((1..=count).map(mark));
            assert_eq!(Mark::decode(&whole), Some(mark(count)));
            let at = mark(count).encode().1 as usize;
            for changed in at..at + Mark::BYTES {
                let mut torn = whole.clone();
                torn[changed] ^= 1;
                assert_eq!(Mark::decode(&torn), (count > 1).then(|| mark(count - 1)), "{count} {changed}");
            }
        }
    }
}
