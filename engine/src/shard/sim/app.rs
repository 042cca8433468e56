//! The application of a simulated run, and the journal of what it was told and what it did.

use std::cell::RefCell;
use std::rc::Rc;

use super::plan::Conduct;
use crate::handler::{Accept, Conn, ConnError, Handler, ReadyState, SendStatus, Start};
use crate::http::{Refusal, Request};
use crate::proto::{CloseCode, Message};
use crate::ring::sim::dice::Dice;

/// What the application saw of one peer.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) opened: u32,
    pub(crate) closed: Vec<CloseCode>,
    /// Turn of the close.
    pub(crate) closed_in: u64,
    pub(crate) errors: Vec<String>,
    pub(crate) received: Vec<Vec<u8>>,
    /// What it sent and the connection took.
    pub(crate) sent: Vec<Vec<u8>>,
    /// Length of the log when it subscribed.
    pub(crate) subscribed_at: usize,
    /// It began with a replay.
    pub(crate) replayed: bool,
    paused: bool,
    behind: bool,
}

/// A message to all who subscribed.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) topic: &'static str,
    pub(crate) message: Vec<u8>,
    /// The peer that must not get it.
    pub(crate) except: Option<usize>,
    pub(crate) turn: u64,
}

/// What happened, as the application tells it.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) conducts: Vec<Conduct>,
    pub(crate) records: Vec<Record>,
    pub(crate) log: Vec<Publication>,
    pub(crate) turn: u64,
    pub(crate) is_terminated: bool,
}

impl Journal {
    /// Connections that are open to the application.
    pub(crate) fn open_count(&self) -> u32 {
        self.records.iter().map(|record| record.opened - record.closed.len() as u32).sum()
    }
}

/// The application: what it does with a connection stands in the journal.
pub(crate) struct App {
    pub(crate) journal: Rc<RefCell<Journal>>,
    pub(crate) dice: Dice,
    pub(crate) keeps_history: bool,
}

/// A connection's data.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    peer: usize,
    /// Messages that a flood has still to send.
    owed: usize,
}

impl App {
    fn record(&self, peer: usize) -> std::cell::RefMut<'_, Record> {
        std::cell::RefMut::map(self.journal.borrow_mut(), |journal| &mut journal.records[peer])
    }

    fn conduct(&self, peer: usize) -> Conduct {
        self.journal.borrow().conducts[peer]
    }

    fn send(&self, conn: &mut Conn<'_, Seat>, message: Message<'_>) -> SendStatus {
        let peer = conn.data().peer;
        let is_open = conn.ready_state() == ReadyState::Open;
        let status = conn.send(message);
        let mut record = self.record(peer);
        assert!(status != SendStatus::Dropped || !is_open || record.behind, "dropped before back-pressure was told");
        if status != SendStatus::Dropped {
            record.sent.push(message.as_bytes().to_vec());
        }
        record.behind |= status == SendStatus::Backpressure;
        status
    }

    fn pump(&mut self, conn: &mut Conn<'_, Seat>, bytes: usize) {
        let message = vec![b'f'; bytes];
        while conn.data().owed > 0 {
            conn.data_mut().owed -= 1;
            match self.send(conn, Message::Binary(&message)) {
                SendStatus::Queued => {}
                // Some do not heed it.
                SendStatus::Backpressure if self.dice.chance(200) => {}
                SendStatus::Backpressure | SendStatus::Dropped => break,
            }
        }
    }

    fn publish(&self, conn: &mut Conn<'_, Seat>, message: Message<'_>) {
        let peer = conn.data().peer;
        let (_, topic, to_self) = self.conduct(peer).following().expect("only those publish");
        let outcome = if to_self { conn.publish(topic, message) } else { conn.publish_to_others(topic, message) };
        outcome.expect("a name");
        let mut journal = self.journal.borrow_mut();
        let turn = journal.turn;
        let except = (!to_self).then_some(peer);
        journal.log.push(Publication { topic, message: message.as_bytes().to_vec(), except, turn });
    }

    fn echo_and_pause(&mut self, conn: &mut Conn<'_, Seat>, message: Message<'_>) {
        let peer = conn.data().peer;
        if self.send(conn, message) == SendStatus::Backpressure {
            conn.pause();
            self.record(peer).paused = true;
        } else if self.dice.chance(200) {
            conn.pause();
            conn.resume();
        }
    }
}

