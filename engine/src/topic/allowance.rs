//! What the entries of a queue may hold together, counted by whoever pushes and whoever pops.

use std::sync::atomic::{AtomicUsize, Ordering};

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
