//! Where a simulation's decisions come from: a seed, or the bytes of a fuzzer. The same source makes the same run.

use std::collections::VecDeque;

/// Decides.
#[derive(Debug)]
pub(crate) struct Dice {
    /// Used up first.
    bytes: VecDeque<u8>,
    random: fastrand::Rng,
}

impl Dice {
    #[cfg(test)]
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { bytes: VecDeque::new(), random: fastrand::Rng::with_seed(seed) }
    }

    /// Each decision takes a byte or two; what comes after the last byte is the same for all inputs of this length.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let random = fastrand::Rng::with_seed(bytes.len() as u64);
        Self { bytes: bytes.iter().copied().collect(), random }
    }

    /// Another source, for a part of the simulation that decides by itself.
    pub(crate) fn split(&mut self) -> Self {
        let half = self.bytes.len() / 2;
        Self { bytes: self.bytes.split_off(half), random: self.random.fork() }
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let Some(low) = self.bytes.pop_front() else { return self.random.usize(..end) };
        let high = if end > 256 { self.bytes.pop_front().unwrap_or(0) } else { 0 };
        (usize::from(high) * 256 + usize::from(low)) % end
    }

    /// A number of the range, both ends included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1000) < per_mille as usize
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.random.shuffle(items);
    }
}
