//! Masking (RFC 6455 §5.3): XOR with a four-byte key, in place.
//!
//! Short payloads take a few overlapping words, inlined into the caller; longer ones go to the kernel that
//! [`simd`](super::simd) chose for this CPU. Text is unmasked by [`utf8`](super::utf8), together with its check.

use super::simd::{Kernels, MaskWord, SMALL_MAX, small};

/// XORs `bytes` with the mask key, in place. Masking and unmasking are the same operation.
///
/// `offset` is the number of payload bytes of the frame that were unmasked before these; only its low two bits matter.
#[inline(always)]
pub fn unmask(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    let word = MaskWord::new(key, offset);
    if bytes.len() <= SMALL_MAX {
        small::unmask(bytes, word);
    } else {
        Kernels::current().unmask(bytes, word);
    }
}

#[cfg(test)]
mod tests;
