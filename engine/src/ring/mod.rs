//! The io_uring boundary: what a shard asks of the kernel (`Op`) and what it hears back (`Completion`).
//!
//! `UringRing` is the kernel's ring; `SimRing` is a scripted one with seeded faults, for tests. The shard is generic over
//! `Ring`, so the code under test is the code that serves.
//!
//! # The rules
//!
//! Each has a test of the same number in `shard/tests/rules.rs` (`rule_1_…` to `rule_11_…`).
//!
//! 1. Memory handed to the kernel outlives its op, and so does a descriptor that an op names: the send arena is recycled when a
//!    turn's sends are over (rule 4), send queues and recv buffers are never freed while an op refers to them, nor is a decoder into
//!    which the rest of a frame is received.
//! 2. One send in flight per connection: io_uring does not order independent SQEs.
//! 3. `user_data` carries op, slot and generation; a stale completion is normal and is dropped after its buffer went back.
//! 4. Every completion of pooled memory is awaited. An impatient send ends within its submit and completes only if it fell
//!    short; so all of them are over when everything is submitted and every completion that this left is taken
//!    (`Ring::next_send`), and nothing is pushed for these connections, nor written to that memory, before.
//! 5. Short sends happen; the rest is sent next, before anything newer.
//! 6. `ENOBUFS` is normal: the recv is armed again when buffers came back, who waits longest first; never in a loop, never an
//!    exit.
//! 7. `EINTR`, `EAGAIN` and `EBUSY` on submit mean: reap first.
//! 8. Multishot recv has no back-pressure of its own: above the high mark it is cancelled, below the low mark armed again.
//! 9. The work of one turn is bounded, so one loud connection starves nobody.
//! 10. Completion queue overflow is counted and survived.
//! 11. An op that the kernel hands to a worker (shutdown) looks its descriptor up late: the descriptor is closed only after it
//!     completed, or the op would hit the next connection there.

pub(crate) mod alarm;
mod buffers;
pub mod probe;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sim;
mod token;
mod uring;

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use io_uring::cqueue;

pub(crate) use token::{OpKind, Token};
pub(crate) use uring::{UringOptions, UringRing};

/// Descriptors of a ring beyond its share of `connections_max`, for connections that are told 503 and for those that are
/// closing.
pub(crate) const SPARE_DESCRIPTORS: u32 = 64;

/// The kernel as a shard sees it.
pub(crate) trait Ring {
    /// Queues `op`. Submits by itself when the submission queue is full.
    fn push(&mut self, op: Op);

    /// Submits what is queued and waits as `wait` says.
    ///
    /// # Errors
    /// Only what cannot be mended by reaping; rule 7 is handled inside.
    fn submit(&mut self, wait: Wait) -> io::Result<()>;

    /// Hears that its own alarm has completed: in time, or not at all.
    fn on_alarm(&mut self) {}

    /// The oldest completion that was not taken yet.
    fn next_completion(&mut self) -> Option<Completion>;

    /// The oldest completion of a send that was not taken yet, before its turn; submits first what is not submitted. `None`
    /// means that every impatient send is over, and heard of if it fell short.
    fn next_send(&mut self) -> Option<Completion>;

    /// The first `len` bytes of the recv buffer `bid`, which a completion lent us.
    fn buffer(&mut self, bid: u16, len: usize) -> &mut [u8];

    /// Gives the recv buffer `bid` back to the kernel.
    fn give_back(&mut self, bid: u16);

    /// The peer's address of an accept that just completed on `entry`.
    fn peer_addr(&self, entry: u32) -> Option<SocketAddr>;

    /// Now; simulated time in simulations.
    fn now(&self) -> Instant;

    /// What only the ring can count.
    fn counters(&self) -> RingCounters;
}

/// What we ask of the kernel. `token.slot` is the direct descriptor that the op works on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Accept one connection into a free direct descriptor; `entry` names the address buffer to use.
    Accept { entry: u32 },
    /// Multishot recv into provided buffers.
    Recv { slot: u32, generation: u32 },
    /// One recv into a provided buffer.
    RecvOnce { slot: u32, generation: u32 },
    /// One recv into `bytes`; completes with what is there.
    RecvRest { slot: u32, generation: u32, bytes: RecvBytes },
    /// Send `bytes`. With `patient`, the kernel waits for room in the socket; without, it takes what fits now, and the op
    /// completes only when that was not all (rule 4).
    Send { slot: u32, generation: u32, bytes: SendBytes, patient: bool },
    /// Cancel the connection's recv.
    CancelRecv { slot: u32, generation: u32 },
    /// Cancel the connection's patient send.
    CancelSend { slot: u32, generation: u32 },
    /// Shut our half of the socket down. The kernel does this on a worker thread: not for the common way of closing.
    Shutdown { slot: u32, generation: u32 },
    /// Close the direct descriptor.
    Close { slot: u32, generation: u32 },
    /// Cancel every accept and close the listener.
    StopAccepting,
    /// Listen for wake-ups from other threads.
    ListenForWake,
    /// Wake the shard whose ring has this descriptor.
    WakeShard { ring: RawFd },
}

/// Bytes that a send refers to.
///
/// A pointer, because the kernel reads them after the borrow ended. The owner (a send arena or a send queue) keeps them
/// unchanged until the send is over: rule 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendBytes {
    pub(crate) start: *const u8,
    pub(crate) len: u32,
}

impl SendBytes {
    /// Refers to `bytes`; see rule 1 for what the caller promises.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr(), len: bytes.len() as u32 }
    }
}

/// Where a recv writes.
///
/// A pointer, because the kernel writes there after the borrow ended. The owner (a connection's decoder) keeps the memory, and does
/// not look at it, until the recv is over: rule 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecvBytes {
    pub(crate) start: *mut u8,
    pub(crate) len: u32,
}

impl RecvBytes {
    /// Refers to `bytes`, or to their beginning if they are more than an op's length can say; see rule 1 for what the caller promises.
    pub(crate) fn new(bytes: &mut [u8]) -> Self {
        Self { start: bytes.as_mut_ptr(), len: bytes.len().min(1 << 30) as u32 }
    }
}

/// A CQE: sixteen plain bytes, understood when they are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    /// What completed.
    pub(crate) token: Token,
    /// The op's result: not negative, or a negated errno.
    pub(crate) result: i32,
    pub(crate) flags: u32,
}

impl Completion {
    /// The recv buffer that was filled.
    #[inline]
    pub(crate) fn bid(self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }

    /// Of a send: how many bytes were taken; `None` if it failed for good. A full socket takes none.
    pub(crate) fn sent(self) -> Option<usize> {
        match self.result {
            0.. => Some(self.result as usize),
            _ if matches!(-self.result, libc::EAGAIN | libc::EINTR | libc::ENOBUFS) => Some(0),
            _ => None,
        }
    }

    /// Whether a multishot op goes on.
    #[inline]
    pub(crate) fn more(self) -> bool {
        cqueue::more(self.flags)
    }
}

/// How long [`Ring::submit`] waits for completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// For one completion, at most this long (`None`: as long as it takes).
    One(Option<Duration>),
    /// For `count` completions, but no longer than the window; the call may return with none.
    Window { count: u32, window: Duration },
}

/// What only the ring can count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RingCounters {
    /// Completions that did not fit into the completion queue and were kept by the kernel (rule 10).
    pub(crate) overflows: u64,
    /// Submissions that had to be tried again (rule 7).
    pub(crate) retries: u64,
    /// Recv buffers that were lent to the shard and not given back yet.
    pub(crate) buffers_lent: u32,
}
