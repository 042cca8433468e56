//! The range-lookup validator (Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte") and the
//! loops around it, for the instruction sets with a 16-entry byte shuffle: SSE, AVX2 and NEON.
//!
//! Every fault shows in two neighbouring bytes, but for a wrong number of continuation bytes. Three tables, by the
//! high nibble of the first byte, its low nibble, and the high nibble of the second, hold one bit per fault; a fault is
//! where all three agree. Bit 7, two continuation bytes in a row, is no fault where a three- or four-byte character asks for
//! them, which the bytes two and three before tell.
//!
//! [`kernels!`] is expanded in the module of each set, over its primitives. AVX-512 has better means: see `avx512`.

/// A first byte without its continuation byte.
const TOO_SHORT: u8 = 1 << 0;
/// A continuation byte after ASCII.
const TOO_LONG: u8 = 1 << 1;
/// `E0` and less than `A0`.
const OVERLONG_3: u8 = 1 << 2;
/// Above U+10FFFF: `F4` and at least `90`, or a greater first byte.
const TOO_LARGE: u8 = 1 << 3;
/// `ED` and at least `A0`.
const SURROGATE: u8 = 1 << 4;
/// `C0` or `C1`.
const OVERLONG_2: u8 = 1 << 5;
/// `F0` and less than `90`; with the same bit, a first byte of `F5` or more and less than `90`.
const OVERLONG_4: u8 = 1 << 6;
/// Two continuation bytes.
pub(super) const TWO_CONTINUATIONS: u8 = 1 << 7;
/// The faults that do not depend on the low nibble of the first byte.
const ANY_LOW: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

/// By the high nibble of the first byte.
pub(super) const FIRST_HIGH: [u8; 16] = {
    let mut table = [TOO_LONG; 16];
    let mut nibble = 0x8;
    while nibble <= 0xB {
        table[nibble] = TWO_CONTINUATIONS;
        nibble += 1;
    }
    table[0xC] = TOO_SHORT | OVERLONG_2;
    table[0xD] = TOO_SHORT;
    table[0xE] = TOO_SHORT | OVERLONG_3 | SURROGATE;
    table[0xF] = TOO_SHORT | TOO_LARGE | OVERLONG_4;
    table
};

/// By the low nibble of the first byte.
pub(super) const FIRST_LOW: [u8; 16] = {
    let mut table = [ANY_LOW; 16];
    table[0x0] |= OVERLONG_2 | OVERLONG_3 | OVERLONG_4;
    table[0x1] |= OVERLONG_2;
    table[0x4] |= TOO_LARGE;
    table[0xD] |= SURROGATE;
    let mut nibble = 0x5;
    while nibble <= 0xF {
        table[nibble] |= TOO_LARGE | OVERLONG_4;
        nibble += 1;
    }
    table
};

/// By the high nibble of the second byte.
pub(super) const SECOND_HIGH: [u8; 16] = {
    let mut table = [TOO_SHORT; 16];
    let continuation = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
    table[0x8] = continuation | OVERLONG_3 | OVERLONG_4;
    table[0x9] = continuation | OVERLONG_3 | TOO_LARGE;
    table[0xA] = continuation | SURROGATE | TOO_LARGE;
    table[0xB] = continuation | SURROGATE | TOO_LARGE;
    table
};

/// The largest bytes that may end a vector of `N` bytes when ASCII follows, in its last three places.
pub(super) const fn last_complete<const N: usize>() -> [u8; N] {
    let mut largest = [0xFF; N];
    largest[N - 3] = 0xEF;
    largest[N - 2] = 0xDF;
    largest[N - 1] = 0xBF;
    largest
}

