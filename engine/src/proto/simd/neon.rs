//! Kernels for AArch64, whose baseline NEON is: 16 bytes abreast.

use core::arch::aarch64::*;

use super::lookup::{FIRST_HIGH, FIRST_LOW, SECOND_HIGH, TWO_CONTINUATIONS, kernels, last_complete};
use super::small::{self, MaskWord};

type Vector = uint8x16_t;
const LANES: usize = 16;

kernels!("neon");

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; LANES]) -> Vector {
    // SAFETY: the reference is to 16 readable bytes; the load needs no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(bytes: &mut [u8; LANES], vector: Vector) {
    // SAFETY: the reference is to 16 writable bytes; the store needs no alignment.
    unsafe { vst1q_u8(bytes.as_mut_ptr(), vector) }
}

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> Vector {
    vdupq_n_u8(0)
}

#[inline]
#[target_feature(enable = "neon")]
fn splat(byte: u8) -> Vector {
    vdupq_n_u8(byte)
}

#[inline]
#[target_feature(enable = "neon")]
fn splat_word(word: [u8; 4]) -> Vector {
    vreinterpretq_u8_u32(vdupq_n_u32(u32::from_le_bytes(word)))
}

#[inline]
#[target_feature(enable = "neon")]
fn xor(a: Vector, b: Vector) -> Vector {
    veorq_u8(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn or(a: Vector, b: Vector) -> Vector {
    vorrq_u8(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn and(a: Vector, b: Vector) -> Vector {
    vandq_u8(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn saturating_sub(a: Vector, b: Vector) -> Vector {
    vqsubq_u8(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn is_ascii(bytes: Vector) -> bool {
    vmaxvq_u8(bytes) < 0x80
}

#[inline]
#[target_feature(enable = "neon")]
fn is_zero(bytes: Vector) -> bool {
    vmaxvq_u8(bytes) == 0
}

#[inline]
#[target_feature(enable = "neon")]
fn high_nibbles(bytes: Vector) -> Vector {
    vshrq_n_u8::<4>(bytes)
}

#[inline]
#[target_feature(enable = "neon")]
fn low_nibbles(bytes: Vector) -> Vector {
    and(bytes, splat(0x0F))
}

#[inline]
#[target_feature(enable = "neon")]
fn lookup(table: &[u8; 16], nibbles: Vector) -> Vector {
    vqtbl1q_u8(load(table), nibbles)
}

/// The bytes that stand `BACK` places before `bytes`.
#[inline]
#[target_feature(enable = "neon")]
fn shifted<const BACK: usize>(previous: Vector, bytes: Vector) -> Vector {
    match BACK {
        1 => vextq_u8::<15>(previous, bytes),
        2 => vextq_u8::<14>(previous, bytes),
        _ => vextq_u8::<13>(previous, bytes),
    }
}
