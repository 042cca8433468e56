//! The publication window: under load, a short wait gathers more publications into one send per subscriber.
//!
//! There are two such waits, of which a lone message meets neither, and together they take no longer than the last fan-out
//! took, nor than `publish_window_max`:
//!
//! - A rest, where publications come so steadily that fan-outs would take more than four fifths of the time. Then the next one
//!   begins a quarter as long after the last as that took.
//! - Steps, in a burst: the turn has publications, and a look at the ring without waiting brings more. Each is a quarter of
//!   what the last fan-out took, or 50 µs.

use std::io;
use std::time::{Duration, Instant};

use super::Shard;
use crate::handler::Handler;
use crate::ring::{Ring, Wait};

/// Fan-outs smaller than this are not worth a system call.
pub(super) const SENDS_MIN: usize = 8;

/// Batches stop growing here: longer ones gain nothing and leave the cache.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// The longest step.
const STEP_MAX: Duration = Duration::from_micros(50);

/// What the last fan-out cost, which is what a wait can save, and how fast publications came.
#[derive(Debug)]
pub(super) struct Window {
    max: Duration,
    fan_out: Duration,
    /// When the last fan-out ended.
    ended: Option<Instant>,
    /// Time from publication to publication, up to then.
    interval: Duration,
    /// Publications by then.
    publications: u64,
}

impl Window {
    pub(super) fn new(max: Duration) -> Self {
        // Until one was timed, a fan-out is taken to be worth one step.
        Self { max, fan_out: STEP_MAX, ended: None, interval: Duration::MAX, publications: 0 }
    }

    /// Notes that a fan-out took so long, its system call included, up to `end`, and that there were so many publications by then.
    pub(super) fn note_fan_out(&mut self, took: Duration, end: Instant, publications: u64) {
        let count = u32::try_from(publications - self.publications).unwrap_or(u32::MAX);
        let since = self.ended.map_or(Duration::MAX, |ended| end.saturating_duration_since(ended));
        self.interval = since / count.max(1);
        (self.fan_out, self.ended, self.publications) = (took, Some(end), publications);
    }

    /// The longest that publications are gathered.
    fn total(&self) -> Duration {
        self.max.min(self.fan_out)
    }

    /// How long from `now` on to rest, so that fan-outs take no more than four fifths of the time; `None` where nothing more is to be
    /// expected by then.
    fn rest(&self, now: Instant) -> Option<Duration> {
        let rest = self.max.min(self.fan_out / 4);
        let left = (self.ended? + rest).saturating_duration_since(now);
        (self.interval < 5 * rest && !left.is_zero()).then_some(left)
    }

    /// One step: short against what it may save.
    fn step(&self) -> Duration {
        STEP_MAX.min(self.total() / 4)
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Takes in more publications, where that pays.
    pub(super) fn gather(&mut self) -> io::Result<()> {
        if self.window.max.is_zero() || !self.local.topics.is_dirty() {
            return Ok(());
        }
        let now = self.ring.now();
        let deadline = now + self.window.total();
        let mut wait = self.window.rest(now).map_or(Wait::No, |rest| self.window_of(rest));
        while self.is_worth_a_wait() {
            let before = self.local.counters.publications;
            self.ring.submit(wait)?;
            self.run_completions();
            if self.local.counters.publications == before || self.ring.now() >= deadline {
                return Ok(());
            }
            self.local.counters.windows += 1;
            wait = self.window_of(self.window.step());
        }
        Ok(())
    }

    /// Whether the fan-out that is due costs enough, and may grow.
    fn is_worth_a_wait(&self) -> bool {
        let (sends, bytes) = self.local.topics.pending();
        sends >= SENDS_MIN && bytes <= BATCH_BYTES_MAX
    }

    fn window_of(&self, window: Duration) -> Wait {
        Wait::Window { count: self.completions_max as u32, window }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A window after fan-outs that took `took` and ended every `cycle`, with one publication each; and when the last one ended.
    fn steady(max: Duration, took: Duration, cycle: Duration) -> (Window, Instant) {
        let mut window = Window::new(max);
        let mut end = Instant::now();
        for publications in 1..=3 {
            end += cycle;
            window.note_fan_out(took, end, publications);
        }
        (window, end)
    }

    #[test]
    fn fan_outs_that_take_more_than_four_fifths_of_the_time_are_followed_by_a_rest() {
        let (window, end) = steady(20 * MS, 8 * MS, 9 * MS);
        assert_eq!(window.rest(end + MS / 2), Some(3 * MS / 2));
        assert_eq!(window.rest(end + 2 * MS), None, "it is over");
        let (window, end) = steady(20 * MS, 8 * MS, 10 * MS);
        assert_eq!(window.rest(end + MS), None, "they take four fifths");
    }

    #[test]
    fn what_comes_by_itself_does_not_wait() {
        let mut window = Window::new(20 * MS);
        let begin = Instant::now();
        assert_eq!(window.rest(begin), None);
        window.note_fan_out(8 * MS, begin, 1);
        assert_eq!(window.rest(begin), None, "nothing is known of how fast they come");
    }

    #[test]
    fn no_rest_is_longer_than_the_window() {
        let (window, end) = steady(2 * MS, 20 * MS, 9 * MS);
        assert_eq!(window.rest(end), Some(2 * MS));
        let (window, end) = steady(2 * MS, 20 * MS, 10 * MS);
        assert_eq!(window.rest(end), None, "that one more comes meanwhile is too unlikely");
    }

    #[test]
    fn several_publications_of_one_fan_out_come_faster_than_one() {
        let mut window = Window::new(20 * MS);
        let begin = Instant::now();
        window.note_fan_out(4 * MS, begin, 1);
        window.note_fan_out(4 * MS, begin + 12 * MS, 2);
        assert_eq!(window.rest(begin + 12 * MS), None);
        window.note_fan_out(4 * MS, begin + 24 * MS, 5);
        assert_eq!(window.rest(begin + 24 * MS), Some(MS));
    }
}
