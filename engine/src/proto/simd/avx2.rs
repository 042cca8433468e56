//! Kernels for x86-64 with AVX2: 32 bytes abreast, shuffled as two halves of 16.

use core::arch::x86_64::*;

use super::lookup::{FIRST_HIGH, FIRST_LOW, SECOND_HIGH, TWO_CONTINUATIONS, kernels, last_complete};
use super::small::{self, MaskWord};

type Vector = __m256i;
const LANES: usize = 32;

kernels!("avx2");

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; LANES]) -> Vector {
    // SAFETY: the reference is to 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(bytes: &mut [u8; LANES], vector: Vector) {
    // SAFETY: the reference is to 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> Vector {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(byte: u8) -> Vector {
    _mm256_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat_word(word: [u8; 4]) -> Vector {
    _mm256_set1_epi32(i32::from_le_bytes(word))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn or(a: Vector, b: Vector) -> Vector {
    _mm256_or_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm256_and_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn saturating_sub(a: Vector, b: Vector) -> Vector {
    _mm256_subs_epu8(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn is_ascii(bytes: Vector) -> bool {
    _mm256_movemask_epi8(bytes) == 0
}

#[inline]
#[target_feature(enable = "avx2")]
fn is_zero(bytes: Vector) -> bool {
    _mm256_testz_si256(bytes, bytes) == 1
}

#[inline]
#[target_feature(enable = "avx2")]
fn high_nibbles(bytes: Vector) -> Vector {
    and(_mm256_srli_epi16::<4>(bytes), splat(0x0F))
}

#[inline]
#[target_feature(enable = "avx2")]
fn low_nibbles(bytes: Vector) -> Vector {
    and(bytes, splat(0x0F))
}

#[inline]
#[target_feature(enable = "avx2")]
fn lookup(table: &[u8; 16], nibbles: Vector) -> Vector {
    // SAFETY: the reference is to 16 readable bytes; the load needs no alignment.
    let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), nibbles)
}

/// The bytes that stand `BACK` places before `bytes`.
#[inline]
#[target_feature(enable = "avx2")]
fn shifted<const BACK: usize>(previous: Vector, bytes: Vector) -> Vector {
    // The upper half of what came before, then the lower half of `bytes`: each half's own predecessor.
    let previous = _mm256_permute2x128_si256::<0x21>(previous, bytes);
    match BACK {
        1 => _mm256_alignr_epi8::<15>(bytes, previous),
        2 => _mm256_alignr_epi8::<14>(bytes, previous),
        _ => _mm256_alignr_epi8::<13>(bytes, previous),
    }
}
