//! Kernels for x86-64 with AVX-512 F, BW and VBMI: 64 bytes abreast, ragged ends by masked loads and stores.
//!
//! Compares give one bit per byte in a general register, so the *number* of continuation bytes is checked there: their
//! bits must be those of the first bytes moved up by one, of the three- and four-byte ones moved up by two, and of the
//! four-byte ones moved up by three. What remains depends on a first byte and the next one: `E0`, `ED`, `F0` and `F4`
//! narrow it; `C0`, `C1` and `F5` upwards forbid it. Both are looked up by their low six bits, one `vpermb` each.

use core::arch::x86_64::*;
use core::ptr::read_volatile;

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
    /// Indexes for the byte before, and for the one before that.
    back: [__m512i; 2],
    /// [`FIRST`] of the previous vector.
    first: __m512i,
    /// Of the previous vector: [`LONG`] where the byte two further on must be a second or third continuation byte.
    asking: __m512i,
    /// Not zero in some lane once a fault was seen.
    faults: __m512i,
}

impl Checker {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn new() -> Self {
        let zero = _mm512_setzero_si512();
        let back = [load_opaque(&BACK[0]), load_opaque(&BACK[1])];
        Self { back, first: splat(CONTINUATIONS), asking: zero, faults: zero }
    }

    /// Not itself a function of the instruction set, which could not be inlined by force: a call per group, with all
    /// vectors passed through memory, halves the speed.
    ///
    /// # Safety
    ///
    /// The caller must be compiled for the instruction set.
    #[inline(always)]
    unsafe fn group(&mut self, [a, b, c, d]: [__m512i; 4]) {
        // SAFETY: the caller's promise.
        unsafe {
            let any = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
            if _mm512_movepi8_mask(any) == 0 {
                self.ascii();
            } else {
                self.vector(a);
                self.vector(b);
                self.vector(c);
                self.vector(d);
            }
        }
    }

    /// What [`vector`](Self::vector) comes to if all bytes are ASCII: none may be missing from the vector before.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn ascii(&mut self) {
        self.faults = _mm512_ternarylogic_epi64::<OR_AND>(self.faults, self.first, last(1, OTHER));
        self.faults = _mm512_ternarylogic_epi64::<OR_AND>(self.faults, self.asking, last(2, LONG));
        self.first = splat(CONTINUATIONS);
        self.asking = _mm512_setzero_si512();
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn vector(&mut self, bytes: __m512i) {
        // ASCII becomes 80, each other byte one more, but FF stays: 128 different bytes, told by their low seven bits.
        let index = _mm512_max_epu8(_mm512_adds_epu8(bytes, splat(1)), splat(0x80));
        let first = lookup(&FIRST, index);
        let second = lookup(&SECOND, index);
        let before = _mm512_permutex2var_epi8(self.first, self.back[0], first);

        let asking = _mm512_ternarylogic_epi64::<AND_OR>(splat(LONG), before, second);
        let asked = _mm512_permutex2var_epi8(self.asking, self.back[1], asking);
        // Doubling makes it `CONTINUATION`.
        let asked = _mm512_add_epi8(asked, asked);
        let faults = _mm512_ternarylogic_epi64::<XOR_AND>(asked, before, second);

        self.faults = _mm512_or_si512(self.faults, faults);
        self.first = first;
        self.asking = asking;
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn is_valid(&self) -> bool {
        _mm512_test_epi8_mask(self.faults, self.faults) == 0
    }
}

/// `a | (b & c)`, as a truth table.
const OR_AND: i32 = 0xF8;
/// `a & (b | c)`, as a truth table.
const AND_OR: i32 = 0xE0;
/// `a ^ (b & c)`, as a truth table.
const XOR_AND: i32 = 0x78;

/// `80` to `8F`.
const LOW: u8 = 1 << 0;
/// `90` to `9F`.
const MIDDLE: u8 = 1 << 1;
/// `A0` to `BF`.
const HIGH: u8 = 1 << 2;
/// No continuation byte.
const OTHER: u8 = 1 << 3;
/// The three ranges of continuation bytes.
const CONTINUATIONS: u8 = LOW | MIDDLE | HIGH;
const ANY: u8 = CONTINUATIONS | OTHER;
/// In [`FIRST`] the first byte of four, in [`SECOND`] of three or four, so that a byte and the one before together say
/// whether the byte after the next must be a continuation. (Both at once are a fault anyway.)
const LONG: u8 = 1 << 6;
/// In both tables, so that it stays where two are neighbours: right or wrong by what stands before them.
const CONTINUATION: u8 = 1 << 7;

/// A table of 128 entries, for the index that [`Checker::vector`] makes of a byte.
type Table = [[u8; LANES]; 2];

/// The kinds of bytes that must not follow a byte, and what else it asks for.
const FIRST: Table = tabulate(true);

/// The kind that a byte is.
const SECOND: Table = tabulate(false);

const fn tabulate(first: bool) -> Table {
    let mut table = [[0; LANES]; 2];
    let mut byte = 0x7F;
    while byte <= 0xFE {
        let index = byte as usize - 0x7F;
        table[index / LANES][index % LANES] = if first { first_of(byte) } else { second_of(byte) };
        byte += 1;
    }
    table
}

/// By Unicode's table 3-7.
const fn first_of(byte: u8) -> u8 {
    match byte {
        0x00..=0x7F => CONTINUATIONS,
        0x80..=0xBF => CONTINUATION,
        0xC2..=0xDF | 0xE1..=0xEC | 0xEE..=0xEF => OTHER,
        0xE0 => OTHER | LOW | MIDDLE,
        0xED => OTHER | HIGH,
        0xF0 => OTHER | LOW | LONG,
        0xF1..=0xF3 => OTHER | LONG,
        0xF4 => OTHER | MIDDLE | HIGH | LONG,
        0xC0..=0xC1 | 0xF5..=0xFF => ANY,
    }
}

const fn second_of(byte: u8) -> u8 {
    match byte {
        0x80..=0x8F => LOW | CONTINUATION,
        0x90..=0x9F => MIDDLE | CONTINUATION,
        0xA0..=0xBF => HIGH | CONTINUATION,
        0xE0..=0xFF => OTHER | LONG,
        _ => OTHER,
    }
}

/// Indexes into two vectors in a row, for what lies one byte before the second, and two bytes.
static BACK: [Lanes; 2] = [back(1), back(2)];

#[repr(align(64))]
struct Lanes([u8; LANES]);

const fn back(count: u8) -> Lanes {
    let mut indexes = [0; LANES];
    let mut lane = 0;
    while lane < LANES {
        indexes[lane] = (LANES + lane) as u8 - count;
        lane += 1;
    }
    Lanes(indexes)
}

/// A load that the compiler cannot see through: it would split a shuffle by constants into two.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn load_opaque(lanes: &'static Lanes) -> __m512i {
    // SAFETY: the reference is to 64 readable bytes, aligned as the vector is.
    unsafe { read_volatile((&raw const lanes.0).cast()) }
}

/// `byte` in the last `count` lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn last(count: usize, byte: u8) -> __m512i {
    _mm512_maskz_set1_epi8(!(u64::MAX >> count), byte.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn splat(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn lookup(table: &'static Table, index: __m512i) -> __m512i {
    _mm512_permutex2var_epi8(load(&table[0]), index, load(&table[1]))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn load(bytes: &[u8; LANES]) -> __m512i {
    // SAFETY: the reference is to 64 readable bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
