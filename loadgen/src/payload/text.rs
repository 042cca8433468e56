//! The stamp in text: each half of a byte, the lower first, is one of the sixteen characters from `@` to `O`.
//!
//! These and not hexadecimal digits, because they stand in a row whose lower bits are the value: eight are made and checked
//! with a handful of operations on one word.

use super::{BINARY_BYTES, TEXT_BYTES};

/// Eight times `@`.
const ZEROS: u64 = 0x4040_4040_4040_4040;
const HALVES: u64 = 0x0F0F_0F0F_0F0F_0F0F;

#[inline]
pub(super) fn write(bytes: [u8; BINARY_BYTES], text: &mut [u8; TEXT_BYTES]) {
    for (four, eight) in bytes.as_chunks::<4>().0.iter().zip(text.as_chunks_mut::<8>().0) {
        *eight = (spread(u32::from_le_bytes(*four)) | ZEROS).to_le_bytes();
    }
}

/// `None` when a character is none of the sixteen.
#[inline]
pub(super) fn read(text: &[u8; TEXT_BYTES]) -> Option<[u8; BINARY_BYTES]> {
    let mut bytes = [0; BINARY_BYTES];
    let mut wrong = 0;
    for (eight, four) in text.as_chunks::<8>().0.iter().zip(bytes.as_chunks_mut::<4>().0) {
        let halves = u64::from_le_bytes(*eight) ^ ZEROS;
        wrong |= halves & !HALVES;
        *four = gather(halves & HALVES).to_le_bytes();
    }
    (wrong == 0).then_some(bytes)
}

/// Moves each half of a byte to a byte of its own.
#[inline]
fn spread(word: u32) -> u64 {
    let word = u64::from(word);
    let word = (word | word << 16) & 0x0000_FFFF_0000_FFFF;
    let word = (word | word << 8) & 0x00FF_00FF_00FF_00FF;
    (word | word << 4) & HALVES
}

/// Undoes [`spread`].
#[inline]
fn gather(word: u64) -> u32 {
    let word = (word | word >> 4) & 0x00FF_00FF_00FF_00FF;
    let word = (word | word >> 8) & 0x0000_FFFF_0000_FFFF;
    (word | word >> 16) as u32
}
