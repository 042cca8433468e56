//! A run: connections on several threads, each with a ring of its own, and the phases that they go through together.
//!
//! ```text
//! open (ramp) ─► wait for the others ─► warm-up ─► window ─► drain ─► close
//! ```
//!
//! A [`Load`] says what one thread's connections send and makes something of what comes; all else is here: opening at a rate,
//! starting at one moment, waiting for what is due next, stopping. Times are nanoseconds since the run's start, which is
//! the start of the warm-up.

mod fleet;
mod shared;
mod site;
mod worker;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ringwire::client::{ClientConfig, ConnId, Conns};
use ringwire::proto::Message;

pub use self::fleet::{Fleet, FleetOutcome};
pub use self::shared::{Phase, Shared};
pub use self::site::Site;
use self::worker::Worker;
use crate::report::ThreadUse;
use crate::schedule::Rate;

/// What a run is, whatever it sends.
#[derive(Debug, Clone)]
pub struct Shape {
    /// What is opened, and how many of it.
    pub connections: u32,
    /// Threads that share the connections; each has its own ring.
    pub threads: u32,
    /// Whether all are opened before the run starts; else the load says [when](Load::wants).
    pub opens_all: bool,
    /// Connections begun per second.
    pub connect_rate: Rate,
    /// How long one connection may take to open.
    pub open_timeout: Duration,
    /// Load of which nothing is counted.
    pub warm_up: Duration,
    /// What is measured.
    pub window: Duration,
    /// How long is waited for what has not come at the end of the window.
    pub drain_max: Duration,
    /// Largest message that is taken, in bytes.
    pub message_bytes_max: usize,
}

/// What the end of a connection means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Something went wrong: it is counted and told.
    Failure,
    /// It was to end.
    Expected,
    /// It was to end, and is opened again at once.
    Reopen,
}

/// What the connections of one thread send, and what comes of it.
///
/// `index` counts the thread's connections from 0. Times are nanoseconds since the start of the run.
pub trait Load: Send + 'static {
    /// What a thread found out.
    type Outcome: Send;

    /// Begins to open the thread's connection `index`.
    ///
    /// # Errors
    /// Those of [`Conns::open`].
    fn open(&mut self, conns: &mut Conns, index: u32) -> io::Result<ConnId>;

    /// It is open.
    fn on_open(&mut self, conns: &mut Conns, index: u32, now: u64) {
        let _ = (conns, index, now);
    }

    /// A message came on it.
    fn on_message(&mut self, conns: &mut Conns, index: u32, message: Message<'_>, now: u64) {
        let _ = (conns, index, message, now);
    }

    /// Bytes came on it, if it is no WebSocket. How many messages were in them.
    fn on_bytes(&mut self, conns: &mut Conns, index: u32, bytes: &[u8], now: u64) -> u64 {
        let _ = (conns, index, bytes, now);
        0
    }

    /// It ended, or did not open. What that means.
    fn on_close(&mut self, index: u32, now: u64) -> Ended {
        let _ = (index, now);
        Ended::Failure
    }

    /// The next connection that is to be opened at `now`, of a load that [opens by itself](Shape::opens_all). To be asked again
    /// until there is none.
    fn wants(&mut self, now: u64) -> Option<u32> {
        let _ = now;
        None
    }

    /// Whether the run may start: all that was opened has also got what it asked for first, or never will.
    fn is_ready(&self) -> bool {
        true
    }

    /// Whether the run is to end before its time, because nothing can come of it.
    fn has_failed(&self) -> bool {
        false
    }

    /// Sends what is due at `now`. Called every turn from the start of the run to its end; `now` is read for this call.
    fn on_turn(&mut self, conns: &mut Conns, fleet: &Fleet, now: u64) {
        let _ = (conns, fleet, now);
    }

    /// When something is due next; `None` when nothing is before something comes.
    fn next_at(&self) -> Option<u64> {
        None
    }

    /// Whether everything came that is to come by `now`, so that the drain may end.
    fn is_drained(&self, now: u64) -> bool {
        let _ = now;
        true
    }

    /// p99 of the newest whole second, in nanoseconds, for the progress line.
    fn newest_p99(&mut self, now: u64) -> Option<u64> {
        let _ = now;
        None
    }

    /// What came out.
    fn finish(self) -> Self::Outcome;
}

