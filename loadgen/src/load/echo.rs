//! `echo`: every connection sends, and gets back what it sent.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::time::Duration;

use ringwire::client::{ConnId, Conns};
use ringwire::proto::Message;

use crate::latency::{Latency, Timeline};
use crate::ledger::{Checks, Ledger};
use crate::payload::{Codec, Form, Stamp};
use crate::run::{Ended, Fleet, Load, Site};
use crate::schedule::{self, Due};
use crate::sizes::{Draws, Sizes};

/// Times above this are told as this.
pub const BOUND: Duration = Duration::from_secs(300);

/// How long, in nanoseconds, a message may yet come that newer ones have passed, when nothing else is on its way.
const QUIET: u64 = 500_000_000;

/// How long after the window, in nanoseconds, what was planned in it is still sent: a run that is so late is invalid anyway.
const LATE_MAX: u64 = 100_000_000;

/// Messages that one turn sends at the most, so that it also reads.
const SENDS_PER_TURN: u32 = 4096;

/// When messages are sent.
#[derive(Debug, Clone)]
pub enum Pace {
    /// At planned times.
    Open(schedule::Plan),
    /// When answers have come: so many are in flight on each connection.
    Closed {
        /// Messages in flight.
        depth: u32,
    },
}

/// What the connections of a run send.
#[derive(Debug, Clone)]
pub struct Sending {
    /// Where they connect to.
    pub site: Site,
    /// How payloads are written.
    pub codec: Codec,
    /// Text or binary frames.
    pub form: Form,
    /// How large they are.
    pub sizes: Sizes,
    /// Of the sizes that are drawn.
    pub seed: u64,
    /// When.
    pub pace: Pace,
    /// What is measured, in nanoseconds since the run's start.
    pub window: Range<u64>,
}

/// The connections of one thread.
pub struct Echo {
    sending: Sending,
    first: u32,
    pace: Paced,
    ledger: Ledger,
    /// When the last message came.
    last_at: u64,
    /// By connection: what it sent.
    in_flight: Vec<InFlight>,
    /// Messages that are on their way, of connections that are there.
    outstanding: u64,
    times: Times,
    counts: Counts,
    draws: Draws,
    payload: Vec<u8>,
}

/// A pace and where it is.
enum Paced {
    Open(schedule::Open),
    Closed { senders: schedule::Closed, free: Vec<u32>, began: bool },
}

/// What one connection sent.
#[derive(Default)]
struct InFlight {
    /// Messages that it was to send.
    planned: u64,
    /// Numbers and times of those that were sent after the last that came back.
    sent: VecDeque<(u64, u64)>,
}

/// The histograms of an echo.
#[derive(Debug)]
pub struct Times {
    /// From the planned send.
    pub response: Latency,
    /// From the actual send.
    pub service: Latency,
    /// From the planned send to the actual one.
    pub offer_lag: Latency,
    /// Of the responses.
    pub timeline: Timeline,
}

/// What was counted in the window.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Messages planned.
    pub planned: u64,
    /// Of those, messages that could not be sent: their connection was not there, or its queue full.
    pub unsent: u64,
    /// Of those, messages that came back, whatever they were like.
    pub received: u64,
    /// Of those, messages that came back whole, for the first time.
    pub whole: u64,
    /// Messages that came back while the window lasted, whenever they were planned.
    pub arrived: u64,
}

/// What one thread found out.
#[derive(Debug)]
pub struct EchoOutcome {
    /// When.
    pub times: Times,
    /// How many, in the window.
    pub counts: Counts,
    /// What was wrong, from the start to the end.
    pub checks: Checks,
}

impl Echo {
    /// The connections from `first` on.
    pub fn new(sending: Sending, first: u32, count: u32) -> Self {
        let pace = match &sending.pace {
            Pace::Open(plan) => Paced::Open(plan.part(first..first + count)),
            Pace::Closed { depth } => Paced::Closed {
                senders: schedule::Closed::new(first, count, *depth),
                free: Vec::with_capacity(count as usize),
                began: false,
            },
        };
        Self {
            first,
            pace,
            ledger: Ledger::own(first, count),
            last_at: 0,
            in_flight: (0..count).map(|_| InFlight::default()).collect(),
            outstanding: 0,
            times: Times::new(),
            counts: Counts::default(),
            draws: sending.sizes.draws(sending.seed ^ u64::from(first)),
            payload: vec![0; sending.sizes.most()],
            sending,
        }
    }

    #[inline]
    fn send(&mut self, conns: &mut Conns, fleet: &Fleet, due: Due, now: u64) {
        let index = due.sender - self.first;
        let is_measured = self.sending.window.contains(&due.planned);
        self.counts.planned += u64::from(is_measured);
        let payload = &mut self.payload[..self.draws.draw()];
        self.sending.codec.write(Stamp { sequence: due.sequence, sender: due.sender, planned: due.planned }, payload);
        let message = match self.sending.form {
            Form::Binary => Message::Binary(payload),
            Form::Text => Message::Text(std::str::from_utf8(payload).expect("the text form is ASCII")),
        };
        let sent = fleet.id(index).is_some_and(|id| conns.send(id, message).is_ok());
        self.outstanding += u64::from(sent);
        self.in_flight[index as usize].push(due.sequence, now, sent);
        if is_measured {
            self.counts.unsent += u64::from(!sent);
            if matches!(self.pace, Paced::Open(_)) {
                self.times.offer_lag.record(now.saturating_sub(due.planned));
            }
        }
    }

    fn send_open(&mut self, conns: &mut Conns, fleet: &Fleet, now: u64) {
        if now > self.sending.window.end + LATE_MAX {
            return;
        }
        for _ in 0..SENDS_PER_TURN {
            let Paced::Open(open) = &mut self.pace else { return };
            let Some(due) = open.due(now) else { return };
            self.send(conns, fleet, due, now);
        }
    }

