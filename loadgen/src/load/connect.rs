//! Connections that come and go: each is opened at its planned time, held, and closed.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use ringwire::client::{ConnId, Conns};
use ringwire::proto::CloseCode;

use super::echo::BOUND;
use crate::latency::{Latency, Timeline};
use crate::run::{Ended, Fleet, Load, Site};
use crate::schedule::Open;

/// The connections of one thread. Places are taken in turn: one for each that is there at a time.
pub struct Connect {
    site: Site,
    first: u32,
    schedule: Open,
    hold: u64,
    /// What is measured, in nanoseconds since the run's start.
    window: Range<u64>,
    free: Vec<u32>,
    places: Vec<Place>,
    /// What was opened: when it is to be closed, its place and which holder of that it was; the first first.
    holding: VecDeque<(u64, u32, u64)>,
    outcome: Opened,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    planned: u64,
    began: u64,
    /// How many connections had the place, this one included.
    holder: u64,
    is_open: bool,
    is_closing: bool,
}

/// What one thread found out, of connections planned in the window.
#[derive(Debug)]
pub struct Opened {
    /// Planned.
    pub planned: u64,
    /// That opened.
    pub opened: u64,
    /// That had no place, here or in the ring, because too many did not end.
    pub crowded: u64,
    /// That ended before they were to.
    pub lost: u64,
    /// From the planned time to the end of the handshake.
    pub response: Latency,
    /// From the start of connecting to the end of the handshake.
    pub handshake: Latency,
    /// From the planned time to the start of connecting.
    pub offer_lag: Latency,
    /// Of the responses.
    pub timeline: Timeline,
}

impl Opened {
    fn new() -> Self {
        let latency = || Latency::new(BOUND);
        Self {
            planned: 0,
            opened: 0,
            crowded: 0,
            lost: 0,
            response: latency(),
            handshake: latency(),
            offer_lag: latency(),
            timeline: Timeline::default(),
        }
    }

    /// Adds another thread's.
    pub fn merge(&mut self, other: Self) {
        self.planned += other.planned;
        self.opened += other.opened;
        self.crowded += other.crowded;
        self.lost += other.lost;
        self.response.merge(&other.response);
        self.handshake.merge(&other.handshake);
        self.offer_lag.merge(&other.offer_lag);
        self.timeline.merge(other.timeline);
    }
}

impl Connect {
    /// The places from `first` on; what `schedule` says is opened, and closed after `hold` nanoseconds.
    pub fn new(site: Site, first: u32, count: u32, schedule: Open, hold: u64, window: Range<u64>) -> Self {
        Self {
            site,
            first,
            schedule,
            hold,
            window,
            free: (0..count).rev().collect(),
            places: vec![Place::default(); count as usize],
            holding: VecDeque::new(),
            outcome: Opened::new(),
        }
    }

    fn is_measured(&self, planned: u64) -> bool {
        self.window.contains(&planned)
    }
}

impl Load for Connect {
    type Outcome = Opened;

    fn open(&mut self, conns: &mut Conns, index: u32) -> io::Result<ConnId> {
        let opened = self.site.open_websocket(conns, self.first + index, &[]);
        if opened.is_err() {
            self.free.push(index);
            // The ring had no room: not the server's doing either.
            self.outcome.crowded += u64::from(self.is_measured(self.places[index as usize].planned));
        }
        opened
    }

    fn wants(&mut self, now: u64) -> Option<u32> {
        while let Some(due) = self.schedule.due(now) {
            let is_measured = self.is_measured(due.planned);
            self.outcome.planned += u64::from(is_measured);
            let Some(index) = self.free.pop() else {
                self.outcome.crowded += u64::from(is_measured);
                continue;
            };
            if is_measured {
                self.outcome.offer_lag.record(now - due.planned);
            }
            let place = &mut self.places[index as usize];
            *place = Place { planned: due.planned, began: now, holder: place.holder + 1, ..Place::default() };
            return Some(index);
        }
        None
    }

    fn on_open(&mut self, _conns: &mut Conns, index: u32, now: u64) {
        let place = &mut self.places[index as usize];
        place.is_open = true;
        let Place { planned, began, holder, .. } = *place;
        self.holding.push_back((now + self.hold, index, holder));
        if self.is_measured(planned) {
            let response = now.saturating_sub(planned);
            self.outcome.opened += 1;
            self.outcome.response.record(response);
            self.outcome.handshake.record(now.saturating_sub(began));
            self.outcome.timeline.record(now - self.window.start, response);
        }
    }

    fn on_turn(&mut self, conns: &mut Conns, fleet: &Fleet, now: u64) {
        while let Some((_, index, holder)) = self.holding.pop_front_if(|(until, ..)| *until <= now) {
            let place = &mut self.places[index as usize];
            // It may have ended meanwhile, and its place have a next holder.
            if let Some(id) = fleet.id(index).filter(|_| place.is_open && place.holder == holder) {
                place.is_closing = true;
                conns.close(id, CloseCode::NORMAL, "");
            }
        }
    }

    fn on_close(&mut self, index: u32, _now: u64) -> Ended {
        let place = self.places[index as usize];
        self.places[index as usize].is_open = false;
        self.free.push(index);
        if place.is_closing {
            return Ended::Expected;
        }
        self.outcome.lost += u64::from(place.is_open && self.is_measured(place.planned));
        Ended::Failure
    }

    fn next_at(&self) -> Option<u64> {
        let held = self.holding.front().map(|&(until, ..)| until);
        self.schedule.next_at().into_iter().chain(held).min()
    }

    fn is_drained(&self, _now: u64) -> bool {
        self.free.len() == self.places.len()
    }

    fn newest_p99(&mut self, now: u64) -> Option<u64> {
        let now = now.checked_sub(self.window.start)?;
        self.outcome.timeline.newest(now).map(|bucket| bucket.p99)
    }

    fn finish(self) -> Opened {
        self.outcome
    }
}
