//! How old what viewers show is, at every moment: now minus the publication of what is shown.
//!
//! Between two updates the age of what a viewer shows grows with the time, so what it was at evenly spaced moments follows from the
//! arrivals alone; no timer is needed, and none can be late. Each viewer's moments are shifted against the others', so that
//! they do not fall in step with the frames.

use std::ops::Range;

use super::echo::BOUND;
use crate::latency::{Latency, Timeline};

const SECOND: u64 = 1_000_000_000;
/// A sample each millisecond, until there are so many viewers that a thread would be busy with that.
const STEP: u64 = 1_000_000;
const VIEWERS_PER_STEP: u64 = 1000;

/// Of the viewers of one group on one thread.
#[derive(Debug)]
pub(super) struct Staleness {
    window: Range<u64>,
    step: u64,
    viewers: Vec<Viewer>,
    times: Latency,
    timeline: Timeline,
    /// Up to here every viewer's samples are taken when this time is over, so that the timeline goes forward.
    next_sweep: u64,
}

#[derive(Debug, Clone, Copy)]
struct Viewer {
    /// When that was published which it shows.
    shown: Option<u64>,
    next_sample: u64,
}

impl Staleness {
    /// Of `count` viewers, in `window` (nanoseconds since the run's start).
    pub(super) fn new(window: Range<u64>, count: u32) -> Self {
        let step = STEP * u64::from(count).div_ceil(VIEWERS_PER_STEP).max(1);
        let viewer = |number: u64| Viewer { shown: None, next_sample: window.start + step * number / u64::from(count) };
        Self {
            step,
            viewers: (0..u64::from(count)).map(viewer).collect(),
            times: Latency::new(BOUND),
            timeline: Timeline::default(),
            next_sweep: window.start + SECOND,
            window,
        }
    }

    /// A viewer shows at `now` what was published at `published`. `now` never goes back.
    pub(super) fn show(&mut self, viewer: u32, published: u64, now: u64) {
        self.advance(now);
        self.sample(viewer as usize, now);
        let shown = &mut self.viewers[viewer as usize].shown;
        // What comes late is not shown any more.
        *shown = Some(shown.map_or(published, |shown| shown.max(published)));
    }

    /// Takes the samples of all seconds that are over at `now`.
    pub(super) fn advance(&mut self, now: u64) {
        while self.next_sweep <= now.min(self.window.end) {
            (0..self.viewers.len()).for_each(|viewer| self.sample(viewer, self.next_sweep));
            self.next_sweep += SECOND;
        }
    }

    /// p99 of the newest second that is over.
    pub(super) fn newest_p99(&mut self, now: u64) -> Option<u64> {
        let now = now.checked_sub(self.window.start)?;
        self.timeline.newest(now).map(|bucket| bucket.p99)
    }

    /// All ages of the window: viewers go on to show what they had until its end.
    pub(super) fn close(mut self) -> (Latency, Timeline) {
        self.advance(self.window.end);
        (0..self.viewers.len()).for_each(|viewer| self.sample(viewer, self.window.end));
        (self.times, self.timeline)
    }

    fn sample(&mut self, viewer: usize, until: u64) {
        let (until, viewer) = (until.min(self.window.end), &mut self.viewers[viewer]);
        let Some(shown) = viewer.shown else {
            // Who shows nothing shows nothing old.
            let missed = until.saturating_sub(viewer.next_sample).div_ceil(self.step);
            viewer.next_sample += missed * self.step;
            return;
        };
        while viewer.next_sample < until {
            let age = viewer.next_sample.saturating_sub(shown);
            self.times.record(age);
            self.timeline.record(viewer.next_sample - self.window.start, age);
            viewer.next_sample += self.step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Frames each `frame`, which come to a viewer each `poll`, `delay` after it asked.
    fn polled(frame: u64, poll: u64, delay: u64) -> Staleness {
        let mut staleness = Staleness::new(SECOND..5 * SECOND, 1);
        for turn in 0..6 * SECOND / poll {
            let asked = turn * poll;
            staleness.show(0, asked / frame * frame, asked + delay);
        }
        staleness
    }

    #[test]
    fn the_mean_is_half_an_interval_and_the_delay_and_half_a_frame() {
        for (frame, poll, delay) in
            [(33_333_333, 250 * MS, 2 * MS), (33_333_333, 997 * MS, 0), (100 * MS, 7_300_000, MS / 2)]
        {
            let (times, _) = polled(frame, poll, delay).close();
            let summary = times.summary().unwrap();
            assert_eq!(summary.count, 4_000);
            let wanted = poll / 2 + delay + frame / 2;
            assert!(summary.mean.abs_diff(wanted) < wanted / 12, "{} instead of {wanted}", summary.mean);
            assert!(summary.max <= poll + delay + frame, "{}", summary.max);
        }
    }

    #[test]
    fn what_does_not_come_grows_old_until_the_end() {
        let mut staleness = Staleness::new(SECOND..3 * SECOND, 2);
        staleness.show(0, SECOND / 2, SECOND / 2 + MS);
        staleness.show(0, SECOND / 4, 2 * SECOND);
        let (times, timeline) = staleness.close();
        let summary = times.summary().unwrap();
        assert_eq!(summary.count, 2_000, "the other viewer never showed anything, and the late update was not shown");
        assert!(summary.max.abs_diff(2_499 * MS) <= MS, "{}", summary.max);
        assert!(summary.mean.abs_diff(1_500 * MS) < 5 * MS, "{}", summary.mean);
        let buckets = timeline.buckets();
        assert_eq!(
            buckets.iter().map(|bucket| (bucket.second, bucket.count)).collect::<Vec<_>>(),
            [(0, 1000), (1, 1000)]
        );
    }

    #[test]
    fn the_timeline_has_each_sample_in_its_second() {
        let mut staleness = Staleness::new(0..3 * SECOND, 2);
        (0..2).for_each(|viewer| staleness.show(viewer, 0, 0));
        // One viewer is quiet while the other goes on.
        (1..300).for_each(|turn| staleness.show(0, turn * 10 * MS, turn * 10 * MS));
        let buckets = staleness.close().1.buckets();
        assert!(buckets.iter().all(|bucket| bucket.count == 2_000), "{buckets:?}");
        assert_eq!(buckets.iter().map(|bucket| bucket.max / 100 / MS).collect::<Vec<_>>(), [9, 19, 29]);
    }

    #[test]
    fn many_viewers_are_sampled_less_often() {
        let mut staleness = Staleness::new(0..SECOND, 5_000);
        (0..5_000).for_each(|viewer| staleness.show(viewer, 0, 0));
        assert_eq!(staleness.close().0.count(), 1_000_000);
    }
}
