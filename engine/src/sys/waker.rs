//! Wakes a shard that sleeps in its ring, from any thread; costs nothing while the shard is awake.
//!
//! A producer pushes to a queue and calls [`Waker::wake`]; the shard announces its sleep with [`Waker::sleep`], looks into its
//! queues once more, and only then waits. Either the producer sees the announcement or the shard sees the item.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// An eventfd and who sleeps in it.
pub(crate) struct Waker {
    event: OwnedFd,
    sleeper: Sleeper,
}

/// Whether a consumer of queues must be woken.
#[derive(Debug, Default)]
pub(crate) struct Sleeper(AtomicBool);

impl Sleeper {
    /// Says that the consumer is about to wait; it must look into its queues after this and before it waits.
    pub(crate) fn sleep(&self) {
        self.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Says that the consumer is awake again.
    pub(crate) fn awake(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Takes the duty to wake: true for exactly one of the producers that find the consumer asleep. Call it after the item
    /// was pushed.
    pub(crate) fn must_wake(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

impl Waker {
    /// Makes a waker whose shard counts as awake.
    ///
    /// # Errors
    /// Those of `eventfd(2)`.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just returned by the kernel and has no other owner.
        let event = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { event, sleeper: Sleeper::default() })
    }

    /// The descriptor that the shard's ring reads.
    pub(crate) fn fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    /// Says that the shard is about to wait; it must look into its queues after this and before it waits.
    pub(crate) fn sleep(&self) {
        self.sleeper.sleep();
    }

    /// Says that the shard is awake again.
    pub(crate) fn awake(&self) {
        self.sleeper.awake();
    }

    /// Takes the duty to wake: true for exactly one of the producers that find the shard asleep.
    pub(crate) fn must_wake(&self) -> bool {
        self.sleeper.must_wake()
    }

    /// Wakes the shard if it sleeps. Call it after the item was pushed.
    pub(crate) fn wake(&self) {
        if self.must_wake() {
            let one = 1_u64.to_ne_bytes();
            // SAFETY: eight readable bytes; the descriptor is open as long as `self`.
            let written = unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
            debug_assert_eq!(written, 8, "an eventfd takes eight bytes until its counter is full");
        }
    }
}
