//! Payloads of at most [`SMALL_MAX`] bytes: two overlapping blocks, no loop, no dispatch.
//!
//! Both blocks are read before either is written, so that the bytes under both are XORed once. The OR of all bytes
//! says whether they are ASCII, which ends the check; the rest goes to the kernels.

use super::Kernels;
use crate::proto::utf8::InvalidUtf8;

/// Longest payload that these functions take, in bytes.
pub(in crate::proto) const SMALL_MAX: usize = 64;

/// Longest text that is walked character by character, in bytes.
const WALK_MAX: usize = 24;

/// A mask key turned so that its first byte, in memory order, meets the first byte of a slice.
#[derive(Clone, Copy)]
pub(in crate::proto) struct MaskWord(u32);

impl MaskWord {
    /// The key for bytes that stand `offset` bytes into a frame's payload.
    #[inline]
    pub(in crate::proto) fn new(key: [u8; 4], offset: usize) -> Self {
        Self(u32::from_le_bytes(key)).advanced(offset)
    }

    /// The key for a slice that begins `count` bytes later.
    #[inline]
    pub(in crate::proto) fn advanced(self, count: usize) -> Self {
        Self(self.0.rotate_right(8 * (count as u32 & 3)))
    }

    /// The key as four bytes, the first of which meets the first byte of the slice.
    #[inline]
    pub(super) fn bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }
}

/// The OR of some bytes, eight abreast.
#[derive(Clone, Copy)]
pub(in crate::proto) struct Seen(u64);

impl Seen {
    /// Whether all of them were ASCII.
    #[inline]
    pub(in crate::proto) fn is_ascii(self) -> bool {
        self.0 & 0x8080_8080_8080_8080 == 0
    }
}

/// XORs at most [`SMALL_MAX`] bytes in place and tells what came out.
#[inline(always)]
pub(in crate::proto) fn unmask(bytes: &mut [u8], word: MaskWord) -> Seen {
    debug_assert!(bytes.len() <= SMALL_MAX);
    match bytes.len() {
        0..4 => unmask_tiny(bytes, word),
        4..8 => unmask_ends::<4>(bytes, word),
        8..16 => unmask_ends::<8>(bytes, word),
        16..=32 => unmask_ends::<16>(bytes, word),
        _ => unmask_ends::<32>(bytes, word),
    }
}

/// [`unmask`], then the bytes as a string.
#[inline]
pub(in crate::proto) fn unmask_str(bytes: &mut [u8], word: MaskWord) -> Result<&str, InvalidUtf8> {
    if unmask(bytes, word).is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { str::from_utf8_unchecked(bytes) });
    }
    validate_mixed(bytes)
}

/// At most [`SMALL_MAX`] bytes as a string.
#[inline]
pub(in crate::proto) fn validate_str(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { str::from_utf8_unchecked(bytes) });
    }
    validate_mixed(bytes)
}

/// Text that is not all ASCII. A kernel's wide load waits for the narrow stores that have just unmasked the bytes, so
/// that a walk over the characters is faster while they are few.
#[inline(never)]
fn validate_mixed(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    if bytes.len() <= WALK_MAX {
        return str::from_utf8(bytes).map_err(|_| InvalidUtf8);
    }
    Kernels::current().validate_str(bytes)
}

/// The first `N` and the last `N` bytes, which together are all of them: `N <= bytes.len() <= 2 * N`.
#[inline(always)]
fn unmask_ends<const N: usize>(bytes: &mut [u8], word: MaskWord) -> Seen {
    let start = bytes.len() - N;
    let (Some(&first), Some(&last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else {
        unreachable!("the caller matched the length");
    };
    let (first, first_seen) = xor(first, word);
    let (last, last_seen) = xor(last, word.advanced(start));
    bytes[..N].copy_from_slice(&first);
    bytes[start..].copy_from_slice(&last);
    Seen(first_seen | last_seen)
}

/// At most three bytes: the first, the middle and the last, which may be the same.
#[inline(always)]
fn unmask_tiny(bytes: &mut [u8], word: MaskWord) -> Seen {
    let key = word.bytes();
    let mut seen = 0;
    for (byte, key) in bytes.iter_mut().zip(key) {
        *byte ^= key;
        seen |= *byte;
    }
    Seen(u64::from(seen))
}

/// XORs a block of 4, 8, 16 or 32 bytes; the second value is the OR of the result.
#[inline(always)]
fn xor<const N: usize>(mut block: [u8; N], word: MaskWord) -> ([u8; N], u64) {
    let key = u64::from(word.0) << 32 | u64::from(word.0);
    let mut seen = 0;
    let (words, rest) = block.as_chunks_mut::<8>();
    for bytes in words {
        let word = u64::from_le_bytes(*bytes) ^ key;
        seen |= word;
        *bytes = word.to_le_bytes();
    }
    if let Some(bytes) = rest.first_chunk_mut::<4>() {
        let word = u32::from_le_bytes(*bytes) ^ word.0;
        seen |= u64::from(word);
        *bytes = word.to_le_bytes();
    }
    (block, seen)
}
