//! What the threads of a run and the one that watches them tell each other.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::Shape;

/// From the moment when all connections are open to the first message: so that every thread hears of it.
const LEAD: Duration = Duration::from_millis(30);

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connections are being opened.
    Opening,
    /// There is load, and nothing is counted.
    WarmUp,
    /// What is measured.
    Window,
    /// Nothing new is sent.
    Drain,
}

/// What a run's threads share.
#[derive(Debug)]
pub struct Shared {
    threads: u32,
    warm_up: Duration,
    window: Duration,
    drain_max: Duration,
    began: Instant,
    start: OnceLock<Instant>,
    /// Threads that have opened what they were to.
    ready: AtomicU32,
    /// Threads of which everything came.
    drained: AtomicU32,
    stopped: AtomicBool,
    /// The end of the window was watched.
    end_seen: AtomicBool,
    changes: Mutex<u64>,
    changed: Condvar,
    /// Connections that are open.
    pub open: AtomicU64,
    /// Connections that failed to open, or were lost.
    pub failed: AtomicU64,
    /// Messages that came.
    pub received: AtomicU64,
    /// Largest p99 of the threads' newest seconds since somebody took it, in nanoseconds; 0 if nobody knows.
    pub p99: AtomicU64,
}

/// Ends the run when a thread ends, for whatever reason: the others would wait for it.
pub(super) struct StopGuard<'a>(pub(super) &'a Shared);

impl Drop for StopGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() || self.0.start.get().is_none() {
            self.0.stop();
        }
    }
}

impl Shared {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            threads: shape.threads,
            warm_up: shape.warm_up,
            window: shape.window,
            drain_max: shape.drain_max,
            began: Instant::now(),
            start: OnceLock::new(),
            ready: AtomicU32::new(0),
            drained: AtomicU32::new(0),
            stopped: AtomicBool::new(false),
            end_seen: AtomicBool::new(false),
            changes: Mutex::new(0),
            changed: Condvar::new(),
            open: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            received: AtomicU64::new(0),
            p99: AtomicU64::new(0),
        }
    }

    /// How far the run is at `now`.
    pub fn phase(&self, now: Instant) -> Phase {
        match self.start.get().map(|&start| now.saturating_duration_since(start)) {
            None => Phase::Opening,
            Some(since) if since < self.warm_up => Phase::WarmUp,
            Some(since) if since < self.warm_up + self.window => Phase::Window,
            Some(_) => Phase::Drain,
        }
    }

    /// When the run started, or will.
    pub fn start(&self) -> Option<Instant> {
        self.start.get().copied()
    }

    /// When the first connection was asked for.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The part of the run that is measured, in nanoseconds since its start.
    pub fn window(&self) -> std::ops::Range<u64> {
        let from = self.warm_up.as_nanos() as u64;
        from..from + self.window.as_nanos() as u64
    }

    /// Ends the run before its time.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the run was ended before its time.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Starts the run when every thread is ready.
    pub(super) fn advance(&self, now: Instant) {
        if self.ready.load(Ordering::Acquire) == self.threads {
            self.start.get_or_init(|| now + LEAD);
        }
    }

    /// Sleeps, at most so long, until a thread has news or the phase changes.
    pub(super) fn wait_for_change(&self, at_most: Duration) {
        let now = Instant::now();
        let until =
            |at: Option<Instant>| at.and_then(|at| at.checked_duration_since(now)).filter(|left| !left.is_zero());
        let start = self.start();
        let edges = [start, start.map(|at| at + self.warm_up), start.map(|at| at + self.warm_up + self.window)];
        let wait = edges.into_iter().filter_map(until).fold(at_most, Duration::min);
        let changes = self.changes.lock().expect("nobody panics with it");
        let before = *changes;
        let _ = self.changed.wait_timeout_while(changes, wait, |changes| *changes == before);
    }

    pub(super) fn note_ready(&self) {
        self.ready.fetch_add(1, Ordering::Release);
        self.note_change();
    }

    /// Says that the end of the window was watched: connections stay open until then, since a server is looked at with them.
    pub(super) fn note_end_seen(&self) {
        self.end_seen.store(true, Ordering::Relaxed);
    }

    pub(super) fn note_drained(&self) {
        self.drained.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether nothing is worth waiting for any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let Some(start) = self.start() else { return self.is_stopped() };
        let end = start + self.warm_up + self.window;
        self.is_stopped()
            || (self.end_seen.load(Ordering::Relaxed) && self.drained.load(Ordering::Relaxed) == self.threads)
            || now >= end + self.drain_max
    }

    fn note_change(&self) {
        *self.changes.lock().expect("nobody panics with it") += 1;
        self.changed.notify_all();
    }
}
