//! How often everybody together may change what all see.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One permission each `between`, for all shards together; what is not used is not saved up.
#[derive(Debug)]
pub(super) struct Pace {
    between_ms: u64,
    /// When the next one is, in milliseconds of the caller's clock.
    next_ms: AtomicU64,
}

impl Pace {
    pub(super) const fn new(between: Duration) -> Self {
        Self { between_ms: between.as_millis() as u64, next_ms: AtomicU64::new(0) }
    }

    /// Takes the permission.
    ///
    /// # Errors
    /// Milliseconds until there is one again.
    pub(super) fn take(&self, now_ms: u64) -> Result<(), u64> {
        let grant =
            |next| (next <= now_ms || self.is_of_another_time(next, now_ms)).then_some(now_ms + self.between_ms);
        match self.next_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grant) {
            Ok(_) => Ok(()),
            Err(next) => Err(next - now_ms),
        }
    }

    /// Gives back what was taken at `now_ms` and came to nothing; who took it since keeps it.
    pub(super) fn give_back(&self, now_ms: u64) {
        let taken = now_ms + self.between_ms;
        let _ = self.next_ms.compare_exchange(taken, now_ms, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// A clock that was set back must not make everybody wait for what it had been.
    const fn is_of_another_time(&self, next: u64, now_ms: u64) -> bool {
        next > now_ms + self.between_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_long_for_everybody() {
        let pace = Pace::new(Duration::from_millis(200));
        assert_eq!([1000, 1000, 1001, 1199, 1200, 1399].map(|now| pace.take(now)), {
            [Ok(()), Err(200), Err(199), Err(1), Ok(()), Err(1)]
        });
        assert_eq!(pace.take(9000), Ok(()), "nothing is saved up");
        assert_eq!(pace.take(9001), Err(199));
        assert_eq!(pace.take(5000), Ok(()), "the clock was set back");
    }

    #[test]
    fn what_came_to_nothing_is_given_back_once() {
        let pace = Pace::new(Duration::from_millis(200));
        assert_eq!(pace.take(1000), Ok(()));
        pace.give_back(1000);
        assert_eq!(pace.take(1000), Ok(()));
        assert_eq!(pace.take(1200), Ok(()));
        pace.give_back(1000);
        assert_eq!(pace.take(1201), Err(199), "somebody else has it");
    }
}
