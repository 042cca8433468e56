//! How much a turn takes in before it answers.
//!
//! Up to `turn_bytes_max`; but where recvs fill their buffers with whole messages, a turn ends sooner, and its replies leave while
//! there is more to receive. Where they bring little, sooner replies would only come in smaller batches; where they bring pieces of
//! messages, there is little to reply yet; and a peer that is the only one would only be woken more often.

use crate::metrics::Counters;

/// So often a turn looks at what its recvs bring.
const STEP_BYTES: u64 = 128 * 1024;

/// What each brings, on average, where a turn ends at the first look.
const LARGE_RECV_BYTES: u64 = 18 * 1024;

/// What one turn may take in.
#[derive(Debug)]
pub(super) struct Intake {
    /// Bytes received, since the beginning, at which it ends.
    end: u64,
    /// Those at which to look again.
    next: u64,
    bytes_before: u64,
    messages_before: u64,
}

impl Intake {
    /// Up to `bytes_max` more than `counters` tell of, from one peer or from several.
    pub(super) fn new(bytes_max: u64, is_lone: bool, counters: &Counters) -> Self {
        let (bytes_before, messages_before) = (counters.bytes_in, counters.messages_in);
        let step = if is_lone { bytes_max } else { STEP_BYTES.min(bytes_max) };
        Self { end: bytes_before + bytes_max, next: bytes_before + step, bytes_before, messages_before }
    }

    /// Whether there may be more after `count` completions, which `counters` have in them.
    #[inline]
    pub(super) fn may_grow(&mut self, count: usize, counters: &Counters) -> bool {
        counters.bytes_in < self.next || self.look(count as u64, counters)
    }

    #[cold]
    fn look(&mut self, count: u64, counters: &Counters) -> bool {
        let bytes = counters.bytes_in - self.bytes_before;
        let messages = counters.messages_in - self.messages_before;
        if counters.bytes_in >= self.end || (bytes >= count * LARGE_RECV_BYTES && messages >= count) {
            return false;
        }
        self.next = (counters.bytes_in + STEP_BYTES).min(self.end);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    /// Bytes of a turn to which completions bring `each`, and so many whole messages.
    fn taken(bytes_max: u64, each: u64, messages: u64) -> u64 {
        taken_from(bytes_max, each, messages, false)
    }

    fn taken_from(bytes_max: u64, each: u64, messages: u64, is_lone: bool) -> u64 {
        let mut counters = Counters { bytes_in: 1_000_000, messages_in: 1_000, ..Counters::default() };
        let mut intake = Intake::new(bytes_max, is_lone, &counters);
        let mut count = 0;
        while intake.may_grow(count, &counters) {
            counters.bytes_in += each;
            counters.messages_in += messages;
            count += 1;
        }
        counters.bytes_in - 1_000_000
    }

    #[test]
    fn a_turn_of_small_recvs_takes_in_all_that_it_may() {
        for each in [1, 8 * KIB, 16 * KIB] {
            assert_eq!(taken(1024 * KIB, each, 1), 1024 * KIB);
        }
        assert_eq!(taken(4 * KIB, KIB, 1), 4 * KIB);
    }

    #[test]
    fn a_turn_of_large_recvs_ends_sooner() {
        assert_eq!(taken(1024 * KIB, 32 * KIB, 2), 128 * KIB);
        assert_eq!(taken(64 * KIB, 32 * KIB, 2), 64 * KIB);
        assert_eq!(taken(1024 * KIB, 256 * KIB, 2), 256 * KIB, "one recv at least");
    }

    /// Of 80 KiB and more, in recv buffers or as rests: a turn that ends sooner made those of 128 KiB take a third more.
    #[test]
    fn a_turn_of_pieces_of_messages_takes_in_all_that_it_may() {
        assert_eq!(taken(1024 * KIB, 32 * KIB, 0), 1024 * KIB);
    }

    #[test]
    fn a_turn_of_one_peer_takes_in_all_that_it_may() {
        assert_eq!(taken_from(1024 * KIB, 32 * KIB, 2, true), 1024 * KIB);
    }

    #[test]
    fn recvs_may_turn_out_to_be_large_later() {
        let mut counters = Counters::default();
        let mut intake = Intake::new(1024 * KIB, false, &counters);
        let mut come = |bytes_in, count| {
            (counters.bytes_in, counters.messages_in) = (bytes_in, 100);
            intake.may_grow(count, &counters)
        };
        assert!(come(128 * KIB, 100));
        assert!(come(255 * KIB, 10), "between two looks");
        assert!(!come(256 * KIB, 10));
    }
}
