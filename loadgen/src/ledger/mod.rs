//! The account of what came: for each sender and receiver, which numbers are missing, came twice, late, or damaged.
//!
//! A stream that comes in order is one number, the next. Numbers that were passed over are kept as ranges until they come
//! late or the run ends; a stream keeps [`GAPS_MAX`] ranges at the most, and forgets the oldest first. What comes
//! below a forgotten range may be late or a repetition: it is counted as `unsure`, never guessed.
//!
//! Not here: whether a payload is intact (`payload`).

mod stream;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::payload::{Corrupt, Stamp};
pub use stream::{Arrival, GAPS_MAX, Stream};

/// What was wrong with what came, each message counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Were sent and did not come until the end.
    pub missing: u64,
    /// Came again after they had come.
    pub duplicate: u64,
    /// Came after one that was sent later.
    pub out_of_order: u64,
    /// Came damaged; not also counted as missing.
    pub corrupt: u64,
    /// Came so late that it is not known any more whether they had come before.
    pub unsure: u64,
}

impl Checks {
    /// Everything that was wrong.
    pub fn total(self) -> u64 {
        self.missing + self.duplicate + self.out_of_order + self.corrupt + self.unsure
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: Self) {
        self.missing += other.missing;
        self.duplicate += other.duplicate;
        self.out_of_order += other.out_of_order;
        self.corrupt += other.corrupt;
        self.unsure += other.unsure;
    }
}

/// Whose messages a receiver is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pairing {
    /// Receiver `r` gets those of sender `first + r` back: an echo.
    Own { first: u32 },
    /// Each receiver gets those of all senders from 0 on: a fan-out.
    Crossed { senders: u32 },
}

/// The account of the receivers of one thread.
#[derive(Debug)]
pub struct Ledger {
    pairing: Pairing,
    /// The streams of receiver 0, those of receiver 1, …
    streams: Vec<Stream>,
    /// Messages that came to each receiver with a damaged stamp, so that it is not known whose they were.
    nameless: Vec<u32>,
    checks: Checks,
}

impl Ledger {
    /// An account of `receivers` that get back what they sent themselves; the first of them is sender `first`.
    pub fn own(first: u32, receivers: u32) -> Self {
        Self::new(Pairing::Own { first }, receivers, 1)
    }

    /// An account of `receivers` that each get what all `senders` send.
    pub fn crossed(receivers: u32, senders: u32) -> Self {
        Self::new(Pairing::Crossed { senders }, receivers, senders)
    }

    fn new(pairing: Pairing, receivers: u32, each: u32) -> Self {
        let streams = vec![Stream::default(); receivers as usize * each as usize];
        Self { pairing, streams, nameless: vec![0; receivers as usize], checks: Checks::default() }
    }

    /// Books what [`Codec::read`](crate::payload::Codec::read) made of a payload that came to `receiver`.
    #[inline]
    pub fn book(&mut self, receiver: u32, read: Result<Stamp, Corrupt>) -> Arrival {
        match read {
            Ok(stamp) => match self.position(receiver, stamp.sender) {
                Some(at) => self.streams[at].note(stamp.sequence, &mut self.checks),
                None => self.book_nameless(receiver),
            },
            Err(Corrupt::Fill(stamp)) => match self.position(receiver, stamp.sender) {
                Some(at) => {
                    self.streams[at].settle(stamp.sequence);
                    self.checks.corrupt += 1;
                    Arrival::Corrupt
                }
                None => self.book_nameless(receiver),
            },
            Err(Corrupt::Stamp) => self.book_nameless(receiver),
        }
    }

    /// Closes the account. `sent` tells how many messages a sender sent, from number 0 on: what of them has not come is
    /// missing, but for one of each message that came to the same receiver with a damaged stamp: it was one of those.
    pub fn close(self, mut sent: impl FnMut(u32) -> u64) -> Checks {
        self.close_by(|_, sender| sent(sender))
    }

    /// Closes the account as [`close`](Self::close) does, where `sent` tells how many messages a sender sent to a receiver: for
    /// senders that send to several.
    pub fn close_by(self, mut sent: impl FnMut(u32, u32) -> u64) -> Checks {
        let mut checks = self.checks;
        let each = self.streams.len().checked_div(self.nameless.len()).unwrap_or(0);
        for (receiver, nameless) in self.nameless.iter().enumerate() {
            let streams = &self.streams[receiver * each..][..each];
            let owed = streams.iter().enumerate().map(|(index, stream)| {
                let sender = match self.pairing {
                    Pairing::Own { first } => first + receiver as u32,
                    Pairing::Crossed { .. } => index as u32,
                };
                stream.owed(sent(receiver as u32, sender))
            });
            checks.missing += owed.sum::<u64>().saturating_sub(u64::from(*nameless));
        }
        checks
    }

    #[cold]
    fn book_nameless(&mut self, receiver: u32) -> Arrival {
        self.nameless[receiver as usize] += 1;
        self.checks.corrupt += 1;
        Arrival::Corrupt
    }

    /// Where the stream from `sender` to `receiver` stands; `None` for a sender whose messages are none of the receiver's.
    #[inline]
    fn position(&self, receiver: u32, sender: u32) -> Option<usize> {
        match self.pairing {
            Pairing::Own { first } => (sender.wrapping_sub(first) == receiver).then_some(receiver as usize),
            Pairing::Crossed { senders } => {
                (sender < senders).then(|| receiver as usize * senders as usize + sender as usize)
            }
        }
    }
}
