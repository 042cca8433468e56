//! The time of day, as messages and the journal have it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC; 0 for a clock that is set before.
pub(super) fn unix_ms() -> u64 {
    unix_us() / 1000
}

/// The same in microseconds.
pub(super) fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_milliseconds_of_this_time() {
        let year_2020_ms = 1_577_836_800_000;
        let year_2200_ms = 7_258_118_400_000;
        assert!((year_2020_ms..year_2200_ms).contains(&unix_ms()), "{}", unix_ms());
    }
}
