//! The publication window: under a burst, a short wait gathers more publications into one send per subscriber.
//!
//! It opens only while publications arrive faster than they are fanned out: the turn has some, and a look at the ring without
//! waiting brings more. Each wait is a quarter of what the last fan-out took, at most `publish_window_max`, and all of them
//! together take no longer than that fan-out. A lone message never meets it.

use std::io;
use std::time::Duration;

use super::Shard;
use crate::handler::Handler;
use crate::ring::{Ring, Wait};

/// Fan-outs smaller than this are not worth a system call.
pub(super) const SENDS_MIN: usize = 8;

/// Batches stop growing here: longer ones gain nothing and leave the cache.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// What the last fan-out cost, which is what a wait can save.
#[derive(Debug)]
pub(super) struct Window {
    max: Duration,
    fan_out: Duration,
}

impl Window {
    pub(super) fn new(max: Duration) -> Self {
        // Until one was timed, a fan-out is taken to be worth one wait.
        Self { max, fan_out: max }
    }

    /// Notes how long a fan-out took, its system call included.
    pub(super) fn note_fan_out(&mut self, took: Duration) {
        self.fan_out = took;
    }

    /// One wait: short against what it may save.
    fn wait(&self) -> Duration {
        self.max.min(self.fan_out / 4)
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Takes in more publications while they keep coming, for no longer than the last fan-out took.
    pub(super) fn gather(&mut self) -> io::Result<()> {
        if self.window.max.is_zero() || !self.local.topics.is_dirty() {
            return Ok(());
        }
        let deadline = self.ring.now() + self.window.fan_out;
        let mut wait = Wait::No;
        loop {
            let (sends, bytes) = self.local.topics.pending();
            if sends < SENDS_MIN || bytes > BATCH_BYTES_MAX {
                return Ok(());
            }
            let before = self.local.counters.publications;
            self.ring.submit(wait)?;
            self.run_completions();
            if self.local.counters.publications == before || self.ring.now() >= deadline {
                return Ok(());
            }
            self.local.counters.windows += 1;
            wait = Wait::Window { count: self.completions_max as u32, window: self.window.wait() };
        }
    }
}
