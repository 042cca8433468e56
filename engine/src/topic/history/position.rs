//! Where a reader is in a topic: an epoch and an offset, and their text.

use std::fmt;
use std::str::FromStr;

/// Names one numbering of messages. Offsets compare only inside the same epoch, which is drawn at random when a node first
/// starts, and survives restarts in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Epoch(pub(crate) u64);

/// Number of a message in its topic, from 1 to [`Offset::MAX`], never given twice in an epoch. 0 stands before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Offset(pub(crate) u64);

/// Offsets of one generation. After a journal without a clean end a new one begins: more than one topic can have lost, or ever
/// holds, and few enough for two million such ends before an offset leaves the whole numbers that JavaScript counts exactly.
pub(crate) const OFFSETS_SKIPPED: u64 = 1 << 32;

impl Offset {
    /// Before the first message.
    pub(crate) const ZERO: Self = Self(0);
    /// The largest that a message may have: far above what can be counted to, and far below where sums overflow.
    #[cfg(any(test, feature = "node"))]
    pub(crate) const MAX: Self = Self(u64::MAX >> 1);

    /// Messages behind this one up to `later`: a skip counts for nothing.
    pub(crate) const fn messages_to(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0) % OFFSETS_SKIPPED
    }

    /// Whether offsets were skipped between this one and `later`.
    pub(crate) const fn skips_to(self, later: Self) -> bool {
        self.generation() < later.generation()
    }

    /// Generations are numbered from 0; one begins with each skip.
    pub(crate) const fn generation(self) -> u64 {
        self.0 / OFFSETS_SKIPPED
    }

    /// The offset with this count in a generation that is not earlier. No sum comes near [`Offset::MAX`] but in a file that
    /// somebody made up, and there it ends.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn in_generation(self, generation: u64) -> Self {
        let first = generation.max(self.generation()).saturating_mul(OFFSETS_SKIPPED);
        Self(first.saturating_add(self.0 % OFFSETS_SKIPPED)).min(Self::MAX)
    }

    /// The next one.
    #[inline]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The last message that a reader saw.
///
/// Its text is the epoch in lower-case hexadecimal, `-`, and the offset in decimal, both without leading zeros: at most 37
/// letters that need no escape in an SSE `id:`, in a query and in JSON. One position has exactly one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    pub(crate) epoch: Epoch,
    pub(crate) offset: Offset,
}

/// The text is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePositionError {
    /// No `-` at its place.
    #[error("a position is EPOCH-OFFSET, such as 1f3a-17")]
    Shape,
    /// The part before the `-`.
    #[error("a position's epoch has 1 to 16 digits of 0-9 and a-f without leading zeros, such as 1f3a-17")]
    Epoch,
    /// The part behind the `-`.
    #[error("a position's offset is a number from 0 to 18446744073709551615 without leading zeros, such as 1f3a-17")]
    Offset,
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch.0, self.offset)
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, ParsePositionError> {
        let (epoch, offset) = text.split_once('-').ok_or(ParsePositionError::Shape)?;
        Ok(Self { epoch: parse_epoch(epoch)?, offset: parse_offset(offset)? })
    }
}

fn parse_epoch(text: &str) -> Result<Epoch, ParsePositionError> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !is_canonical(text, is_digit) {
        return Err(ParsePositionError::Epoch);
    }
    u64::from_str_radix(text, 16).map(Epoch).map_err(|_| ParsePositionError::Epoch)
}

fn parse_offset(text: &str) -> Result<Offset, ParsePositionError> {
    if !is_canonical(text, |byte| byte.is_ascii_digit()) {
        return Err(ParsePositionError::Offset);
    }
    text.parse().map(Offset).map_err(|_| ParsePositionError::Offset)
}

/// Digits without leading zeros: the parsers of numbers would also take signs, zeros and capitals.
fn is_canonical(text: &str, is_digit: impl Fn(u8) -> bool) -> bool {
    text == "0" || (!text.starts_with('0') && text.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        for (epoch, offset, text) in
            [(0, 0, "0-0"), (0x1F3A, 17, "1f3a-17"), (u64::MAX, u64::MAX, "ffffffffffffffff-18446744073709551615")]
        {
            let position = Position { epoch: Epoch(epoch), offset: Offset(offset) };
            assert_eq!(position.to_string(), text);
            assert_eq!(text.parse(), Ok(position));
        }
    }

    #[test]
    fn other_texts_are_told_what_is_wrong() {
        use ParsePositionError as E;
        for (text, error) in [
            ("", E::Shape),
            ("42", E::Shape),
            ("1f3a", E::Shape),
            ("-42", E::Epoch),
            ("01f3a-42", E::Epoch),
            ("00-42", E::Epoch),
            ("+1f3a-42", E::Epoch),
            ("1F3A-42", E::Epoch),
            ("1f3é-42", E::Epoch),
            (" 1f3a-42", E::Epoch),
            ("10000000000000000-42", E::Epoch),
            ("1f3a-", E::Offset),
            ("1f3a-+42", E::Offset),
            ("1f3a--42", E::Offset),
            ("1f3a-042", E::Offset),
            ("1f3a-00", E::Offset),
            ("1f3a-42 ", E::Offset),
            ("1f3a-2a", E::Offset),
            ("1f3a-18446744073709551616", E::Offset),
        ] {
            assert_eq!(text.parse::<Position>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_skip_is_no_message() {
        let behind = Offset(5 + 3 * OFFSETS_SKIPPED + 7);
        assert_eq!((Offset(5).messages_to(behind), Offset(5).messages_to(Offset(12))), (7, 7));
        assert_eq!((Offset(12).messages_to(Offset(5)), Offset(12).skips_to(Offset(5))), (0, false));
        assert!(Offset(5).skips_to(behind) && !Offset(5).skips_to(Offset(12)));
        // Who saw more than the journal has is ahead of where the count goes on, and was skipped all the same.
        assert!(Offset(25).skips_to(Offset(20).in_generation(1)));
        assert_eq!(Offset(20).in_generation(3), Offset(20 + 3 * OFFSETS_SKIPPED));
        assert_eq!(behind.in_generation(1), behind);
    }
}
