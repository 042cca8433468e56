//! What every command's runs have around them: the watched server, and the line of progress.

use std::io::Stderr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::cli::Common;
use crate::live::{Live, Progress};
use crate::report::{Connections, Group, Report, ServerUse};
use crate::run::{self, Finished, FleetOutcome, Load, Phase, Shape, Shared};
use crate::watched::Watched;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Of the limit on open files, what a ring has beside its connections and an eighth of them.
const RING_SPARE: u32 = 128;

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
        let p99 = shared.p99.load(Ordering::Relaxed);
        let progress = Progress {
            elapsed: shared.start().map_or(Duration::ZERO, |start| now.saturating_duration_since(start + self.warm_up)),
            length: shared.start().map_or(Duration::ZERO, |_| self.length),
            rate: (received - self.received) as f64 / now.duration_since(self.told).as_secs_f64(),
            p99: (p99 > 0).then_some(p99),
            connections: shared.open.load(Ordering::Relaxed),
            errors: shared.failed.load(Ordering::Relaxed),
        };
        (self.told, self.received) = (now, received);
        if let Some(live) = &mut self.live {
            let _ = live.tell(&progress);
        }
    }
}

/// Threads for so many connections: what was asked for, or more where one ring could not hold its share of them.
pub(super) fn threads(common: &Common, connections: u32) -> u32 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let each = u32::try_from(limit).unwrap_or(u32::MAX).saturating_sub(RING_SPARE) / 9 * 8;
    common.threads.max(connections.div_ceil(each.max(1)))
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

/// Says why connections did not open or were lost, and adds what the generator used.
pub(super) fn note<O>(report: &mut Report, finished: &Finished<O>) {
    for (reason, count) in &finished.fleet.failures {
        eprintln!("ringwire-load: {count} connections: {reason}");
    }
    report.generator.threads.extend(finished.threads.iter().cloned());
}