/// What all threads found out.
#[derive(Debug)]
pub struct Finished<O> {
    /// Of each thread, in order.
    pub outcomes: Vec<O>,
    /// Of all connections.
    pub fleet: FleetOutcome,
    /// Bytes received and sent in the window.
    pub bytes: (u64, u64),
    /// CPU of each thread in the window.
    pub threads: Vec<ThreadUse>,
}

/// How many of `count` things thread `index` of `threads` has, and which is its first.
pub fn share(count: u32, threads: u32, index: u32) -> (u32, u32) {
    let (each, rest) = (count / threads, count % threads);
    (index * each + index.min(rest), each + u32::from(index < rest))
}

/// Runs `make(thread, first, count)` of each thread to its end. `watch` is called about ten times per second meanwhile, and at once
/// when the phase changes.
///
/// # Errors
/// A ring that cannot be had; the text says what mends it.
pub fn run<L: Load>(
    shape: &Shape,
    mut make: impl FnMut(u32, u32, u32) -> L,
    mut watch: impl FnMut(&Shared),
) -> anyhow::Result<Finished<L::Outcome>> {
    let shared = Arc::new(Shared::new(shape));
    let threads: Vec<_> = (0..shape.threads)
        .map(|thread| {
            let (first, count) = share(shape.connections, shape.threads, thread);
            let (load, shape, shared) = (make(thread, first, count), shape.clone(), Arc::clone(&shared));
            let run = move || {
                let _guard = shared::StopGuard(&shared);
                Worker::new(&shape, &shared, load, first, count)?.run(thread)
            };
            thread::Builder::new().name(format!("load-{thread}")).spawn(run)
        })
        .collect::<Result<_, _>>()?;
    while threads.iter().any(|thread| !thread.is_finished()) {
        shared.advance(Instant::now());
        // Before `watch` looks: it may take a while, and the window end meanwhile.
        let phase = shared.phase(Instant::now());
        watch(&shared);
        if phase == Phase::Drain {
            shared.note_end_seen();
        }
        shared.wait_for_change(Duration::from_millis(100));
    }
    let mut finished =
        Finished { outcomes: Vec::new(), fleet: FleetOutcome::default(), bytes: (0, 0), threads: Vec::new() };
    for thread in threads {
        let done = thread.join().map_err(|_| anyhow::anyhow!("a thread of the generator panicked"))??;
        finished.outcomes.push(done.outcome);
        finished.fleet.merge(done.fleet);
        finished.bytes = (finished.bytes.0 + done.bytes.0, finished.bytes.1 + done.bytes.1);
        finished.threads.push(done.usage);
    }
    Ok(finished)
}

/// The configuration of one thread's ring.
fn client_config(shape: &Shape, connections: u32) -> ClientConfig {
    ClientConfig {
        // Those that closed leave their place late.
        connections_max: connections + connections / 8 + 64,
        message_bytes_max: shape.message_bytes_max,
        send_queue_bytes_max: (4 * shape.message_bytes_max).max(4 << 20),
        open_timeout: shape.open_timeout,
        ..ClientConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_even_and_leave_nothing_out() {
        for (count, threads) in [(0, 1), (1, 3), (10, 3), (100_000, 7)] {
            let shares: Vec<_> = (0..threads).map(|index| share(count, threads, index)).collect();
            let mut next = 0;
            for &(first, count) in &shares {
                assert_eq!(first, next);
                next += count;
            }
            assert_eq!(next, count);
            let (least, most) = (shares.iter().map(|share| share.1).min(), shares.iter().map(|share| share.1).max());
            assert!(most.unwrap() - least.unwrap() <= 1);
        }
    }
}
