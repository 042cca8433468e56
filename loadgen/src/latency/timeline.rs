//! How times went over the run: a bucket for each second, or for 2, 4, 8, … seconds of a long run.
//!
//! The bucket that is being filled is a small histogram; one that is over is kept as the few values it holds, so that
//! the timelines of several threads can be merged and still have true percentiles. When there are too many buckets, each
//! two become one: memory is bounded, and no part of the run is lost.

use serde::{Deserialize, Serialize};

use super::recorder::Recorder;

const SECOND: u64 = 1_000_000_000;
/// Buckets that a timeline keeps: ten minutes of seconds.
const BUCKETS_MAX: usize = 600;
/// A hundredth is enough for a plot, and keeps a bucket small.
const BITS: u32 = 7;
/// Five minutes: what takes longer counts as this in percentiles. The longest is exact.
const BOUND: u64 = 300 * SECOND;

/// One bucket; all times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// When it begins, in seconds since the run's start.
    pub second: u64,
    /// How long it is, in seconds.
    pub seconds: u64,
    /// Times that were recorded in it.
    pub count: u64,
    /// Half of them were not longer.
    pub p50: u64,
    /// 99 % of them were not longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// Times by the moment when they were recorded.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// Length of a bucket, in seconds: a power of two.
    seconds: u64,
    /// Number of the bucket that `open` is; it begins at `current * seconds`.
    current: u64,
    open: Recorder,
    /// When that bucket ends.
    ends_at: u64,
    over: Vec<Over>,
}

/// A bucket that is over.
#[derive(Debug, Clone)]
struct Over {
    index: u64,
    longest: u64,
    /// The values that it holds, ascending, and how often.
    values: Vec<(u64, u64)>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { seconds: 1, current: 0, open: Recorder::new(BOUND, BITS), ends_at: SECOND, over: Vec::new() }
    }
}

impl Timeline {
    /// Records a time at the moment `now`; both in nanoseconds, `now` since the run's start and never less than before.
    #[inline]
    pub fn record(&mut self, now: u64, time: u64) {
        if now >= self.ends_at {
            self.turn_to(now);
        }
        self.open.record(time);
    }

    /// The newest bucket that is over at `now`, if something was recorded in it: what is told while the run goes on.
    pub fn newest(&mut self, now: u64) -> Option<Bucket> {
        if now >= self.ends_at {
            self.turn_to(now);
        }
        let newest = self.over.last()?;
        (newest.index + 1 == self.current).then(|| newest.told(self.seconds))
    }

    /// Adds what another thread recorded.
    pub fn merge(&mut self, mut other: Self) {
        self.close();
        other.close();
        while self.seconds < other.seconds {
            self.widen();
        }
        while other.seconds < self.seconds {
            other.widen();
        }
        self.current = self.current.max(other.current);
        self.over.append(&mut other.over);
        self.over.sort_by_key(|bucket| bucket.index);
        self.join_equal();
        while self.over.len() > BUCKETS_MAX {
            self.widen();
        }
    }

    /// All buckets in which something was recorded, in order.
    pub fn buckets(mut self) -> Vec<Bucket> {
        self.close();
        self.over.iter().map(|bucket| bucket.told(self.seconds)).collect()
    }

    #[cold]
    fn turn_to(&mut self, now: u64) {
        self.close();
        if self.over.len() >= BUCKETS_MAX {
            self.widen();
        }
        self.current = now / SECOND / self.seconds;
        self.ends_at = (self.current + 1) * self.seconds * SECOND;
        // After a widening the new moment may still be in the bucket that was just closed: it is opened again.
        if let Some(last) = self.over.pop_if(|last| last.index == self.current) {
            last.values.iter().for_each(|&(value, count)| self.open.record_many(value, count));
            self.open.record_many(last.longest, 0);
        }
    }

    fn close(&mut self) {
        let values: Vec<_> = self.open.recorded().collect();
        if values.is_empty() {
            return;
        }
        self.over.push(Over { index: self.current, longest: self.open.longest(), values });
        self.open.clear();
    }

