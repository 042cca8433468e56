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

impl Offset {
    /// Before the first message.
    pub(crate) const ZERO: Self = Self(0);
    /// The largest that a message may have: far above what can be counted to, and far below where sums overflow.
    pub(crate) const MAX: Self = Self(u64::MAX >> 1);

    /// The next one.
    #[inline]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The last message that a reader saw.
///
/// Its text is 16 lower-case hexadecimal digits, `-`, and a decimal number: at most 37 letters that need no escape in an SSE
/// `id:`, in a query and in JSON. One position has exactly one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    pub(crate) epoch: Epoch,
    pub(crate) offset: Offset,
}

/// The text is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePositionError {
    /// No `-` at its place.
    #[error("not a position: expected 16 hexadecimal digits, `-` and a number, such as 00c0ffee00c0ffee-42")]
    Shape,
    /// The part before the `-`.
    #[error("not a position: its epoch must be 16 digits of 0-9 and a-f, as the server gave it")]
    Epoch,
    /// The part behind the `-`.
    #[error("not a position: its offset must be a number from 0 to 18446744073709551615 without leading zeros")]
    Offset,
}

const EPOCH_DIGITS: usize = 16;

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.epoch.0, self.offset)
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
    if text.len() != EPOCH_DIGITS || !text.bytes().all(is_digit) {
        return Err(ParsePositionError::Epoch);
    }
    u64::from_str_radix(text, 16).map(Epoch).map_err(|_| ParsePositionError::Epoch)
}

/// `u64::from_str` would also take a sign and leading zeros.
fn parse_offset(text: &str) -> Result<Offset, ParsePositionError> {
    let is_canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_canonical {
        return Err(ParsePositionError::Offset);
    }
    text.parse().map(Offset).map_err(|_| ParsePositionError::Offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        for (epoch, offset, text) in [
            (0, 0, "0000000000000000-0"),
            (0xC0_FFEE, 42, "0000000000c0ffee-42"),
            (u64::MAX, u64::MAX, "ffffffffffffffff-18446744073709551615"),
        ] {
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
            ("00c0ffee00c0ffee", E::Shape),
            ("-42", E::Epoch),
            ("c0ffee-42", E::Epoch),
            ("+0c0ffee00c0ffee-42", E::Epoch),
            ("00C0FFEE00C0FFEE-42", E::Epoch),
            ("00c0ffee00c0ffeé-42", E::Epoch),
            ("00c0ffee00c0ffee0-42", E::Epoch),
            ("00c0ffee00c0ffee-", E::Offset),
            ("00c0ffee00c0ffee-+42", E::Offset),
            ("00c0ffee00c0ffee--42", E::Offset),
            ("00c0ffee00c0ffee-042", E::Offset),
            ("00c0ffee00c0ffee-00", E::Offset),
            ("00c0ffee00c0ffee-42 ", E::Offset),
            ("00c0ffee00c0ffee-18446744073709551616", E::Offset),
        ] {
            assert_eq!(text.parse::<Position>(), Err(error), "{text:?}");
        }
    }
}
