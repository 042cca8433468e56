//! A ring that misbehaves as a faulty shard would: the canaries of the simulation.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::SimRing;
use crate::ring::{Completion, Op, OpKind, RecvBytes, Ring, RingCounters, SendBytes, Wait};

/// What is done wrong, at every third occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A recv buffer is not given back.
    KeepBuffer,
    /// A recv buffer is given back twice.
    GiveBackTwice,
    /// A send is pushed twice.
    SendTwice,
    /// A send begins too late in its bytes.
    SendTail,
    /// Bytes change while the kernel has them.
    ChangeBytes,
    /// A recv is not armed.
    ForgetRecv,
    /// A descriptor is not closed.
    ForgetClose,
    /// The completion of a send is not handled.
    LoseSendCompletion,
    /// A flight is taken to be settled before all of its completions were taken.
    SettleEarly,
    /// Some completions are handled newest first.
    ReverseCompletions,
    /// The rest of a frame is received one byte too far.
    ShiftRest,
    /// Memory that a recv writes to is used for something else.
    ChangeRest,
}

impl Bug {
    pub(crate) const ALL: [Self; 12] = [
        Self::KeepBuffer,
        Self::GiveBackTwice,
        Self::SendTwice,
        Self::SendTail,
        Self::ChangeBytes,
        Self::ForgetRecv,
        Self::ForgetClose,
        Self::LoseSendCompletion,
        Self::SettleEarly,
        Self::ReverseCompletions,
        Self::ShiftRest,
        Self::ChangeRest,
    ];
}

/// A simulated ring whose shard has a bug.
pub(crate) struct Saboteur {
    ring: SimRing,
    bug: Bug,
    occasions: u32,
    held: Vec<Completion>,
    held_rest: Option<RecvBytes>,
}

impl Saboteur {
    pub(crate) fn new(ring: SimRing, bug: Bug) -> Self {
        Self { ring, bug, occasions: 0, held: Vec::new(), held_rest: None }
    }

    fn strikes(&mut self, bug: Bug) -> bool {
        self.occasions += u32::from(self.bug == bug);
        self.bug == bug && self.occasions.is_multiple_of(3)
    }

    fn push_send(&mut self, op: Op, bytes: SendBytes) {
        if self.strikes(Bug::SendTwice) {
            self.ring.push(op);
        }
        let Op::Send { slot, generation, patient, .. } = op else { return };
        if bytes.len > 1 && self.strikes(Bug::SendTail) {
            // SAFETY: one byte further still lies within the bytes, which have two at least.
            let tail = SendBytes { start: unsafe { bytes.start.add(1) }, len: bytes.len - 1 };
            return self.ring.push(Op::Send { slot, generation, bytes: tail, patient });
        }
        self.ring.push(op);
        if self.strikes(Bug::ChangeBytes) {
            // SAFETY: the bytes live in a chunk or a queue of the shard's, which no reference covers while the ring is called.
            unsafe { bytes.start.cast_mut().write(!*bytes.start) };
        }
    }

    fn push_rest(&mut self, op: Op, bytes: RecvBytes) {
        let Op::RecvRest { slot, generation, .. } = op else { return };
        if bytes.len > 1 && self.strikes(Bug::ShiftRest) {
            // SAFETY: one byte further still lies within the memory, which has two at least.
            let shifted = RecvBytes { start: unsafe { bytes.start.add(1) }, len: bytes.len - 1 };
            return self.ring.push(Op::RecvRest { slot, generation, bytes: shifted });
        }
        self.ring.push(op);
        if self.strikes(Bug::ChangeRest) {
            self.held_rest = Some(bytes);
        }
    }

    /// After the op's submission: until then nobody would see it.
    fn change_rest(&mut self) {
        if let Some(bytes) = self.held_rest.take()
            && self.ring.is_receiving(bytes)
        {
            // SAFETY: the recv is in flight, so that the memory lives (rule 1), and no reference covers it while the ring is called.
            unsafe { bytes.start.write(!*bytes.start) };
        }
    }
}

impl Ring for Saboteur {
    fn push(&mut self, op: Op) {
        let forgotten = match op {
            Op::Recv { .. } | Op::RecvOnce { .. } => self.strikes(Bug::ForgetRecv),
            Op::RecvRest { bytes, .. } => return self.push_rest(op, bytes),
            Op::Close { .. } => self.strikes(Bug::ForgetClose),
            Op::Send { bytes, .. } => return self.push_send(op, bytes),
            _ => false,
        };
        if !forgotten {
            self.ring.push(op);
        }
    }

    fn submit(&mut self, wait: Wait) -> io::Result<()> {
        if self.held_rest.is_some() {
            self.ring.submit(Wait::No)?;
            self.change_rest();
        }
        self.ring.submit(wait)
    }

    fn next_completion(&mut self) -> Option<Completion> {
        if self.held.is_empty() && self.strikes(Bug::ReverseCompletions) {
            self.held = std::iter::from_fn(|| self.ring.next_completion()).collect();
        }
        let next = self.held.pop().or_else(|| self.ring.next_completion())?;
        if next.token.kind() == OpKind::Send && self.strikes(Bug::LoseSendCompletion) {
            return self.ring.next_completion();
        }
        Some(next)
    }

    fn next_send(&mut self) -> Option<Completion> {
        if self.strikes(Bug::SettleEarly) {
            return None;
        }
        self.ring.next_send()
    }

    fn buffer(&mut self, bid: u16, len: usize) -> &mut [u8] {
        self.ring.buffer(bid, len)
    }

    fn give_back(&mut self, bid: u16) {
        if self.strikes(Bug::KeepBuffer) {
            return;
        }
        self.ring.give_back(bid);
        if self.strikes(Bug::GiveBackTwice) {
            self.ring.give_back(bid);
        }
    }

    fn peer_addr(&self, entry: u32) -> Option<SocketAddr> {
        self.ring.peer_addr(entry)
    }

    fn now(&self) -> Instant {
        self.ring.now()
    }

    fn counters(&self) -> RingCounters {
        self.ring.counters()
    }
}
