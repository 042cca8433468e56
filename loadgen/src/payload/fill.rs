//! What stands behind the stamp: pieces of a fixed noise, so that writing is a copy and checking a comparison in bulk.
//!
//! Where in the noise a message begins follows from its checksum, and each block begins one place further, so that parts
//! of two messages, or two blocks of one, cannot change places unseen.

const BLOCK_BYTES: usize = 4096;
const START_COUNT: usize = 256;
const NOISE_BYTES: usize = BLOCK_BYTES + START_COUNT;

pub(super) type Noise = &'static [u8; NOISE_BYTES];

/// Any bytes.
pub(super) static BYTES: Noise = &noise(false);
/// Characters that text and JSON hold as they are.
pub(super) static CHARACTERS: Noise = &noise(true);

#[inline]
pub(super) fn write(noise: Noise, checksum: u32, rest: &mut [u8]) {
    for (start, block) in (checksum as usize..).zip(rest.chunks_mut(BLOCK_BYTES)) {
        block.copy_from_slice(piece(noise, start, block.len()));
    }
}

#[inline]
pub(super) fn is_intact(noise: Noise, checksum: u32, rest: &[u8]) -> bool {
    let mut blocks = (checksum as usize..).zip(rest.chunks(BLOCK_BYTES));
    blocks.all(|(start, block)| block == piece(noise, start, block.len()))
}

#[inline]
fn piece(noise: Noise, start: usize, len: usize) -> &'static [u8] {
    let start = start % START_COUNT;
    &noise[start..start + len]
}

const fn noise(characters: bool) -> [u8; NOISE_BYTES] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut noise = [0; NOISE_BYTES];
    let mut state: u64 = 0x0123_4567_89AB_CDEF;
    let mut at = 0;
    while at < NOISE_BYTES {
        // xorshift64: any generator would do whose bytes do not repeat within the table.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let byte = (state >> 32) as u8;
        noise[at] = if characters { ALPHABET[(byte % 64) as usize] } else { byte };
        at += 1;
    }
    noise
}
