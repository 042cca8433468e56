//! Times as they were, all of them: a histogram that loses no tail, its summary, and its points for a plot.
//!
//! A value is kept to three digits. What is above the histogram's bound counts as the bound, and the summary tells how
//! often that was; the largest value itself is kept exactly.
//!
//! Not here: what was timed.

mod recorder;
mod timeline;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

pub use timeline::{Bucket, Timeline};

use self::recorder::Recorder;

const DIGITS: u8 = 3;
/// A thousandth, as the digits say.
const BITS: u32 = 10;
/// Points that a plot gets for each halving of the distance to 100 %.
const POINTS_PER_HALVING: u32 = 8;

/// The times of one thread, or of several merged, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Latency {
    times: Recorder,
}

impl Latency {
    /// A histogram of times up to `bound`; about 8 KiB for each doubling of the nanoseconds from 2,048 to it.
    ///
    /// # Panics
    ///
    /// When `bound` is shorter than 2 ns or longer than 584 years.
    pub fn new(bound: Duration) -> Self {
        let bound = u64::try_from(bound.as_nanos()).expect("less than 584 years");
        assert!(bound >= 2, "a bound of 2 ns or more");
        Self { times: Recorder::new(bound, BITS) }
    }

    /// Records one time, in nanoseconds.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        self.times.record(nanoseconds);
    }

    /// Adds what another thread recorded.
    ///
    /// # Panics
    ///
    /// When the two have different bounds.
    pub fn merge(&mut self, other: &Self) {
        self.times.add(&other.times);
    }

    /// The longest that was recorded, in nanoseconds.
    pub fn longest(&self) -> u64 {
        self.times.longest()
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.times.count()
    }

    fn histogram(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, self.times.bound(), DIGITS).expect("checked at the start");
        self.times.recorded().for_each(|(value, count)| histogram.saturating_record_n(value, count));
        histogram
    }

    /// The figures that are told of it; `None` when nothing was recorded.
    pub fn summary(&self) -> Option<Summary> {
        let (times, longest) = (self.histogram(), self.times.longest());
        let at = |quantile: f64| times.value_at_quantile(quantile).min(longest);
        let point = |quantile: f64, time: u64| Point { quantile, time: time.min(longest) };
        let steps = times.iter_quantiles(POINTS_PER_HALVING);
        (!times.is_empty()).then(|| Summary {
            count: times.len(),
            min: times.min(),
            mean: times.mean().round() as u64,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: longest,
            saturated: self.times.saturated(),
            points: steps.map(|step| point(step.quantile_iterated_to(), step.value_iterated_to())).collect(),
        })
    }
}

/// What is told of a histogram; all times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Recorded times.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// The arithmetic mean.
    pub mean: u64,
    /// Half of all were not longer.
    pub p50: u64,
    /// 90 % were not longer.
    pub p90: u64,
    /// 99 % were not longer.
    pub p99: u64,
    /// 99.9 % were not longer.
    pub p999: u64,
    /// 99.99 % were not longer.
    pub p9999: u64,
    /// The longest, exact even above the histogram's bound.
    pub max: u64,
    /// How many were above the histogram's bound; they count as the bound in all figures but `max`.
    pub saturated: u64,
    /// Times by share, for plots.
    pub points: Vec<Point>,
}

/// One point of a plot of times by percentile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Share of all times, 0 to 1, that were not longer.
    pub quantile: f64,
    /// The time, in nanoseconds.
    pub time: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn recorded(times: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new(SECOND);
        times.into_iter().for_each(|time| latency.record(time));
        latency
    }

    #[track_caller]
    fn assert_close(got: u64, wanted: u64) {
        assert!(got.abs_diff(wanted) <= wanted / 500 + 1, "{got} instead of {wanted}");
    }

    #[test]
    fn a_summary_tells_percentiles_to_three_digits() {
        let summary = recorded((1..=100_000).map(|time| time * 100)).summary().unwrap();
        assert_eq!((summary.count, summary.saturated), (100_000, 0));
        assert_eq!((summary.min, summary.max), (100, 10_000_000));
        assert_close(summary.mean, 5_000_050);
        assert_close(summary.p50, 5_000_000);
        assert_close(summary.p90, 9_000_000);
        assert_close(summary.p99, 9_900_000);
        assert_close(summary.p999, 9_990_000);
        assert_close(summary.p9999, 9_999_000);
        assert_eq!(recorded([]).summary(), None);
    }

    #[test]
    fn what_is_above_the_bound_is_counted_and_told() {
        let summary = recorded([1_000, 5_000_000_000]).summary().unwrap();
        assert_eq!((summary.count, summary.saturated, summary.max), (2, 1, 5_000_000_000));
        assert_close(summary.p99, 1_000_000_000);
    }

    #[test]
    fn merged_threads_are_as_one() {
        let mut dice = fastrand::Rng::with_seed(4);
        let times: Vec<u64> = (0..10_000).map(|_| 1 << dice.u32(4..33)).collect();
        let mut merged = recorded([]);
        for part in times.chunks(999) {
            merged.merge(&recorded(part.iter().copied()));
        }
        let (merged, whole) = (merged.summary().unwrap(), recorded(times).summary().unwrap());
        assert!(whole.saturated > 0, "some are above the bound");
        assert_eq!(merged, whole);
    }

    #[test]
    fn points_rise_to_the_longest() {
        let points = recorded((1..=10_000).map(|time| time * 1_000)).summary().unwrap().points;
        assert!(points.is_sorted_by(|a, b| a.quantile <= b.quantile && a.time <= b.time), "{points:?}");
        assert!((50..500).contains(&points.len()), "{}", points.len());
        assert_eq!(points.last().map(|point| (point.quantile, point.time)), Some((1.0, 10_000_000)));
    }
}
