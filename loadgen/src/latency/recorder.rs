//! Counts times in as few instructions as can be: what a histogram is filled from later.
//!
//! Buckets are as wide as the histogram's: exact below `2 << bits`, then each doubling of the value has `1 << bits` of them.

/// Counts of times.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    counts: Box<[u64]>,
    bits: u32,
    bound: u64,
    longest: u64,
    saturated: u64,
}

impl Recorder {
    /// For values up to `bound`, with a relative error of at most `1 >> bits`.
    pub(super) fn new(bound: u64, bits: u32) -> Self {
        let counts = vec![0; index(bound, bits) + 1].into_boxed_slice();
        Self { counts, bits, bound, longest: 0, saturated: 0 }
    }

    /// Counts one value; what is above the bound counts as the bound.
    #[inline]
    pub(super) fn record(&mut self, value: u64) {
        self.longest = self.longest.max(value);
        if value > self.bound {
            return self.saturate();
        }
        self.counts[index(value, self.bits)] += 1;
    }

    /// Counts a value several times.
    pub(super) fn record_many(&mut self, value: u64, count: u64) {
        self.longest = self.longest.max(value);
        self.counts[index(value.min(self.bound), self.bits)] += count;
    }

    #[cold]
    fn saturate(&mut self) {
        self.saturated += 1;
        self.counts[index(self.bound, self.bits)] += 1;
    }

    /// Adds another's counts.
    pub(super) fn add(&mut self, other: &Self) {
        assert_eq!((self.bound, self.bits), (other.bound, other.bits), "all threads of a run have the same bound");
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
        self.longest = self.longest.max(other.longest);
        self.saturated += other.saturated;
    }

    /// Each bucket that is not empty: its largest value, and its count; ascending.
    pub(super) fn recorded(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(|(index, &count)| (largest(index, self.bits).min(self.bound), count))
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn bound(&self) -> u64 {
        self.bound
    }

    /// The longest that was recorded, exactly.
    pub(super) fn longest(&self) -> u64 {
        self.longest
    }

    /// How many were above the bound.
    pub(super) fn saturated(&self) -> u64 {
        self.saturated
    }

    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
        (self.longest, self.saturated) = (0, 0);
    }
}

#[inline(always)]
fn index(value: u64, bits: u32) -> usize {
    let least = (2 << bits) - 1;
    let shift = (u64::BITS - 1 - bits) - (value | least).leading_zeros();
    ((shift as usize) << bits) + (value >> shift) as usize
}

/// The largest value of a bucket.
fn largest(index: usize, bits: u32) -> u64 {
    let shift = (index >> bits).saturating_sub(1);
    let value = (index - (shift << bits)) as u64;
    (value << shift) | ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_are_narrow() {
        for bits in [7, 10] {
            let mut next = 0;
            for index_wanted in 0..(30 << bits) {
                let last = largest(index_wanted, bits);
                assert_eq!((index(next, bits), index(last, bits)), (index_wanted, index_wanted), "{next} to {last}");
                assert!((last - next) <= next >> bits, "{next} to {last} with {bits} bits");
                next = last + 1;
            }
        }
    }

    #[test]
    fn everything_is_counted_and_the_longest_is_exact() {
        let mut recorder = Recorder::new(1_000_000, 10);
        (0..3_000_000).step_by(1000).for_each(|value| recorder.record(value));
        assert_eq!((recorder.count(), recorder.saturated(), recorder.longest()), (3_000, 1_999, 2_999_000));
        assert_eq!(recorder.recorded().last(), Some((1_000_000, 2_000)));
        let mut twice = recorder.clone();
        twice.add(&recorder);
        assert_eq!(twice.count(), 6_000);
        twice.clear();
        assert_eq!((twice.count(), twice.longest()), (0, 0));
    }
}
