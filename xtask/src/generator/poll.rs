//! Finds the connections that are ready: spinning, so that no wake-up of ours is charged to the server, or asleep.
//!
//! Remote clients cost a server no wake-ups either. Time spent spinning on nothing is kept apart, so that a generator that
//! does not keep up with its server still shows.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::SILENCE_MAX;
use crate::sys::{self, Epoll};

const SLEEP_MAX: Duration = Duration::from_millis(200);

pub(super) struct Poll {
    epoll: Epoll,
    sleeps: bool,
    /// CPU time that brought nothing.
    idle: Duration,
    ready: Vec<usize>,
}

impl Poll {
    pub(super) fn new<S: AsRawFd>(sockets: &[S], sleeps: bool) -> Result<Self> {
        let epoll = Epoll::new(sockets.len())?;
        for (index, socket) in sockets.iter().enumerate() {
            epoll.add(socket, index)?;
        }
        Ok(Self { epoll, sleeps, idle: Duration::ZERO, ready: Vec::new() })
    }

    /// Starts or stops watching for room to write.
    pub(super) fn watch_output(&self, socket: &impl AsRawFd, index: usize, output: bool) -> Result<()> {
        Ok(self.epoll.watch_output(socket, index, output)?)
    }

    /// Waits until something is ready; an error after too long a silence. `missing`: how many messages it is about.
    pub(super) fn wait(&mut self, missing: u64) -> Result<Vec<usize>> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.clear();
        ready.extend(self.epoll.wait(if self.sleeps { SLEEP_MAX } else { Duration::ZERO })?);
        if ready.is_empty() {
            self.wait_on(&mut ready, missing)?;
        }
        Ok(ready)
    }

    /// Gives the list back, so that the next wait allocates nothing.
    pub(super) fn recycle(&mut self, ready: Vec<usize>) {
        self.ready = ready;
    }

    fn wait_on(&mut self, ready: &mut Vec<usize>, missing: u64) -> Result<()> {
        let start = Instant::now();
        let before = sys::thread_cpu_time()?;
        while ready.is_empty() {
            ready.extend(self.epoll.wait(if self.sleeps { SLEEP_MAX } else { Duration::ZERO })?);
            if ready.is_empty() && start.elapsed() > SILENCE_MAX {
                bail!("{missing} messages did not come back within {SILENCE_MAX:?} of silence");
            }
        }
        self.idle += sys::thread_cpu_time()? - before;
        Ok(())
    }

    /// The CPU time that brought nothing since the last call.
    pub(super) fn take_idle(&mut self) -> Duration {
        std::mem::take(&mut self.idle)
    }
}
