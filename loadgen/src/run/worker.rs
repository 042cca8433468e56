//! One thread of a run: its ring, its connections, and the loop that drives its load.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use ringwire::client::{Client, ClientHandler, ConnId, Conns, End};
use ringwire::proto::{CloseCode, Message};

use super::{Ended, Fleet, FleetOutcome, Load, Phase, Shape, Shared, client_config};
use crate::report::ThreadUse;
use crate::watched::ThreadShare;

/// Connections of one thread that may be opening at a time: servers have a backlog of some hundreds to some thousands.
const OPENING_MAX: u32 = 256;

/// How long a turn waits at most, so that the run's end is noticed.
const WAIT_MAX: Duration = Duration::from_millis(20);

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// How long closing handshakes may take at the end.
const CLOSE_MAX: Duration = Duration::from_secs(3);

pub(super) struct Worker<'a, L> {
    client: Client,
    crew: Crew<'a, L>,
}

/// What the callbacks work on.
struct Crew<'a, L> {
    shape: &'a Shape,
    shared: &'a Shared,
    fleet: Fleet,
    load: L,
    /// By index: whether it is open.
    open: Vec<bool>,
    opening: u32,
    /// The next connection that is to be asked for.
    next: u32,
    /// Connections to open again.
    again: Vec<u32>,
    start: Option<Instant>,
    /// When this turn began, in nanoseconds since the run's start.
    now: u64,
    received: u64,
    told: (Instant, u64),
    closing: bool,
}

/// What one thread found out.
pub(super) struct Done<O> {
    pub(super) outcome: O,
    pub(super) fleet: FleetOutcome,
    pub(super) bytes: (u64, u64),
    pub(super) usage: ThreadUse,
}

impl<'a, L: Load> Worker<'a, L> {
    pub(super) fn new(shape: &'a Shape, shared: &'a Shared, load: L, first: u32, count: u32) -> anyhow::Result<Self> {
        let client = Client::new(&client_config(shape, count)).with_context(|| {
            format!(
                "no ring for {count} connections: io_uring must be allowed (`ringwire check` says more), and the limit on open \
                 files above that number"
            )
        })?;
        client.wait_precisely();
        let now = Instant::now();
        let crew = Crew {
            shape,
            shared,
            fleet: Fleet::new(first, count, now),
            load,
            open: vec![false; count as usize],
            opening: 0,
            next: 0,
            again: Vec::new(),
            start: None,
            now: 0,
            received: 0,
            told: (now, 0),
            closing: false,
        };
        Ok(Self { client, crew })
    }

    /// Goes through all phases.
    pub(super) fn run(mut self, thread: u32) -> anyhow::Result<Done<L::Outcome>> {
        if self.crew.shape.opens_all {
            self.open_all()?;
            self.settle()?;
        }
        self.crew.shared.note_ready();
        while self.crew.shared.start().is_none() && !self.crew.shared.is_stopped() {
            self.turn()?;
        }
        self.crew.start = self.crew.shared.start();
        self.load_until(Phase::Window)?;
        let (share, before) = (ThreadShare::begin(), self.client.conns().bytes());
        self.load_until(Phase::Drain)?;
        let usage = ThreadUse {
            name: format!("load-{thread}"),
            cpu_share: share.so_far(),
            waited_share: share.waited(),
            ..ThreadUse::default()
        };
        let after = self.client.conns().bytes();
        self.drain()?;
        self.close_all()?;
        let bytes = (after.0 - before.0, after.1 - before.1);
        Ok(Done { outcome: self.crew.load.finish(), fleet: self.crew.fleet.finish(), bytes, usage })
    }

    fn open_all(&mut self) -> anyhow::Result<()> {
        while !self.crew.has_opened_all() && !self.crew.shared.is_stopped() {
            self.crew.open_due(self.client.conns());
            self.turn()?;
        }
        Ok(())
    }

    /// Waits for what was asked for first on the connections that opened.
    fn settle(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.crew.shape.open_timeout;
        while !self.crew.load.is_ready() && !self.crew.shared.is_stopped() {
            anyhow::ensure!(
                Instant::now() < deadline,
                "connections opened, and what was asked for on them was not answered in time: look what the server says, or give \
                 it more --connect-timeout"
            );
            self.turn()?;
        }
        Ok(())
    }

