//! Kernels for x86-64 with AVX-512 F, BW and VBMI: 64 bytes abreast, ragged ends by masked loads and stores.
//!
//! Compares give one bit per byte in a general register, so the *number* of continuation bytes is checked there: their
//! bits must be those of the first bytes moved up by one, of the three- and four-byte ones moved up by two, and of the
//! four-byte ones moved up by three. What remains depends on a first byte and the next one: `E0`, `ED`, `F0` and `F4`
//! narrow it; `C0`, `C1` and `F5` upwards forbid it. Both are looked up by their low six bits, one `vpermb` each.

use core::arch::x86_64::*;

use super::small::MaskWord;

const LANES: usize = 64;
/// Bytes that share one ASCII test.
const GROUP: usize = 4 * LANES;
/// Slices at least this long are brought to 64-byte alignment first: every other access would straddle a cache line.
const ALIGN_MIN: usize = 2 * GROUP;

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn unmask(bytes: &mut [u8], word: MaskWord) {
    // SAFETY: the slice is that many bytes, ours to write.
    unsafe { pass::<true, false>(bytes.as_mut_ptr(), bytes.len(), word) };
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn unmask_validate(bytes: &mut [u8], word: MaskWord) -> bool {
    // SAFETY: the slice is that many bytes, ours to write.
    unsafe { pass::<true, true>(bytes.as_mut_ptr(), bytes.len(), word) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn validate(bytes: &[u8]) -> bool {
    // SAFETY: the slice is that many bytes, and without `UNMASK` they are only read.
    unsafe { pass::<false, true>(bytes.as_ptr().cast_mut(), bytes.len(), MaskWord::new([0; 4], 0)) }
}

/// Goes over `len` bytes once, to unmask them, to validate them, or both. False if they were found invalid.
///
/// # Safety
///
/// `start` must be valid for reading `len` bytes, and with `UNMASK` for writing them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn pass<const UNMASK: bool, const VALIDATE: bool>(start: *mut u8, len: usize, word: MaskWord) -> bool {
    let head = if len >= ALIGN_MIN { start.addr().wrapping_neg() % LANES } else { 0 };
    let key = _mm512_set1_epi32(i32::from_le_bytes(word.advanced(head).bytes()));
    let mut checker = Checker::new();
    let mut at = head;
    // SAFETY: of the slice's `len` bytes, the head touches the first `head` alone, by its lane mask; each further
    // access covers what lies between `at` and `len`, the last one by its lane mask.
    unsafe {
        if head > 0 {
            let lanes = !(u64::MAX >> head);
            let vector = step_lanes::<UNMASK>(start.wrapping_add(head).wrapping_sub(LANES), lanes, key);
            if VALIDATE {
                checker.vector(vector);
            }
        }
        while len - at >= GROUP {
            let here = start.add(at);
            let vectors = [0, 1, 2, 3].map(|index| step::<UNMASK>(here.add(index * LANES), key));
            if VALIDATE {
                checker.group(vectors);
            }
            at += GROUP;
        }
        while len - at >= LANES {
            let vector = step::<UNMASK>(start.add(at), key);
            if VALIDATE {
                checker.vector(vector);
            }
            at += LANES;
        }
        let lanes = !(u64::MAX << (len - at));
        let vector = step_lanes::<UNMASK>(start.add(at), lanes, key);
        if VALIDATE {
            checker.vector(vector);
        }
    }
    checker.is_valid()
}

/// Loads 64 bytes and unmasks them in place, if asked.
///
/// # Safety
///
/// `bytes` must be valid for reading 64 bytes, and with `UNMASK` for writing them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn step<const UNMASK: bool>(bytes: *mut u8, key: __m512i) -> __m512i {
    // SAFETY: the caller's promise; neither access needs alignment.
    unsafe {
        let vector = _mm512_loadu_si512(bytes.cast());
        if !UNMASK {
            return vector;
        }
        let vector = _mm512_xor_si512(vector, key);
        _mm512_storeu_si512(bytes.cast(), vector);
        vector
    }
}

/// [`step`] on those bytes alone whose bit is set in `lanes`; the others come out as zero.
///
/// # Safety
///
/// As [`step`], for the bytes whose bit is set.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn step_lanes<const UNMASK: bool>(bytes: *mut u8, lanes: __mmask64, key: __m512i) -> __m512i {
    // SAFETY: the caller's promise; bytes that are masked out are not touched, nor do they fault.
    unsafe {
        let vector = _mm512_maskz_loadu_epi8(lanes, bytes.cast());
        if !UNMASK {
            return vector;
        }
        let vector = _mm512_xor_si512(vector, key);
        _mm512_mask_storeu_epi8(bytes.cast(), lanes, vector);
        _mm512_maskz_mov_epi8(lanes, vector)
    }
}

