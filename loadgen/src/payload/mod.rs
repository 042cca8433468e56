//! What a message carries: a stamp that says who planned it for when, and a fill that shows whether it came whole.
//!
//! The stamp's checksum covers the stamp, the payload's length and the run; the fill follows from that checksum, and is
//! compared in full. So every byte of a payload is checked, and a message of an earlier run does not pass for one of this.
//! Both directions work in the caller's buffer and allocate nothing: this is done for every message.
//!
//! Not here: whether a stamp was expected (`ledger`).

mod fill;
mod text;

#[cfg(test)]
mod tests;

/// Bytes of a stamp in binary form.
const BINARY_BYTES: usize = 20;
/// Bytes of a stamp in text form: two characters for each byte of the binary one.
const TEXT_BYTES: usize = 2 * BINARY_BYTES;

const SEQUENCE_BITS: u32 = 40;
const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;

/// The largest number that a message of one sender may have.
pub const SEQUENCE_MAX: u64 = SEQUENCE_MASK;
/// The largest number that a sender may have.
pub const SENDER_MAX: u32 = (1 << (64 - SEQUENCE_BITS)) - 1;

/// How stamp and fill are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 20 bytes, little-endian, and a fill of any bytes.
    Binary,
    /// 40 characters, and a fill of letters, digits, `-` and `_`: valid UTF-8 that JSON strings hold as it is.
    Text,
}

/// Which message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the message among those of its sender, from 0 to [`SEQUENCE_MAX`].
    pub sequence: u64,
    /// Number of the sender, at most [`SENDER_MAX`].
    pub sender: u32,
    /// When it was to be sent, in nanoseconds since the run's start.
    pub planned: u64,
}

/// Why a payload is not as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corrupt {
    /// Its stamp is damaged, of another length or of another run, so that nobody knows which message it was.
    Stamp,
    /// The stamp is right and the fill is not: this message came damaged.
    Fill(Stamp),
}

/// A size that has no room for the stamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are too few for the stamp that each message carries: use {least} or more{hint}")]
pub struct TooSmall {
    bytes: usize,
    least: usize,
    hint: &'static str,
}

/// Writes and reads the payloads of one run.
#[derive(Debug, Clone, Copy)]
pub struct Codec {
    form: Form,
    run: u64,
}

impl Codec {
    /// `run` tells the messages of this run from those of others: any number that another run will hardly have.
    pub fn new(form: Form, run: u64) -> Self {
        Self { form, run: run | 1 }
    }

    /// The least payload, in bytes.
    pub fn bytes_min(self) -> usize {
        match self.form {
            Form::Binary => BINARY_BYTES,
            Form::Text => TEXT_BYTES,
        }
    }

    /// Whether a payload of `bytes` has room for the stamp.
    ///
    /// # Errors
    ///
    /// [`TooSmall`], which names the least, when it has not.
    pub fn check_size(self, bytes: usize) -> Result<(), TooSmall> {
        let least = self.bytes_min();
        if bytes >= least {
            return Ok(());
        }
        let hint = if bytes >= BINARY_BYTES { ", or --form=binary" } else { "" };
        Err(TooSmall { bytes, least, hint })
    }

    /// Fills all of `payload` with the message that `stamp` names.
    ///
    /// # Panics
    ///
    /// When `payload` is shorter than [`Codec::bytes_min`].
    #[inline]
    pub fn write(self, stamp: Stamp, payload: &mut [u8]) {
        debug_assert!(stamp.sequence <= SEQUENCE_MAX && stamp.sender <= SENDER_MAX, "{stamp:?} is out of range");
        let (words, len) = (stamp.words(), payload.len());
        let checksum = self.checksum(words, len);
        match self.form {
            Form::Binary => {
                let (head, rest) = payload.split_first_chunk_mut().expect("sizes are checked before the run");
                *head = join(words, checksum);
                fill::write(fill::BYTES, checksum, rest);
            }
            Form::Text => {
                let (head, rest) = payload.split_first_chunk_mut().expect("sizes are checked before the run");
                text::write(join(words, checksum), head);
                fill::write(fill::CHARACTERS, checksum, rest);
            }
        }
    }

    /// Reads the stamp back and checks every byte.
    ///
    /// # Errors
    ///
    /// [`Corrupt`] when a byte, the length or the run is not what was written.
    #[inline]
    pub fn read(self, payload: &[u8]) -> Result<Stamp, Corrupt> {
        let (stamp, rest, pattern) = match self.form {
            Form::Binary => {
                let (head, rest) = payload.split_first_chunk().ok_or(Corrupt::Stamp)?;
                (*head, rest, fill::BYTES)
            }
            Form::Text => {
                let (head, rest) = payload.split_first_chunk().ok_or(Corrupt::Stamp)?;
                (text::read(head).ok_or(Corrupt::Stamp)?, rest, fill::CHARACTERS)
            }
        };
        let (words, checksum) = split(stamp);
        if checksum != self.checksum(words, payload.len()) {
            return Err(Corrupt::Stamp);
        }
        let stamp = Stamp::from_words(words);
        if fill::is_intact(pattern, checksum, rest) { Ok(stamp) } else { Err(Corrupt::Fill(stamp)) }
    }

    /// Each step can be undone, so that no two stamps that differ in one word meet before the last, which keeps 32 bits.
    #[inline]
    fn checksum(self, words: [u64; 2], len: usize) -> u32 {
        let mut sum = self.run;
        for word in [words[0], words[1], len as u64] {
            sum = (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            sum ^= sum >> 32;
        }
        (sum.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32) as u32
    }
}

impl Stamp {
    #[inline]
    fn words(self) -> [u64; 2] {
        [self.sequence & SEQUENCE_MASK | u64::from(self.sender) << SEQUENCE_BITS, self.planned]
    }

    #[inline]
    fn from_words([first, planned]: [u64; 2]) -> Self {
        Self { sequence: first & SEQUENCE_MASK, sender: (first >> SEQUENCE_BITS) as u32, planned }
    }
}

#[inline]
fn join(words: [u64; 2], checksum: u32) -> [u8; BINARY_BYTES] {
    let mut bytes = [0; BINARY_BYTES];
    bytes[..8].copy_from_slice(&words[0].to_le_bytes());
    bytes[8..16].copy_from_slice(&words[1].to_le_bytes());
    bytes[16..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[inline]
fn split(bytes: [u8; BINARY_BYTES]) -> ([u64; 2], u32) {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    ([word(0), word(8)], u32::from_le_bytes(bytes[16..].try_into().expect("4 bytes")))
}
