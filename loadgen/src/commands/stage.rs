//! What every command's runs have around them: the watched server, and the line of progress.

use std::io::Stderr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::cli::{Common, THREADS_MAX};
use crate::live::{Live, Progress};
use crate::report::{Connections, Group, Report, ServerUse, ThreadUse};
use crate::run::{self, Finished, FleetOutcome, Load, Phase, Shape, Shared};
use crate::watched::Watched;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Of the limit on open files, what a ring has beside its connections and an eighth of them.
const RING_SPARE: u64 = 128;

/// Watches one run.
struct Stage {
    watched: Option<Watched>,
    used: Option<ServerUse>,
    phase: Phase,
    live: Option<Live<Stderr>>,
    told: Instant,
    received: u64,
    warm_up: Duration,
    length: Duration,
}

/// Runs the load, watching the server if its pid was given.
///
/// # Errors
/// When there is no such server process, or no ring.
pub(super) fn perform<L: Load>(
    common: &Common,
    shape: &Shape,
    make: impl FnMut(u32, u32, u32) -> L,
) -> anyhow::Result<(Finished<L::Outcome>, Option<ServerUse>)> {
    let mut stage = Stage {
        watched: common.server_pid.map(Watched::attach).transpose()?,
        used: None,
        phase: Phase::Opening,
        live: (!common.outputs.quiet).then(Live::stderr),
        told: Instant::now(),
        received: 0,
        warm_up: shape.warm_up,
        length: shape.window,
    };
    let finished = run::run(shape, make, |shared| stage.watch(shared));
    if let Some(live) = &mut stage.live {
        // A terminal that is gone needs no cleaning.
        let _ = live.clear();
    }
    Ok((finished?, stage.used))
}

impl Stage {
    fn watch(&mut self, shared: &Shared) {
        let now = Instant::now();
        let phase = shared.phase(now);
        if let Err(error) = self.follow(phase) {
            eprintln!("ringwire-load: {error}");
            self.watched = None;
        }
        self.phase = phase;
        if now.duration_since(self.told) >= TELL_EVERY {
            self.tell(shared, now);
        }
    }

    /// The server's window is the run's.
    fn follow(&mut self, phase: Phase) -> Result<(), crate::watched::WatchError> {
        let Some(watched) = &mut self.watched else { return Ok(()) };
        if self.phase < Phase::Window && phase == Phase::Window {
            watched.begin()?;
        }
        if self.phase == Phase::Window && phase > Phase::Window {
            self.used = self.watched.take().map(Watched::finish).transpose()?;
            return Ok(());
        }
        watched.sample().map(drop)
    }

    fn tell(&mut self, shared: &Shared, now: Instant) {
        let received = shared.received.load(Ordering::Relaxed);
        // Of the threads the largest since it was told last, and none when none had any.
        let p99 = shared.p99.swap(0, Ordering::Relaxed);
        let progress = Progress {
            elapsed: shared.start().map_or(Duration::ZERO, |start| now.saturating_duration_since(start + self.warm_up)),
            length: shared.start().map_or(Duration::ZERO, |_| self.length),
            rate: (received - self.received) as f64 / now.duration_since(self.told).as_secs_f64(),
            p99: (p99 > 0).then_some(p99),
            connections: shared.open.load(Ordering::Relaxed),
            failed: shared.failed.load(Ordering::Relaxed),
        };
        (self.told, self.received) = (now, received);
        if let Some(live) = &mut self.live {
            let _ = live.tell(&progress);
        }
    }
}

/// A limit on open files that is too low: each ring may have so many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{connections} connections need a higher limit on open files than {limit}, even on {THREADS_MAX} threads: raise it with \
     `ulimit -n {needed}`, or ask for fewer"
)]
pub struct ThreadsError {
    connections: u32,
    limit: u64,
    needed: u64,
}

/// Threads for so many connections: what was asked for, or more where one ring could not hold its share of them.
///
/// # Errors
/// [`ThreadsError`] when there would be too many.
pub(super) fn threads(common: &Common, connections: u32) -> Result<u32, ThreadsError> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    threads_within(limit, common.threads, connections)
}

fn threads_within(limit: u64, wanted: u32, connections: u32) -> Result<u32, ThreadsError> {
    let each = limit.saturating_sub(RING_SPARE) / 9 * 8;
    let least = u64::from(connections).div_ceil(each.max(1));
    match u32::try_from(least) {
        Ok(least) if each > 0 && least <= THREADS_MAX => Ok(wanted.max(least)),
        _ => {
            // The least that will do: what there may be at all is not far above some needs.
            let on_each = u64::from(connections).div_ceil(THREADS_MAX.into());
            let needed = on_each.div_ceil(8) * 9 + RING_SPARE;
            Err(ThreadsError { connections, limit, needed })
        }
    }
}

/// A group of what a run found out of its connections and bytes; the command fills in the rest.
pub(super) fn group<O>(name: &str, shape: &Shape, finished: &Finished<O>) -> Group {
    let FleetOutcome { wanted, opened, lost, handshake, .. } = &finished.fleet;
    let mut group = Group {
        name: name.to_owned(),
        connections: Connections { wanted: *wanted, opened: *opened, lost: *lost },
        seconds: shape.window.as_secs_f64(),
        bytes_in: finished.bytes.0,
        bytes_out: finished.bytes.1,
        requests: *opened,
        ..Group::default()
    };
    group.latencies.handshake = handshake.as_ref().and_then(|latency| latency.summary());
    group
}

/// Says why connections did not open or were lost, and adds what the generator used beside the server in this run.
pub(super) fn note<O>(report: &mut Report, finished: &Finished<O>, used: Option<&ServerUse>) {
    for (reason, count) in &finished.fleet.failures {
        eprintln!("ringwire-load: {count} connections: {reason}");
    }
    let server_share = used.map(|used| used.busiest_thread);
    report.generator.threads.extend(finished.threads.iter().map(|thread| ThreadUse { server_share, ..thread.clone() }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_as_many_as_rings_need() {
        assert_eq!(threads_within(1024, 1, 50), Ok(1));
        assert_eq!(threads_within(1024, 3, 50), Ok(3));
        assert_eq!(threads_within(1024, 1, 10_000), Ok(13));
        assert_eq!(threads_within(u64::MAX, 1, u32::MAX), Ok(1));
        for (limit, wanted, connections) in [(100, 1, 50), (0, 1, 1), (1024, 4, 1_000_000)] {
            let error = threads_within(limit, wanted, connections).unwrap_err();
            assert!(error.to_string().contains(&format!("`ulimit -n {}`", error.needed)), "{error}");
            assert!(threads_within(error.needed, wanted, connections).is_ok(), "the advice is enough");
        }
    }
}