    fn send_closed(&mut self, conns: &mut Conns, fleet: &Fleet, now: u64) {
        let Paced::Closed { senders, free, began } = &mut self.pace else { return };
        if now >= self.sending.window.end {
            return free.clear();
        }
        if !std::mem::replace(began, true) {
            free.extend(self.first..self.first + fleet.count());
        }
        let mut free = std::mem::take(free);
        let mut senders = std::mem::replace(senders, schedule::Closed::new(0, 0, 1));
        for sender in free.drain(..) {
            while let Some(due) = senders.due(sender, now) {
                self.send(conns, fleet, due, now);
            }
        }
        if let Paced::Closed { senders: place, free: list, .. } = &mut self.pace {
            (*place, *list) = (senders, free);
        }
    }

    /// How many messages a connection was to send.
    fn sent_by(&self, sender: u32) -> u64 {
        self.in_flight[(sender - self.first) as usize].planned
    }
}

impl Load for Echo {
    type Outcome = EchoOutcome;

    fn open(&mut self, conns: &mut Conns, index: u32) -> io::Result<ConnId> {
        self.sending.site.open_websocket(conns, self.first + index, &[])
    }

    #[inline]
    fn on_message(&mut self, _conns: &mut Conns, index: u32, message: Message<'_>, now: u64) {
        self.last_at = now;
        self.counts.arrived += u64::from(self.sending.window.contains(&now));
        let read = self.sending.codec.read(message.as_bytes());
        let arrival = self.ledger.book(index, read);
        if let Paced::Closed { senders, free, .. } = &mut self.pace {
            senders.answered(self.first + index);
            free.push(self.first + index);
        }
        let Ok(stamp) = read else {
            self.counts.received += u64::from(self.sending.window.contains(&now));
            return;
        };
        let (sent_at, passed) = self.in_flight[index as usize].take(stamp.sequence);
        self.outstanding -= passed;
        let is_measured = self.sending.window.contains(&stamp.planned);
        self.counts.received += u64::from(is_measured);
        if arrival.is_first() && is_measured {
            self.counts.whole += 1;
            let response = now.saturating_sub(stamp.planned);
            self.times.timeline.record(now - self.sending.window.start, response);
            if matches!(self.pace, Paced::Open(_)) {
                self.times.response.record(response);
                sent_at.into_iter().for_each(|sent_at| self.times.service.record(now.saturating_sub(sent_at)));
            } else {
                // A message is planned when it is sent: of the times there is only one.
                self.times.service.record(response);
            }
        }
    }

    #[inline]
    fn on_turn(&mut self, conns: &mut Conns, fleet: &Fleet, now: u64) {
        match self.pace {
            Paced::Open(_) => self.send_open(conns, fleet, now),
            Paced::Closed { .. } => self.send_closed(conns, fleet, now),
        }
    }

    fn on_close(&mut self, index: u32, _now: u64) -> Ended {
        self.outstanding -= self.in_flight[index as usize].sent.drain(..).count() as u64;
        Ended::Failure
    }

    fn next_at(&self) -> Option<u64> {
        match &self.pace {
            Paced::Open(open) => open.next_at().filter(|&at| at < self.sending.window.end),
            Paced::Closed { began: false, .. } => Some(0),
            Paced::Closed { .. } => None,
        }
    }

    /// Nothing is on its way, and what was passed over has had its time.
    fn is_drained(&self, now: u64) -> bool {
        let all = self.counts.whole + self.counts.unsent >= self.counts.planned;
        self.outstanding == 0 && (all || now > self.last_at.max(self.sending.window.end) + QUIET)
    }

    fn newest_p99(&mut self, now: u64) -> Option<u64> {
        let now = now.checked_sub(self.sending.window.start)?;
        self.times.timeline.newest(now).map(|bucket| bucket.p99)
    }

    fn finish(self) -> EchoOutcome {
        let sent: Vec<u64> = (0..self.in_flight.len() as u32).map(|index| self.sent_by(self.first + index)).collect();
        let first = self.first;
        let checks = self.ledger.close(|sender| sent[(sender - first) as usize]);
        EchoOutcome { times: self.times, counts: self.counts, checks }
    }
}

impl InFlight {
    #[inline]
    fn push(&mut self, sequence: u64, now: u64, was_sent: bool) {
        self.planned = sequence + 1;
        if was_sent {
            self.sent.push_back((sequence, now));
        }
    }

    /// When the message was sent, and how many it takes off the list: what was sent before it is passed over, and late if it comes yet.
    #[inline]
    fn take(&mut self, sequence: u64) -> (Option<u64>, u64) {
        let mut passed = 0;
        while let Some((number, sent_at)) = self.sent.pop_front_if(|(number, _)| *number <= sequence) {
            passed += 1;
            if number == sequence {
                return (Some(sent_at), passed);
            }
        }
        (None, passed)
    }
}

impl Counts {
    /// Adds another thread's.
    pub fn merge(&mut self, other: Self) {
        self.planned += other.planned;
        self.unsent += other.unsent;
        self.received += other.received;
        self.whole += other.whole;
        self.arrived += other.arrived;
    }
}

impl Times {
    fn new() -> Self {
        let latency = || Latency::new(BOUND);
        Self { response: latency(), service: latency(), offer_lag: latency(), timeline: Timeline::default() }
    }

    /// Adds another thread's.
    pub fn merge(&mut self, other: Self) {
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.offer_lag.merge(&other.offer_lag);
        self.timeline.merge(other.timeline);
    }
}
