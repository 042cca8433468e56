//! Kernels for x86-64 with SSSE3 (the byte shuffle) and SSE4.1 (the zero test): 16 bytes abreast.

use core::arch::x86_64::*;

use super::lookup::{FIRST_HIGH, FIRST_LOW, SECOND_HIGH, TWO_CONTINUATIONS, kernels, last_complete};
use super::small::{self, MaskWord};

type Vector = __m128i;
const LANES: usize = 16;

kernels!("ssse3,sse4.1");

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn load(bytes: &[u8; LANES]) -> Vector {
    // SAFETY: the reference is to 16 readable bytes; the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn store(bytes: &mut [u8; LANES], vector: Vector) {
    // SAFETY: the reference is to 16 writable bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector) }
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn zero() -> Vector {
    _mm_setzero_si128()
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn splat(byte: u8) -> Vector {
    _mm_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn splat_word(word: [u8; 4]) -> Vector {
    _mm_set1_epi32(i32::from_le_bytes(word))
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm_xor_si128(a, b)
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn or(a: Vector, b: Vector) -> Vector {
    _mm_or_si128(a, b)
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm_and_si128(a, b)
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn saturating_sub(a: Vector, b: Vector) -> Vector {
    _mm_subs_epu8(a, b)
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn is_ascii(bytes: Vector) -> bool {
    _mm_movemask_epi8(bytes) == 0
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn is_zero(bytes: Vector) -> bool {
    _mm_testz_si128(bytes, bytes) == 1
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn high_nibbles(bytes: Vector) -> Vector {
    and(_mm_srli_epi16::<4>(bytes), splat(0x0F))
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn low_nibbles(bytes: Vector) -> Vector {
    and(bytes, splat(0x0F))
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn lookup(table: &[u8; 16], nibbles: Vector) -> Vector {
    _mm_shuffle_epi8(load(table), nibbles)
}

/// The bytes that stand `BACK` places before `bytes`.
#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn shifted<const BACK: usize>(previous: Vector, bytes: Vector) -> Vector {
    match BACK {
        1 => _mm_alignr_epi8::<15>(bytes, previous),
        2 => _mm_alignr_epi8::<14>(bytes, previous),
        _ => _mm_alignr_epi8::<13>(bytes, previous),
    }
}
