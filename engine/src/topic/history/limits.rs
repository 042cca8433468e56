//! How much of a topic is kept.

use std::time::Duration;

use super::Entry;

/// What a history may hold: whichever limit is met first evicts the oldest message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistoryLimits {
    count_max: usize,
    bytes_max: usize,
    age_max_ms: u64,
}

/// A limit is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HistoryLimitsError {
    /// Messages.
    #[error(
        "history count_max is {0}: it must be from 1 to {COUNT_CEILING}; a topic without history has no history section"
    )]
    Count(usize),
    /// Bytes too few for one message.
    #[error(
        "history bytes_max is {bytes_max}: it must be at least {min}, which is one message of message_bytes_max and its overhead"
    )]
    BytesBelow {
        /// As given.
        bytes_max: usize,
        /// What would do.
        min: usize,
    },
    /// Bytes too many.
    #[error("history bytes_max is {0}: it must be at most {BYTES_CEILING}")]
    BytesAbove(usize),
    /// Age.
    #[error("history age_max is {0:?}: it must be from 1 ms to 3650 days")]
    Age(Duration),
}

/// Messages of one topic: 16 million.
const COUNT_CEILING: usize = 1 << 24;
/// Bytes of one topic: 64 GiB.
const BYTES_CEILING: usize = 1 << 36;
/// Ten years.
const AGE_CEILING: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

impl HistoryLimits {
    /// Checked limits. `bytes_max` counts payloads and [`Entry::OVERHEAD_BYTES`] for each; it must hold one message of
    /// `message_bytes_max`, so that the newest message is always kept until it is too old.
    ///
    /// # Errors
    ///
    /// The first limit that is out of its range.
    pub(crate) fn new(
        count_max: usize,
        bytes_max: usize,
        age_max: Duration,
        message_bytes_max: usize,
    ) -> Result<Self, HistoryLimitsError> {
        if !(1..=COUNT_CEILING).contains(&count_max) {
            return Err(HistoryLimitsError::Count(count_max));
        }
        let min = message_bytes_max.saturating_add(Entry::OVERHEAD_BYTES);
        if bytes_max < min {
            return Err(HistoryLimitsError::BytesBelow { bytes_max, min });
        }
        if bytes_max > BYTES_CEILING {
            return Err(HistoryLimitsError::BytesAbove(bytes_max));
        }
        if !(Duration::from_millis(1)..=AGE_CEILING).contains(&age_max) {
            return Err(HistoryLimitsError::Age(age_max));
        }
        Ok(Self { count_max, bytes_max, age_max_ms: age_max.as_millis() as u64 })
    }

    /// Messages, at most.
    pub(crate) const fn count_max(&self) -> usize {
        self.count_max
    }

    /// Bytes of all entries, at most.
    pub(crate) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Age in milliseconds up to which a message is kept.
    pub(crate) const fn age_max_ms(&self) -> u64 {
        self.age_max_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn ranges() {
        let least = 1000 + Entry::OVERHEAD_BYTES;
        let limits = |count, bytes, age| HistoryLimits::new(count, bytes, age, 1000).map(|_| ());
        for count in [1, COUNT_CEILING] {
            assert_eq!(limits(count, least, DAY), Ok(()));
        }
        for count in [0, COUNT_CEILING + 1] {
            assert_eq!(limits(count, least, DAY), Err(HistoryLimitsError::Count(count)));
        }
        let below = HistoryLimitsError::BytesBelow { bytes_max: least - 1, min: least };
        assert_eq!(limits(1, least - 1, DAY), Err(below));
        assert_eq!(limits(1, BYTES_CEILING, DAY), Ok(()));
        assert_eq!(limits(1, BYTES_CEILING + 1, DAY), Err(HistoryLimitsError::BytesAbove(BYTES_CEILING + 1)));
        for age in [Duration::from_millis(1), 3650 * DAY] {
            assert_eq!(limits(1, least, age), Ok(()));
        }
        for age in [Duration::ZERO, Duration::from_micros(999), 3651 * DAY] {
            assert_eq!(limits(1, least, age), Err(HistoryLimitsError::Age(age)));
        }
    }

    #[test]
    fn a_message_limit_that_fits_nowhere_is_refused() {
        assert!(HistoryLimits::new(1, BYTES_CEILING, DAY, usize::MAX).is_err());
    }

    #[test]
    fn errors_say_what_to_write() {
        let error = HistoryLimits::new(1, 10, DAY, 100).expect_err("too few");
        assert_eq!(
            error.to_string(),
            "history bytes_max is 10: it must be at least 156, which is one message of message_bytes_max and its overhead"
        );
    }
}