/// The kernels of one instruction set, over the `Vector` of `LANES` bytes and the primitives of the calling module.
macro_rules! kernels {
    ($features:literal) => {
        /// Bytes that share one ASCII test.
        const GROUP: usize = 4 * LANES;

        #[target_feature(enable = $features)]
        pub(super) fn unmask(bytes: &mut [u8], word: MaskWord) {
            let key = splat_word(word.bytes());
            let (vectors, tail) = bytes.as_chunks_mut::<LANES>();
            for vector in vectors {
                store(vector, xor(load(vector), key));
            }
            small::unmask(tail, word);
        }

        #[target_feature(enable = $features)]
        pub(super) fn unmask_validate(bytes: &mut [u8], word: MaskWord) -> bool {
            let key = splat_word(word.bytes());
            let mut checker = Checker::new();
            let (groups, rest) = bytes.as_chunks_mut::<GROUP>();
            for group in groups {
                let (vectors, _) = group.as_chunks_mut::<LANES>();
                let mut unmasked = [zero(); 4];
                for (unmasked, vector) in unmasked.iter_mut().zip(vectors) {
                    *unmasked = xor(load(vector), key);
                    store(vector, *unmasked);
                }
                checker.group(unmasked);
            }
            unmask(rest, word);
            checker.finish(rest)
        }

        #[target_feature(enable = $features)]
        pub(super) fn validate(bytes: &[u8]) -> bool {
            let mut checker = Checker::new();
            let (groups, rest) = bytes.as_chunks::<GROUP>();
            for group in groups {
                let (vectors, _) = group.as_chunks::<LANES>();
                checker.group([load(&vectors[0]), load(&vectors[1]), load(&vectors[2]), load(&vectors[3])]);
            }
            checker.finish(rest)
        }

        /// What the validator carries from vector to vector.
        struct Checker {
            previous: Vector,
            /// Not zero in some lane once a fault was seen.
            faults: Vector,
        }

        impl Checker {
            #[inline]
            #[target_feature(enable = $features)]
            fn new() -> Self {
                Self { previous: zero(), faults: zero() }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn group(&mut self, vectors: [Vector; 4]) {
                let [a, b, c, d] = vectors;
                if is_ascii(or(or(a, b), or(c, d))) {
                    self.ascii(d);
                } else {
                    self.vector(a);
                    self.vector(b);
                    self.vector(c);
                    self.vector(d);
                }
            }

            /// What [`vector`](Self::vector) comes to for ASCII: no byte may be missing from the vector before.
            #[inline]
            #[target_feature(enable = $features)]
            fn ascii(&mut self, bytes: Vector) {
                let incomplete = saturating_sub(self.previous, load(&last_complete()));
                self.faults = or(self.faults, incomplete);
                self.previous = bytes;
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn vector(&mut self, bytes: Vector) {
                let first = shifted::<1>(self.previous, bytes);
                let pairs = and(
                    and(lookup(&FIRST_HIGH, high_nibbles(first)), lookup(&FIRST_LOW, low_nibbles(first))),
                    lookup(&SECOND_HIGH, high_nibbles(bytes)),
                );
                // Bit 7 is set where the byte two before is at least E0, or the one three before at least F0.
                let third = saturating_sub(shifted::<2>(self.previous, bytes), splat(0xE0 - 0x80));
                let fourth = saturating_sub(shifted::<3>(self.previous, bytes), splat(0xF0 - 0x80));
                let asked = and(or(third, fourth), splat(TWO_CONTINUATIONS));
                self.faults = or(self.faults, xor(pairs, asked));
                self.previous = bytes;
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn maybe_ascii(&mut self, bytes: Vector) {
                if is_ascii(bytes) {
                    self.ascii(bytes);
                } else {
                    self.vector(bytes);
                }
            }

            /// Checks the last bytes, fewer than a group, and at least one zero after them, so that an incomplete
            /// character shows.
            #[inline]
            #[target_feature(enable = $features)]
            fn finish(mut self, bytes: &[u8]) -> bool {
                let (vectors, tail) = bytes.as_chunks::<LANES>();
                for vector in vectors {
                    self.maybe_ascii(load(vector));
                }
                let mut padded = [0; LANES];
                padded[..tail.len()].copy_from_slice(tail);
                self.maybe_ascii(load(&padded));
                is_zero(self.faults)
            }
        }
    };
}

pub(super) use kernels;