    /// Runs the load until `phase`.
    fn load_until(&mut self, phase: Phase) -> anyhow::Result<()> {
        while self.crew.shared.phase(Instant::now()) < phase && !self.crew.shared.is_stopped() {
            self.turn()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        let mut told = false;
        while !self.crew.shared.is_over(Instant::now()) {
            if !told && self.crew.load.is_drained(self.crew.nanoseconds(Instant::now())) {
                told = true;
                self.crew.shared.note_drained();
            }
            self.turn()?;
        }
        Ok(())
    }

    fn close_all(&mut self) -> anyhow::Result<()> {
        self.crew.closing = true;
        for index in 0..self.crew.fleet.count() {
            if let Some(id) = self.crew.fleet.id(index) {
                self.client.conns().close(id, CloseCode::NORMAL, "");
            }
        }
        let deadline = Instant::now() + CLOSE_MAX;
        while self.client.conns().count() > 0 && Instant::now() < deadline {
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> anyhow::Result<()> {
        let wait = self.crew.wait(Instant::now());
        self.client.turn(&mut self.crew, Some(wait)).context("the ring failed")
    }
}

impl<L: Load> Crew<'_, L> {
    fn has_opened_all(&self) -> bool {
        self.next == self.fleet.count() && self.opening == 0
    }

    /// Asks for what the ramp allows by now.
    fn open_due(&mut self, conns: &mut Conns) {
        let (since, rate) = (self.shared.began().elapsed().as_secs_f64(), self.shape.connect_rate.as_f64());
        let allowed = (since * rate / f64::from(self.shape.threads)) as u32;
        let allowed = allowed.saturating_add(1).min(self.fleet.count());
        while self.opening < OPENING_MAX && self.next < allowed {
            self.next += 1;
            self.open_one(conns, self.next - 1);
        }
    }

    fn open_one(&mut self, conns: &mut Conns, index: u32) {
        match self.load.open(conns, index) {
            Ok(id) => {
                self.opening += 1;
                self.fleet.note_asked(index, id, Instant::now());
            }
            Err(error) => {
                self.shared.failed.fetch_add(1, Ordering::Relaxed);
                self.fleet.note_failure(false, error.to_string());
            }
        }
    }

    /// Until something is due.
    fn wait(&self, now: Instant) -> Duration {
        if self.closing {
            return WAIT_MAX;
        }
        if !self.again.is_empty() {
            return Duration::ZERO;
        }
        let Some(start) = self.start else { return if self.opening > 0 { WAIT_MAX / 10 } else { WAIT_MAX / 20 } };
        let next = self.load.next_at().map(|at| start + Duration::from_nanos(at));
        next.map_or(WAIT_MAX, |at| at.saturating_duration_since(now).min(WAIT_MAX))
    }

    #[inline]
    fn nanoseconds(&self, now: Instant) -> u64 {
        self.start.map_or(0, |start| now.saturating_duration_since(start).as_nanos() as u64)
    }

    fn tell_progress(&mut self, now: Instant) {
        let (_, before) = self.told;
        self.shared.received.fetch_add(self.received - before, Ordering::Relaxed);
        self.told = (now, self.received);
        let nanoseconds = self.nanoseconds(now);
        if let Some(p99) = self.load.newest_p99(nanoseconds) {
            self.shared.p99.fetch_max(p99, Ordering::Relaxed);
        }
    }
}

impl<L: Load> ClientHandler for Crew<'_, L> {
    #[inline]
    fn on_wake(&mut self, conns: &mut Conns) {
        self.now = self.nanoseconds(conns.now());
    }

    fn on_open(&mut self, conns: &mut Conns, id: ConnId, _protocol: Option<&str>) {
        let index = self.fleet.index(id);
        self.opening -= 1;
        self.open[index as usize] = true;
        self.fleet.note_opened(index, conns.now());
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        self.load.on_open(conns, index, self.now);
    }

    #[inline]
    fn on_message(&mut self, conns: &mut Conns, id: ConnId, message: Message<'_>) {
        self.received += 1;
        self.load.on_message(conns, self.fleet.index(id), message, self.now);
    }

    #[inline]
    fn on_bytes(&mut self, conns: &mut Conns, id: ConnId, bytes: &[u8]) {
        self.received += self.load.on_bytes(conns, self.fleet.index(id), bytes, self.now);
    }

    fn on_close(&mut self, _conns: &mut Conns, id: ConnId, end: End<'_>) {
        let index = self.fleet.index(id);
        self.fleet.note_ended(index);
        let was_open = std::mem::take(&mut self.open[index as usize]);
        if was_open {
            self.shared.open.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.opening -= 1;
        }
        if self.closing {
            return;
        }
        match self.load.on_close(index, self.now) {
            Ended::Reopen => self.again.push(index),
            Ended::Expected => {}
            Ended::Failure => {
                self.shared.failed.fetch_add(1, Ordering::Relaxed);
                self.fleet.note_failure(was_open, end.to_string());
            }
        }
    }

    #[inline]
    fn on_turn(&mut self, conns: &mut Conns) {
        if self.closing {
            return;
        }
        while let Some(index) = self.again.pop() {
            self.open_one(conns, index);
        }
        let now = Instant::now();
        if self.start.is_some_and(|start| now >= start) {
            let since = self.nanoseconds(now);
            while let Some(index) = self.load.wants(since) {
                self.open_one(conns, index);
            }
            self.load.on_turn(conns, &self.fleet, since);
        }
        if self.load.has_failed() {
            self.shared.stop();
        }
        if now.saturating_duration_since(self.told.0) > TELL_EVERY {
            self.tell_progress(now);
        }
    }
}
