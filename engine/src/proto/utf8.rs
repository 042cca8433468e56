//! UTF-8 of text messages (RFC 6455 §8.1), checked in bulk and failing at the first impossible byte.
//!
//! Whole payloads are unmasked and checked in one pass by [`simd`](super::simd); [`Utf8Stream`] carries what a chunk
//! boundary may cut, at most three bytes of one character, in a byte-wise automaton. Short ASCII, the common case,
//! never leaves the inlined path.

use super::simd::{Kernels, MaskWord, SMALL_MAX, small};

/// The bytes are not UTF-8, or cannot become UTF-8 whatever follows. A peer's fault: close code 1007.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload is not valid UTF-8")]
pub struct InvalidUtf8;

/// Unmasks a whole text payload in place and lends it as a string.
///
/// # Errors
///
/// [`InvalidUtf8`] if it is not UTF-8 or ends inside a character. The bytes are unmasked then, too.
#[inline]
pub fn unmask_str(bytes: &mut [u8], key: [u8; 4]) -> Result<&str, InvalidUtf8> {
    let word = MaskWord::new(key, 0);
    if bytes.len() <= SMALL_MAX {
        return small::unmask_str(bytes, word);
    }
    Kernels::current().unmask_str(bytes, word)
}

/// Lends a whole text payload that is not masked, or no longer, as a string.
///
/// # Errors
///
/// [`InvalidUtf8`] if it is not UTF-8 or ends inside a character.
#[inline]
pub fn validate_str(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    if bytes.len() <= SMALL_MAX {
        return small::validate_str(bytes);
    }
    Kernels::current().validate_str(bytes)
}

/// Unmasks the next chunk of a text message in place and validates it, in one pass.
///
/// `offset` is the number of payload bytes of the *frame* that were unmasked before; the stream spans the frames of a
/// message.
///
/// # Errors
///
/// As [`Utf8Stream::push`]. The whole chunk is unmasked only on success.
#[inline]
pub fn unmask_push(stream: &mut Utf8Stream, bytes: &mut [u8], key: [u8; 4], offset: usize) -> Result<(), InvalidUtf8> {
    let word = MaskWord::new(key, offset);
    if bytes.len() <= SMALL_MAX {
        let ascii = small::unmask(bytes, word).is_ascii();
        return if ascii && stream.is_boundary() { Ok(()) } else { stream.push(bytes) };
    }
    stream.unmask_push_with(Kernels::current(), bytes, word)
}

/// Validates a text that arrives in chunks, across their boundaries.
///
/// Between chunks it stands either between two characters or inside one; then it knows how many bytes are missing and
/// the range of the next. Copying it is a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8Stream {
    /// Continuation bytes still to come of the character that was begun: 0..=3.
    missing: u8,
    /// Smallest next byte, where `missing` is not zero.
    low: u8,
    /// Largest next byte, where `missing` is not zero.
    high: u8,
}

impl Utf8Stream {
    /// Takes the next chunk of the text, of any length.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] as soon as all bytes so far cannot be the start of any valid text: an overlong form, a
    /// surrogate or a code point above U+10FFFF fails with its second byte, an impossible first byte at once. The
    /// stream is of no further use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        self.push_with(Kernels::current(), bytes)
    }

    /// Ends the text.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] if it ends inside a character.
    pub fn finish(self) -> Result<(), InvalidUtf8> {
        if self.is_boundary() { Ok(()) } else { Err(InvalidUtf8) }
    }

    /// Whether the bytes so far end with a whole character, or are none.
    #[inline]
    pub fn is_boundary(&self) -> bool {
        self.missing == 0
    }

    /// [`push`](Self::push) with the kernels of one instruction set.
    pub(super) fn push_with(&mut self, kernels: Kernels, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        let (head, rest) = bytes.split_at(self.missing_of(bytes.len()));
        self.walk(head)?;
        let (whole, tail) = rest.split_at(rest.len() - incomplete_bytes(rest));
        kernels.validate_str(whole)?;
        self.walk(tail)
    }

    /// [`unmask_push`] with the kernels of one instruction set.
    pub(super) fn unmask_push_with(
        &mut self,
        kernels: Kernels,
        bytes: &mut [u8],
        word: MaskWord,
    ) -> Result<(), InvalidUtf8> {
        let (head, rest) = bytes.split_at_mut(self.missing_of(bytes.len()));
        small::unmask(head, word);
        self.walk(head)?;
        let word = word.advanced(head.len());
        let (whole, tail) = rest.split_at_mut(rest.len() - masked_incomplete_bytes(rest, word));
        kernels.unmask_str(whole, word)?;
        small::unmask(tail, word.advanced(whole.len()));
        self.walk(tail)
    }

    /// How many of a chunk's first bytes belong to the character that the chunks before began.
    fn missing_of(&self, len: usize) -> usize {
        usize::from(self.missing).min(len)
    }

    /// Steps the automaton over a few bytes.
    fn walk(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        bytes.iter().try_for_each(|&byte| self.step(byte))
    }

    /// One byte, by the table of well-formed sequences (Unicode, table 3-7).
    fn step(&mut self, byte: u8) -> Result<(), InvalidUtf8> {
        if self.missing > 0 {
            if byte < self.low || byte > self.high {
                return Err(InvalidUtf8);
            }
            *self = Self { missing: self.missing - 1, low: 0x80, high: 0xBF };
            return Ok(());
        }
        let (missing, low, high) = match byte {
            0x00..=0x7F => (0, 0, 0),
            0xC2..=0xDF => (1, 0x80, 0xBF),
            0xE0 => (2, 0xA0, 0xBF),
            0xED => (2, 0x80, 0x9F),
            0xE1..=0xEF => (2, 0x80, 0xBF),
            0xF0 => (3, 0x90, 0xBF),
            0xF1..=0xF3 => (3, 0x80, 0xBF),
            0xF4 => (3, 0x80, 0x8F),
            0x80..=0xC1 | 0xF5..=0xFF => return Err(InvalidUtf8),
        };
        *self = Self { missing, low, high };
        Ok(())
    }
}

/// How many bytes at the end begin a character that is not complete: 0..=3.
///
/// Judges by the last first byte alone; whether the sequence is possible is the automaton's business.
fn incomplete_bytes(bytes: &[u8]) -> usize {
    for (back, &byte) in bytes.iter().rev().take(3).enumerate() {
        let width = match byte {
            0x00..=0x7F => return 0,
            0x80..=0xBF => continue,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
        };
        let present = back + 1;
        return if present < width { present } else { 0 };
    }
    0
}

/// [`incomplete_bytes`] of bytes that are still masked.
fn masked_incomplete_bytes(bytes: &[u8], word: MaskWord) -> usize {
    let start = bytes.len().saturating_sub(3);
    let mut last = [0; 3];
    let last = &mut last[..bytes.len() - start];
    last.copy_from_slice(&bytes[start..]);
    small::unmask(last, word.advanced(start));
    incomplete_bytes(last)
}

#[cfg(test)]
mod tests;
