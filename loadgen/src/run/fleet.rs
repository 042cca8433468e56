//! The connections of one thread, by their index, and how they came to be.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ringwire::client::ConnId;

use crate::latency::Latency;

/// The longest handshake that is told apart from longer ones.
const HANDSHAKE_BOUND: Duration = Duration::from_secs(60);

/// Reasons that are told apart.
const REASONS_MAX: usize = 16;

/// The connections of one thread.
#[derive(Debug)]
pub struct Fleet {
    /// Number of its first connection among those of the run.
    first: u32,
    /// By index; `None` while it is not there.
    ids: Vec<Option<ConnId>>,
    /// By slot: the connection's index.
    indexes: Vec<u32>,
    /// By index: when it was asked for.
    asked_at: Vec<Instant>,
    outcome: FleetOutcome,
}

/// What became of connections.
#[derive(Debug, Default)]
pub struct FleetOutcome {
    /// Asked for.
    pub wanted: u64,
    /// Opened, at least once.
    pub opened: u64,
    /// Ended before they were to.
    pub lost: u64,
    /// From the start of connecting to the end of the handshake, nanoseconds.
    pub handshake: Option<Latency>,
    /// Why connections did not open or were lost, and how many.
    pub failures: BTreeMap<String, u64>,
}

impl Fleet {
    pub(super) fn new(first: u32, count: u32, now: Instant) -> Self {
        let outcome = FleetOutcome {
            wanted: u64::from(count),
            handshake: Some(Latency::new(HANDSHAKE_BOUND)),
            ..Default::default()
        };
        let (ids, asked_at) = (vec![None; count as usize], vec![now; count as usize]);
        Self { first, ids, indexes: Vec::new(), asked_at, outcome }
    }

    /// The connection, once it was asked for and until it ended.
    #[inline]
    pub fn id(&self, index: u32) -> Option<ConnId> {
        self.ids[index as usize]
    }

    /// How many there are to be.
    pub fn count(&self) -> u32 {
        self.ids.len() as u32
    }

    /// Number of the thread's first connection among those of the run.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// The connection's index.
    #[inline]
    pub(super) fn index(&self, id: ConnId) -> u32 {
        self.indexes[id.slot()]
    }

    pub(super) fn note_asked(&mut self, index: u32, id: ConnId, now: Instant) {
        if self.indexes.len() <= id.slot() {
            self.indexes.resize(id.slot() + 1, 0);
        }
        self.indexes[id.slot()] = index;
        self.ids[index as usize] = Some(id);
        self.asked_at[index as usize] = now;
    }

    pub(super) fn note_opened(&mut self, index: u32, now: Instant) {
        self.outcome.opened += 1;
        let took = now.saturating_duration_since(self.asked_at[index as usize]);
        if let Some(handshake) = &mut self.outcome.handshake {
            handshake.record(took.as_nanos() as u64);
        }
    }

    /// It ended, or did not open.
    pub(super) fn note_ended(&mut self, index: u32) {
        self.ids[index as usize] = None;
    }

    pub(super) fn note_failure(&mut self, was_open: bool, reason: String) {
        self.outcome.lost += u64::from(was_open);
        let reasons = &mut self.outcome.failures;
        let reason = if reasons.len() < REASONS_MAX || reasons.contains_key(&reason) { reason } else { "other".into() };
        *reasons.entry(reason).or_default() += 1;
    }

    pub(super) fn finish(self) -> FleetOutcome {
        self.outcome
    }
}

impl FleetOutcome {
    /// Adds another thread's.
    pub fn merge(&mut self, other: Self) {
        self.wanted += other.wanted;
        self.opened += other.opened;
        self.lost += other.lost;
        match (&mut self.handshake, other.handshake) {
            (Some(all), Some(other)) => all.merge(&other),
            (all @ None, other) => *all = other,
            (Some(_), None) => {}
        }
        for (reason, count) in other.failures {
            *self.failures.entry(reason).or_default() += count;
        }
    }
}
