//! The stream that a connection must receive: known in advance, so it is compared as it arrives and never stored.

use anyhow::{Result, bail};

use super::frames::Frames;

/// How far one connection's stream has come.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Number of the message that comes now.
    number: u32,
    /// How much of its frame has come.
    offset: usize,
}

impl Incoming {
    /// Number of the first message that is not complete.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Compares what came with the messages of `sender` up to number `end`; how many it completed.
    pub(super) fn take(&mut self, mut bytes: &[u8], frames: &mut Frames, sender: usize, end: u32) -> Result<usize> {
        let mut completed = 0;
        while !bytes.is_empty() {
            if self.number == end {
                bail!("{} bytes more than were asked for", bytes.len());
            }
            let expected = &frames.server(sender, self.number)[self.offset..];
            let length = bytes.len().min(expected.len());
            if bytes[..length] != expected[..length] {
                bail!("message {}: {:02x?} came in place of {:02x?}", self.number, start(bytes), start(expected));
            }
            if length == expected.len() {
                *self = Self { number: self.number.wrapping_add(1), offset: 0 };
                completed += 1;
            } else {
                self.offset += length;
            }
            bytes = &bytes[length..];
        }
        Ok(completed)
    }
}

fn start(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(24)]
}

#[cfg(test)]
mod tests {
    use super::super::Opcode;
    use super::*;

    fn stream(frames: &mut Frames, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|&number| frames.server(3, number).to_vec()).collect()
    }

    #[test]
    fn a_stream_passes_in_any_pieces() {
        let mut frames = Frames::new(Opcode::Binary, 20);
        let bytes = stream(&mut frames, &[0, 1, 2]);
        for size in 1..=bytes.len() {
            let mut incoming = Incoming::default();
            let taken = bytes.chunks(size).map(|piece| incoming.take(piece, &mut frames, 3, 3).unwrap());
            assert_eq!(taken.sum::<usize>(), 3);
            assert_eq!(incoming.number(), 3);
        }
    }

    #[test]
    fn a_missing_repeated_swapped_changed_or_surplus_message_is_found() {
        let mut frames = Frames::new(Opcode::Binary, 20);
        for numbers in [&[0, 2][..], &[0, 0], &[1, 0], &[0, 1, 2, 3]] {
            let bytes = stream(&mut frames, numbers);
            assert!(Incoming::default().take(&bytes, &mut frames, 3, 3).is_err(), "{numbers:?}");
        }
        let mut bytes = stream(&mut frames, &[0]);
        *bytes.last_mut().unwrap() ^= 1;
        assert!(Incoming::default().take(&bytes, &mut frames, 3, 3).is_err());
        bytes = stream(&mut frames, &[0]);
        assert!(Incoming::default().take(&bytes, &mut frames, 4, 3).is_err(), "of another sender");
    }
}