    /// Makes each two neighbours one.
    fn widen(&mut self) {
        self.seconds *= 2;
        self.current /= 2;
        self.ends_at = (self.current + 1) * self.seconds * SECOND;
        self.over.iter_mut().for_each(|bucket| bucket.index /= 2);
        self.join_equal();
    }

    fn join_equal(&mut self) {
        self.over.dedup_by(|next, kept| {
            let same = next.index == kept.index;
            if same {
                kept.join(next);
            }
            same
        });
    }
}

impl Over {
    fn join(&mut self, other: &mut Self) {
        self.values.append(&mut other.values);
        self.values.sort_unstable();
        self.values.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        self.longest = self.longest.max(other.longest);
    }

    fn told(&self, seconds: u64) -> Bucket {
        let count = self.values.iter().map(|&(_, count)| count).sum();
        let at = |quantile: f64| self.at((quantile * count as f64).ceil() as u64);
        let second = self.index * seconds;
        Bucket { second, seconds, count, p50: at(0.5), p99: at(0.99), max: self.longest }
    }

    /// The value of the time with this rank; the first has rank 1.
    fn at(&self, rank: u64) -> u64 {
        let mut passed = 0;
        let found = self.values.iter().find(|&&(_, count)| {
            passed += count;
            passed >= rank
        });
        found.map_or(0, |&(value, _)| value.min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_close(got: u64, wanted: u64) {
        assert!(got.abs_diff(wanted) <= wanted / 50 + 1, "{got} instead of {wanted}");
    }

    #[test]
    fn each_second_has_its_own_figures() {
        let mut timeline = Timeline::default();
        for index in 0..3_000 {
            // 1,000 a second; the longest of second s takes s ms.
            timeline.record(index * 1_000_000, (index / 1000) * 1_000 * (index % 1000 + 1));
        }
        assert_eq!(timeline.newest(2_999_999_999).map(|bucket| bucket.second), Some(1));
        assert_eq!(timeline.newest(3_000_000_000).map(|bucket| bucket.second), Some(2));
        assert_eq!(timeline.newest(9_000_000_000), None, "nothing came in the last second");
        let buckets = timeline.buckets();
        assert_eq!(buckets.iter().map(|bucket| bucket.second).collect::<Vec<_>>(), [0, 1, 2]);
        for (index, bucket) in buckets.iter().enumerate() {
            assert_eq!((bucket.seconds, bucket.count, bucket.max), (1, 1000, index as u64 * 1_000_000));
            assert_close(bucket.p50, index as u64 * 500_000);
            assert_close(bucket.p99, index as u64 * 990_000);
        }
    }

    #[test]
    fn a_long_run_gets_longer_buckets_and_loses_nothing() {
        let mut timeline = Timeline::default();
        let seconds = 5_000;
        for second in 0..seconds {
            timeline.record(second * SECOND, second + 1);
            timeline.record(second * SECOND + 999_999_999, second + 1);
        }
        let buckets = timeline.buckets();
        assert!(buckets.len() <= BUCKETS_MAX, "{}", buckets.len());
        assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 2 * seconds);
        assert!(buckets.iter().all(|bucket| bucket.seconds == 16 && bucket.second % 16 == 0));
        assert!(buckets.is_sorted_by(|a, b| a.second < b.second && a.p50 < b.p50));
        assert_eq!(buckets[1].max, 32, "the seconds 16 to 31");
    }

    #[test]
    fn merged_threads_are_as_one() {
        let mut dice = fastrand::Rng::with_seed(5);
        let mut whole = Timeline::default();
        let mut parts = vec![Timeline::default(); 3];
        for step in 0..20_000 {
            let (now, time) = (step * 70_000_000, dice.u64(1..1_000_000_000));
            whole.record(now, time);
            // The last thread stops early, with shorter buckets than the others.
            let part = if step < 5_000 { dice.usize(..3) } else { dice.usize(..2) };
            parts[part].record(now, time);
        }
        let mut merged = parts.pop().unwrap();
        parts.into_iter().for_each(|part| merged.merge(part));
        assert_eq!(merged.buckets(), whole.buckets());
    }
}