impl Handler for App {
    type Data = Seat;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<Seat>, Refusal> {
        let peer = request.query().and_then(|query| query.strip_prefix("peer=")?.parse().ok());
        let peer = peer.expect("a simulated peer says which it is");
        Ok(Accept { data: Seat { peer, owed: 0 }, protocol: None })
    }

    fn on_open(&mut self, conn: &mut Conn<'_, Seat>) {
        let peer = conn.data().peer;
        self.record(peer).opened += 1;
        if let Some((pattern, ..)) = self.conduct(peer).following() {
            // Of a pattern, the order of a replay is another than that of publication.
            let from_the_beginning = self.keeps_history && !pattern.contains(['*', '>']) && self.dice.chance(500);
            let start = Start { since_ms: from_the_beginning.then_some(0), ..Start::default() };
            let replay = conn.subscribe_from(pattern, &start).expect("one subscription is allowed");
            assert!(!replay.has_gap && (from_the_beginning || replay.message_count == 0));
            let mut journal = self.journal.borrow_mut();
            journal.records[peer].replayed = replay.message_count > 0;
            journal.records[peer].subscribed_at = if from_the_beginning { 0 } else { journal.log.len() };
        }
        if self.conduct(peer) == Conduct::Hold {
            conn.pause();
            self.record(peer).paused = true;
        }
    }

    fn on_message(&mut self, conn: &mut Conn<'_, Seat>, message: Message<'_>) {
        let peer = conn.data().peer;
        let count = {
            let mut record = self.record(peer);
            assert!(record.opened > 0 && record.closed.is_empty(), "a message out of a connection's life");
            assert!(!record.paused && !record.behind, "a message while the connection is paused or behind");
            record.received.push(message.as_bytes().to_vec());
            record.received.len()
        };
        match self.conduct(peer) {
            Conduct::Echo | Conduct::Hold => drop(self.send(conn, message)),
            Conduct::Broadcast { .. } | Conduct::Follow { .. } => self.publish(conn, message),
            Conduct::Flood { count, bytes } => {
                conn.data_mut().owed += count;
                self.pump(conn, bytes);
            }
            Conduct::Pause => self.echo_and_pause(conn, message),
            Conduct::Close { after, code } => {
                let _ = self.send(conn, message);
                if count == after {
                    conn.close(code, "enough");
                    // Too late: the peer's answer is read.
                    conn.pause();
                }
            }
        }
    }

    fn on_drain(&mut self, conn: &mut Conn<'_, Seat>) {
        let peer = conn.data().peer;
        self.record(peer).behind = false;
        match self.conduct(peer) {
            Conduct::Flood { bytes, .. } => self.pump(conn, bytes),
            Conduct::Pause => {
                self.record(peer).paused = false;
                conn.resume();
            }
            _ => {}
        }
    }

    fn on_close(&mut self, conn: &mut Conn<'_, Seat>, code: CloseCode, _reason: &str) {
        let peer = conn.data().peer;
        assert_eq!(conn.ready_state(), ReadyState::Closed);
        assert_eq!(conn.send("too late"), SendStatus::Dropped);
        let turn = self.journal.borrow().turn;
        let mut record = self.record(peer);
        record.closed.push(code);
        record.closed_in = turn;
    }

    fn on_error(&mut self, conn: &mut Conn<'_, Seat>, error: &ConnError) {
        assert_eq!(conn.ready_state(), ReadyState::Closed);
        let peer = conn.data().peer;
        self.record(peer).errors.push(error.to_string());
    }

    fn on_terminate(&mut self) {
        self.journal.borrow_mut().is_terminated = true;
    }
}
