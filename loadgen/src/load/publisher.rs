//! The publishers of one thread: what is due is sent, whether or not anything came of what was sent before.

use std::ops::Range;

use ringwire::client::{ConnId, Conns};
use ringwire::proto::Message;

use super::echo::BOUND;
use super::show::Show;
use crate::latency::Latency;
use crate::payload::{Form, Stamp};
use crate::schedule::{Due, Open};
use crate::sizes::Draws;
use crate::transport::nats::{self, Nats};
use crate::transport::{Heard, Refusal, Way, v1};

pub(super) struct Publisher {
    first: u32,
    /// By connection: whether it was there.
    there: Vec<bool>,
    schedule: Open,
    draws: Draws,
    payload: Vec<u8>,
    out: Vec<u8>,
    /// The server's own way of being fed, instead of `ringwire.v1`.
    foreign: Option<Way>,
    published: Published,
}

/// What was published in the window.
#[derive(Debug)]
pub struct Published {
    /// Publications planned.
    pub planned: u64,
    /// Of those, that could not be sent: their connection was not there, or its queue full.
    pub unsent: u64,
    /// Refusals of the server on connections that publish, from the start of the window on.
    pub refused: u64,
    /// From the planned send to the actual one.
    pub offer_lag: Latency,
}

impl Publisher {
    pub(super) fn new(show: &Show, senders: Range<u32>) -> Self {
        Self {
            first: senders.start,
            there: vec![false; senders.len()],
            draws: show.sizes.draws(show.seed ^ u64::from(senders.start)),
            schedule: show.plan.part(senders),
            payload: vec![0; show.sizes.most()],
            out: Vec::new(),
            foreign: show.foreign(),
            published: Published { planned: 0, unsent: 0, refused: 0, offer_lag: Latency::new(BOUND) },
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.there.len() as u32
    }

    pub(super) fn note_there(&mut self, index: u32) {
        self.there[index as usize] = true;
    }

    /// Whether it never was there.
    pub(super) fn note_gone(&self, index: u32) -> bool {
        !self.there[index as usize]
    }

    pub(super) fn next_at(&self) -> Option<u64> {
        self.schedule.next_at()
    }

    pub(super) fn send_due(&mut self, show: &Show, conns: &mut Conns, ids: &[Option<ConnId>], now: u64) {
        while let Some(due) = self.schedule.due(now) {
            let sent = self.send(show, conns, ids, due);
            if show.window.contains(&due.planned) {
                self.published.planned += 1;
                self.published.unsent += u64::from(!sent);
                self.published.offer_lag.record(now.saturating_sub(due.planned));
            }
        }
    }

    fn send(&mut self, show: &Show, conns: &mut Conns, ids: &[Option<ConnId>], due: Due) -> bool {
        let sending = show.cast.sending(due);
        let payload = &mut self.payload[..self.draws.draw()];
        let stamp = Stamp { sequence: sending.sequence, sender: sending.stream, planned: due.planned };
        show.codec.write(stamp, payload);
        let Some(id) = ids[(due.sender - self.first) as usize] else { return false };
        let topic = &show.topics[sending.topic as usize];
        self.out.clear();
        match (self.foreign, show.form) {
            (Some(Way::Nats), _) => nats::publish(topic, payload, &mut self.out),
            (Some(_), _) => {}
            (None, Form::Text) => v1::publish_text(topic, payload, &mut self.out),
            (None, Form::Binary) => v1::publish_binary(topic, payload, &mut self.out),
        }
        let bytes: &[u8] = if self.out.is_empty() { payload } else { &self.out };
        let message = match show.form {
            Form::Binary => Message::Binary(bytes),
            Form::Text => {
                Message::Text(std::str::from_utf8(bytes).expect("the text form is ASCII, and names are UTF-8"))
            }
        };
        conns.send(id, message).is_ok()
    }

    /// What the server says on a connection that publishes, at `now`. Its refusals of publications name none, so the time tells
    /// whether it was of the window.
    pub(super) fn on_message(
        &mut self,
        show: &Show,
        conns: &mut Conns,
        id: Option<ConnId>,
        message: Message<'_>,
        now: u64,
    ) -> Option<Refusal> {
        let mut refused = None;
        let mut hear = |heard: Heard<'_>| {
            if let Heard::Refused(refusal) = heard {
                self.published.refused += u64::from(now >= show.window.start);
                refused = Some(refusal);
            }
        };
        self.out.clear();
        match self.foreign {
            // A broadcast comes to its sender, too.
            Some(Way::Broadcast) => {}
            Some(_) => {
                // The server's lines come whole, and who subscribes to nothing gets nothing else.
                let _ = Nats::new(0).on_message(message.as_bytes(), &mut self.out, &mut hear);
            }
            None => v1::on_message(message, &mut hear),
        }
        self.say(conns, id);
        refused
    }

    /// What a connection that publishes says first.
    pub(super) fn begin(&mut self, conns: &mut Conns, id: Option<ConnId>) {
        self.out.clear();
        if self.foreign == Some(Way::Nats) {
            nats::connect(&mut self.out);
        }
        self.say(conns, id);
    }

    fn say(&self, conns: &mut Conns, id: Option<ConnId>) {
        if let (Some(id), false) = (id, self.out.is_empty()) {
            // A connection that is not open any more tells so itself.
            let _ = conns.send(id, Message::Binary(&self.out));
        }
    }

    pub(super) fn finish(self) -> Published {
        self.published
    }
}

impl Published {
    /// Publications that were made.
    pub fn sent(&self) -> u64 {
        (self.planned - self.unsent).saturating_sub(self.refused)
    }

    /// Adds another thread's.
    pub fn merge(&mut self, other: Self) {
        self.planned += other.planned;
        self.unsent += other.unsent;
        self.refused += other.refused;
        self.offer_lag.merge(&other.offer_lag);
    }
}
