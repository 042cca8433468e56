//! What the entries of a queue may hold together, counted by whoever pushes and whoever pops.

#[cfg(not(all(test, loom)))]
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that the entries of a queue may hold together. One entry is taken whatever its size, when no other has any.
#[derive(Debug)]
pub(crate) struct Allowance {
    used: AtomicUsize,
    bytes_max: usize,
}

impl Allowance {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { used: AtomicUsize::new(0), bytes_max }
    }

    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        // A count and no more: the queue itself orders what it carries.
        let next = |used: usize| {
            let sum = used.saturating_add(bytes);
            (used == 0 || bytes == 0 || sum <= self.bytes_max).then_some(sum)
        };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// `cargo xtask loom` runs these.
#[cfg(all(test, loom))]
mod interleavings {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use loom::thread;

    use super::*;

    /// Takes, gives back, and says whether it got anything; `held` is what all hold.
    fn borrow(allowance: &Allowance, held: &AtomicUsize, bytes: usize) -> bool {
        let taken = allowance.try_take(bytes);
        if taken {
            let sum = held.fetch_add(bytes, Ordering::Relaxed) + bytes;
            assert!(sum <= allowance.bytes_max, "{sum} bytes at once");
            // Others get their turn while this is held.
            thread::yield_now();
            held.fetch_sub(bytes, Ordering::Relaxed);
            allowance.give_back(bytes);
        }
        taken
    }

    #[test]
    fn an_allowance_holds_and_comes_back_whole() {
        loom::model(|| {
            let shared = Arc::new((Allowance::new(100), AtomicUsize::new(0)));
            let others = [60, 41].map(|bytes| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || borrow(&shared.0, &shared.1, bytes))
            });
            borrow(&shared.0, &shared.1, 40);
            others.into_iter().for_each(|other| assert!(other.join().is_ok()));
            assert!(shared.0.try_take(100) && !shared.0.try_take(1), "what was given back is there again, and no more");
        });
    }

    #[test]
    fn of_two_that_are_too_large_one_is_taken() {
        loom::model(|| {
            let allowance = Arc::new(Allowance::new(100));
            let other = Arc::clone(&allowance);
            let other = thread::spawn(move || other.try_take(1000));
            let own = allowance.try_take(1000);
            assert!(own ^ other.join().expect("it does not panic"));
        });
    }
}
