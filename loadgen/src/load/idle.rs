//! Connections that are held, and of which each has to answer at the end.

use std::io;

use ringwire::client::{ConnId, Conns};
use ringwire::proto::Message;

use super::echo::BOUND;
use crate::latency::Latency;
use crate::ledger::{Checks, Ledger};
use crate::payload::{Codec, Form, Stamp};
use crate::run::{Fleet, Load, Site};

/// Echoes that are sent in one turn, so that answers are not timed behind very many sends.
const SENDS_PER_TURN: u32 = 256;

/// Room for the stamp of the text form, which every echo server takes.
const PAYLOAD_BYTES: usize = 64;

/// The connections of one thread.
pub struct Idle {
    site: Site,
    first: u32,
    count: u32,
    /// When they are asked, in nanoseconds since the run's start; never if they need not answer.
    asked_at: u64,
    is_verified: bool,
    /// The next that is asked.
    next: u32,
    outcome: Held,
    ledger: Ledger,
    codec: Codec,
}

/// What one thread found out.
#[derive(Debug)]
pub struct Held {
    /// Echoes sent.
    pub sent: u64,
    /// Echoes that came back.
    pub received: u64,
    /// How long each took.
    pub service: Latency,
    /// What was wrong.
    pub checks: Checks,
}

impl Held {
    /// Adds another thread's.
    pub fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.service.merge(&other.service);
        self.checks.merge(other.checks);
    }
}

impl Idle {
    /// The connections from `first` on; if `is_verified`, each has to send back a message after `held` nanoseconds.
    pub fn new(site: Site, run: u64, first: u32, count: u32, held: u64, is_verified: bool) -> Self {
        Self {
            site,
            first,
            count,
            asked_at: held,
            is_verified,
            next: 0,
            outcome: Held { sent: 0, received: 0, service: Latency::new(BOUND), checks: Checks::default() },
            ledger: Ledger::own(first, count),
            codec: Codec::new(Form::Text, run),
        }
    }

    fn ask(&mut self, conns: &mut Conns, fleet: &Fleet, index: u32, now: u64) {
        let mut payload = [0; PAYLOAD_BYTES];
        self.codec.write(Stamp { sequence: 0, sender: self.first + index, planned: now }, &mut payload);
        let text = std::str::from_utf8(&payload).expect("the text form is ASCII");
        let sent = fleet.id(index).is_some_and(|id| conns.send(id, Message::Text(text)).is_ok());
        self.outcome.sent += u64::from(sent);
    }
}

impl Load for Idle {
    type Outcome = Held;

    fn open(&mut self, conns: &mut Conns, index: u32) -> io::Result<ConnId> {
        self.site.open_websocket(conns, self.first + index, &[])
    }

    fn on_message(&mut self, _conns: &mut Conns, index: u32, message: Message<'_>, now: u64) {
        let read = self.codec.read(message.as_bytes());
        if let (true, Ok(stamp)) = (self.ledger.book(index, read).is_first(), read) {
            self.outcome.received += 1;
            self.outcome.service.record(now.saturating_sub(stamp.planned));
        }
    }

    fn on_turn(&mut self, conns: &mut Conns, fleet: &Fleet, now: u64) {
        if !self.is_verified || now < self.asked_at {
            return;
        }
        let end = self.count.min(self.next + SENDS_PER_TURN);
        for index in self.next..end {
            self.ask(conns, fleet, index, now);
        }
        self.next = end;
    }

    fn next_at(&self) -> Option<u64> {
        (self.is_verified && self.next < self.count).then_some(self.asked_at)
    }

    fn is_drained(&self, _now: u64) -> bool {
        !self.is_verified || (self.next == self.count && self.outcome.received >= self.outcome.sent)
    }

    fn finish(mut self) -> Held {
        // Each was to send one, whether it was there or not.
        self.outcome.checks = self.ledger.close(|_| u64::from(self.is_verified));
        self.outcome
    }
}
