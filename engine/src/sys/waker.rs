//! Wakes a shard that sleeps in its ring, from any thread; costs nothing while the shard is awake.
//!
//! A producer pushes to a queue and calls [`Waker::wake`]; the shard announces its sleep with [`Waker::sleep`], looks into its
//! queues once more, and only then waits. Either the producer sees the announcement or the shard sees the item.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
#[cfg(not(all(test, loom)))]
use std::sync::atomic::{AtomicBool, Ordering, fence};

#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicBool, Ordering, fence};

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
        // Not a swap, which would write even when another was quicker: then loom, which orders writes in part only, sees a later
        // announcement undone.
        self.0.load(Ordering::Relaxed)
            && self.0.compare_exchange(true, false, Ordering::Relaxed, Ordering::Relaxed).is_ok()
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

/// `cargo xtask loom` runs these.
#[cfg(all(test, loom))]
mod interleavings {
    use loom::sync::atomic::AtomicUsize;
    use loom::sync::{Arc, Notify};
    use loom::thread;

    use super::*;

    /// A queue that counts, and what stands for the eventfd: like it, it remembers that it was told.
    struct Mailbox {
        pushed: AtomicUsize,
        event: Notify,
        sleeper: Sleeper,
    }

    impl Mailbox {
        fn new() -> Arc<Self> {
            Arc::new(Self { pushed: AtomicUsize::new(0), event: Notify::new(), sleeper: Sleeper::default() })
        }

        fn push(&self) {
            self.pushed.fetch_add(1, Ordering::Release);
            if self.sleeper.must_wake() {
                self.event.notify();
            }
        }

        /// The turns of a shard until `count` were pushed.
        fn take(&self, count: usize) {
            let mut taken = 0;
            while taken < count {
                self.sleeper.sleep();
                if self.pushed.load(Ordering::Acquire) == taken {
                    self.event.wait();
                }
                self.sleeper.awake();
                taken = self.pushed.load(Ordering::Acquire);
            }
        }
    }

    /// A lost one leaves the shard asleep for good, which loom calls a deadlock.
    #[test]
    fn no_wake_up_is_lost() {
        let mut model = loom::model::Builder::new();
        // All interleavings would take hours.
        model.preemption_bound = Some(3);
        for pushes in [&[2][..], &[1, 1]] {
            model.check(move || {
                let mailbox = Mailbox::new();
                for &count in pushes {
                    let mailbox = Arc::clone(&mailbox);
                    thread::spawn(move || (0..count).for_each(|_| mailbox.push()));
                }
                mailbox.take(pushes.iter().sum());
            });
        }
    }

    #[test]
    fn of_the_producers_that_find_the_shard_asleep_one_wakes_it() {
        loom::model(|| {
            let sleeper = Arc::new(Sleeper::default());
            sleeper.sleep();
            let other = Arc::clone(&sleeper);
            let other = thread::spawn(move || other.must_wake());
            let own = sleeper.must_wake();
            assert!(own ^ other.join().expect("it does not panic"));
        });
    }
}
