//! Portable kernels: words for the XOR, the standard library for UTF-8.
//!
//! The compiler turns the XOR loop into the target's baseline vectors. The two steps run one after the other: the
//! standard validator has no block interface, and CPUs that come here gain nothing from one.

use super::small::{self, MaskWord};

pub(super) fn unmask(bytes: &mut [u8], word: MaskWord) {
    let key = word.bytes();
    let (words, rest) = bytes.as_chunks_mut::<4>();
    for bytes in words {
        *bytes = (u32::from_ne_bytes(*bytes) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    small::unmask(rest, word);
}

pub(super) fn unmask_validate(bytes: &mut [u8], word: MaskWord) -> bool {
    unmask(bytes, word);
    validate(bytes)
}

pub(super) fn validate(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok()
}