/// What the validator carries from vector to vector.
struct Checker {
    /// Where the next vector must have continuation bytes because of this one: its low three bits.
    owed: u64,
    /// Bytes that are a continuation and should not be, or the reverse.
    miscounted: u64,
    /// [`FIRST`] of the previous vector.
    first: __m512i,
    /// Not zero in some lane once a forbidden pair was seen.
    forbidden: __m512i,
}

impl Checker {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn new() -> Self {
        let zero = _mm512_setzero_si512();
        Self { owed: 0, miscounted: 0, first: zero, forbidden: zero }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn group(&mut self, vectors: [__m512i; 4]) {
        let [a, b, c, d] = vectors;
        let any = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
        if _mm512_movepi8_mask(any) == 0 {
            // `first` may stay: it ends with zero, or there is a debt.
            self.miscounted |= self.owed;
        } else {
            vectors.into_iter().for_each(|vector| self.vector(vector));
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn vector(&mut self, bytes: __m512i) {
        let firsts = _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(0xC0_u8.cast_signed()));
        let firsts_3 = _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(0xE0_u8.cast_signed()));
        let firsts_4 = _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(0xF0_u8.cast_signed()));
        let continuations = _mm512_movepi8_mask(bytes) & !firsts;
        let asked = self.owed | firsts << 1 | firsts_3 << 2 | firsts_4 << 3;
        self.owed = firsts >> 63 | firsts_3 >> 62 | firsts_4 >> 61;
        self.miscounted |= asked ^ continuations;

        let first = _mm512_maskz_permutexvar_epi8(firsts, bytes, table(&FIRST));
        let first_before = _mm512_permutex2var_epi8(self.first, table(&ONE_BACK), first);
        // A byte that is no continuation reads a random entry, which does no harm: after a first byte it is a fault anyway.
        let second = _mm512_permutexvar_epi8(bytes, table(&SECOND));
        self.first = first;
        self.forbidden = _mm512_ternarylogic_epi64::<OR_AND>(self.forbidden, first_before, second);
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn is_valid(&self) -> bool {
        (self.miscounted | self.owed | _mm512_test_epi8_mask(self.forbidden, self.forbidden)) == 0
    }
}

/// `a | (b & c)`, as a truth table.
const OR_AND: i32 = 0xF8;

/// `E0` and less than `A0`: could be shorter.
const OVERLONG_3: u8 = 1 << 0;
/// `ED` and at least `A0`.
const SURROGATE: u8 = 1 << 1;
/// `F0` and less than `90`: could be shorter.
const OVERLONG_4: u8 = 1 << 2;
/// `F4` and at least `90`: above U+10FFFF.
const TOO_LARGE: u8 = 1 << 3;
/// `C0`, `C1` or `F5` upwards, whatever follows.
const NEVER: u8 = 1 << 4;

/// What a first byte forbids, by its low six bits, `C0` first.
const FIRST: [u8; LANES] = {
    let mut table = [0; LANES];
    table[0x00] = NEVER;
    table[0x01] = NEVER;
    table[0x20] = OVERLONG_3;
    table[0x2D] = SURROGATE;
    table[0x30] = OVERLONG_4;
    table[0x34] = TOO_LARGE;
    let mut index = 0x35;
    while index < LANES {
        table[index] = NEVER;
        index += 1;
    }
    table
};

/// Where a continuation byte is forbidden, by its low six bits, `80` first.
const SECOND: [u8; LANES] = {
    let mut table = [0; LANES];
    let mut index = 0;
    while index < LANES {
        table[index] = NEVER
            | match index {
                0x00..0x10 => OVERLONG_3 | OVERLONG_4,
                0x10..0x20 => OVERLONG_3 | TOO_LARGE,
                _ => SURROGATE | TOO_LARGE,
            };
        index += 1;
    }
    table
};

/// Indexes into two vectors in a row, for the one that lies one byte before the second.
const ONE_BACK: [u8; LANES] = {
    let mut table = [0; LANES];
    let mut index = 0;
    while index < LANES {
        table[index] = LANES as u8 - 1 + index as u8;
        index += 1;
    }
    table
};

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn table(table: &[u8; LANES]) -> __m512i {
    // SAFETY: the reference is to 64 readable bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(table.as_ptr().cast()) }
}
