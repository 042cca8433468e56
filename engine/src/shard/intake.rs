//! How much a turn takes in before it answers.
//!
//! Up to `turn_bytes_max`; but where recvs fill their buffers, a turn ends sooner, and its replies leave while there is more to
//! receive. Where they do not, sooner replies would only come in smaller batches; and a peer that is the only one would only be
//! woken more often.

/// So often a turn looks at what its recvs bring.
const STEP_BYTES: u64 = 128 * 1024;

/// What each brings, on average, where a turn ends at the first look.
const LARGE_RECV_BYTES: u64 = 18 * 1024;

/// What one turn may take in.
#[derive(Debug)]
pub(super) struct Intake {
    bytes_max: u64,
    /// Bytes at which to look again.
    next: u64,
}

impl Intake {
    /// Up to `bytes_max`, from one peer or from several.
    pub(super) fn new(bytes_max: u64, is_lone: bool) -> Self {
        Self { bytes_max, next: if is_lone { bytes_max } else { STEP_BYTES.min(bytes_max) } }
    }

    /// Whether there may be more after `count` completions, which brought `bytes`; of those, rests of large frames did not come in
    /// recv buffers.
    #[inline]
    pub(super) fn may_grow(&mut self, count: usize, bytes: u64, rests: impl FnOnce() -> u64) -> bool {
        bytes < self.next || self.look(count, bytes, rests())
    }

    #[cold]
    fn look(&mut self, count: usize, bytes: u64, rests: u64) -> bool {
        if bytes >= self.bytes_max || bytes - rests >= count as u64 * LARGE_RECV_BYTES {
            return false;
        }
        self.next = (bytes + STEP_BYTES).min(self.bytes_max);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    /// Bytes of a turn to which completions bring `each`.
    fn taken(bytes_max: u64, each: u64) -> u64 {
        taken_by(Intake::new(bytes_max, false), each)
    }

    fn taken_by(mut intake: Intake, each: u64) -> u64 {
        let mut count = 0;
        while intake.may_grow(count, count as u64 * each, || 0) {
            count += 1;
        }
        count as u64 * each
    }

    #[test]
    fn a_turn_of_small_recvs_takes_in_all_that_it_may() {
        for each in [1, 8 * KIB, 16 * KIB] {
            assert_eq!(taken(1024 * KIB, each), 1024 * KIB);
        }
        assert_eq!(taken(4 * KIB, KIB), 4 * KIB);
    }

    #[test]
    fn a_turn_of_large_recvs_ends_sooner() {
        assert_eq!(taken(1024 * KIB, 32 * KIB), 128 * KIB);
        assert_eq!(taken(64 * KIB, 32 * KIB), 64 * KIB);
        assert_eq!(taken(1024 * KIB, 256 * KIB), 256 * KIB, "one recv at least");
    }

    #[test]
    fn a_turn_of_one_peer_takes_in_all_that_it_may() {
        assert_eq!(taken_by(Intake::new(1024 * KIB, true), 32 * KIB), 1024 * KIB);
    }

    #[test]
    fn rests_fill_no_buffers() {
        assert!(Intake::new(1024 * KIB, false).may_grow(4, 256 * KIB, || 192 * KIB));
    }

    #[test]
    fn recvs_may_turn_out_to_be_large_later() {
        let mut intake = Intake::new(1024 * KIB, false);
        assert!(intake.may_grow(100, 128 * KIB, || 0));
        assert!(intake.may_grow(101, 255 * KIB, || 0), "between two looks");
        assert!(!intake.may_grow(10, 256 * KIB, || 0));
    }
}
