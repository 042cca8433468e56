//! What every peer must have got, and must have been told, when a run is over.

use std::collections::HashMap;

use super::app::{Journal, Publication, Record};
use super::peer::{End, Peer};
use super::plan::{Conduct, Ending};
use super::{Scenario, Simulation};
use crate::config::Overflow;
use crate::proto::CloseCode;
use crate::ring::Ring;
use crate::topic::name::matches;

/// Compares the journal with what the peers saw.
pub(super) fn check<R: Ring>(simulation: &Simulation<R>) {
    let (journal, town) = (simulation.journal.borrow(), simulation.town.borrow());
    let world = simulation.world.borrow();
    for (index, peer) in town.peers.iter().enumerate() {
        let harmed = peer.socket.is_some_and(|socket| world.was_harmed(socket));
        let case = Case { scenario: &simulation.scenario, journal: &journal, peer, index, harmed };
        case.check();
    }
}

struct Case<'a> {
    scenario: &'a Scenario,
    journal: &'a Journal,
    peer: &'a Peer,
    index: usize,
    harmed: bool,
}

impl Case<'_> {
    fn check(&self) {
        let record = self.record();
        assert!(record.opened <= 1, "{self}: opened twice");
        assert_eq!(record.closed.len(), record.opened as usize, "{self}: told its end once");
        let plan = &self.peer.plan;
        assert!(
            is_prefix(&record.received, &plan.messages),
            "{self}: the application got other messages than were sent"
        );
        match plan.conduct.following() {
            Some((pattern, ..)) => self.check_publications(pattern),
            None => self.check_replies(),
        }
        self.check_codes();
        if self.must_end_well() {
            self.check_good_end();
        }
    }

    fn record(&self) -> &Record {
        &self.journal.records[self.index]
    }

    /// Bytes arrive in order, none missing; and a close frame comes behind all that was sent before it.
    fn check_replies(&self) {
        let (got, sent) = (&self.peer.received, &self.record().sent);
        assert!(is_prefix(got, sent), "{self}: got {} messages, other than the {} sent", got.len(), sent.len());
        if self.peer.close_seen.is_some() {
            assert_eq!(got.len(), sent.len(), "{self}: messages are missing before the close frame");
        }
    }

    /// Publications that match arrive in order, once, and none to those who published them to others.
    fn check_publications(&self, pattern: &str) {
        let record = self.record();
        let log = &self.journal.log[record.subscribed_at.min(self.journal.log.len())..];
        let drops = self.scenario.config.overflow == Overflow::DropNewest;
        // A history does not know who was left out: who catches up may hear itself; of several topics it hears one after another.
        let catches_up = self.scenario.keeps_history() && (drops || record.replayed);
        if catches_up && pattern.contains(['*', '>']) {
            return self.check_each_topic(log);
        }
        let is_own = |it: &&Publication| it.except == Some(self.index);
        let mut meant = log.iter().filter(|it| (catches_up || !is_own(it)) && matches(pattern, it.topic));
        for got in &self.peer.received {
            let next = meant.find(|it| it.message == *got || !drops && !is_own(it));
            assert_eq!(next.map(|it| &it.message), Some(got), "{self}: a publication out of order, twice or missing");
        }
        let ended_first = self.peer.close_sent.is_some() && self.peer.close_seen == self.peer.close_sent;
        let by_itself =
            ended_first && matches!(self.peer.plan.ending, Ending::Close(code) if Some(code) == self.peer.close_seen);
        // What is still to be caught up with ends with the connection.
        if by_itself && !drops && !record.replayed && !self.may_be_told_1001() {
            let missing = meant.find(|publication| publication.turn + 1 < record.closed_in);
            assert!(missing.is_none(), "{self}: {missing:?} is missing, closed in turn {}", record.closed_in);
        }
    }

    /// Publications of each topic arrive in order, and once.
    fn check_each_topic(&self, log: &[Publication]) {
        let mut rest: HashMap<&str, Vec<&Publication>> = HashMap::new();
        log.iter().rev().for_each(|it| rest.entry(it.topic).or_default().push(it));
        for got in &self.peer.received {
            let topic = log.iter().find(|it| it.message == *got).map_or("", |it| it.topic);
            let rest = rest.get_mut(topic).into_iter().flat_map(|rest| std::iter::from_fn(|| rest.pop()));
            let found = rest.map(|it| &it.message).find(|message| *message == got);
            assert_eq!(found, Some(got), "{self}: a publication of {topic} out of order or twice");
        }
    }

    /// Close codes have a reason to be what they are.
    fn check_codes(&self) {
        let record = self.record();
        if let Some(&code) = record.closed.first() {
            let violated = self.peer.plan.ending == Ending::Violate && code == CloseCode::PROTOCOL_ERROR;
            let peers = self.peer.plan_code() == Some(code) || self.peer.close_seen == Some(code);
            assert!(code == CloseCode::ABNORMAL || violated || peers, "{self}: on_close was told {code}");
        }
        if let Some(code) = self.peer.close_seen {
            let ours = match code {
                CloseCode::PROTOCOL_ERROR => self.peer.plan.ending == Ending::Violate,
                CloseCode::TRY_AGAIN_LATER => self.scenario.config.overflow == Overflow::Disconnect,
                CloseCode::GOING_AWAY => self.may_be_told_1001(),
                code => {
                    let resume = code == CloseCode::RESUME && self.scenario.keeps_history();
                    let slow = resume && self.scenario.config.overflow == Overflow::Disconnect;
                    slow || matches!(self.peer.plan.conduct, Conduct::Close { code: ours, .. } if ours == code)
                }
            };
            assert!(ours || self.peer.plan_code() == Some(code), "{self}: the close frame said {code}");
        }
    }

    fn may_be_told_1001(&self) -> bool {
        self.scenario.is_hasty() || self.scenario.shutdown.is_some()
    }

    /// Whether nothing stood in the way of a closing handshake.
    fn must_end_well(&self) -> bool {
        let peer = self.peer;
        let means_well = matches!(peer.plan.ending, Ending::Close(_) | Ending::Wait | Ending::Violate);
        let places = self.scenario.config.connections_max as usize;
        // Whoever follows over HTTP may come back before its last connection is gone.
        let crowded = self.scenario.plans.len() > places || !self.scenario.errands.is_empty();
        let refused = peer.status == Some(503) && crowded;
        let is_read = peer.plan.conduct != Conduct::Hold;
        means_well && is_read && !self.harmed && !refused && !self.may_be_told_1001() && !self.faults_break()
    }

    /// A table that is full drops connections that were not accepted yet; those are harmed, not these.
    fn faults_break(&self) -> bool {
        self.peer.end == Some(End::NotServed)
    }

    fn check_good_end(&self) {
        let (peer, record) = (self.peer, self.record());
        assert_eq!(peer.status, Some(101), "{self}: the handshake");
        assert_eq!(record.opened, 1, "{self}: it was opened");
        assert_eq!(peer.end, Some(End::InOrder), "{self}: the end, errors {:?}", record.errors);
        let told = (&record.closed, &record.errors, record.sent.len());
        assert!(peer.close_seen.is_some(), "{self}: the server's close frame; the application: {told:?}");
        let overflown = matches!(peer.close_seen, Some(CloseCode::TRY_AGAIN_LATER | CloseCode::RESUME));
        if overflown {
            return;
        }
        let expected = match peer.plan.ending {
            Ending::Violate => CloseCode::PROTOCOL_ERROR,
            _ => peer.close_sent.expect("it said goodbye"),
        };
        assert_eq!(record.closed, [expected], "{self}: the code that the application was told");
        assert_eq!(peer.close_seen, Some(expected), "{self}: the code that the peer was told");
        if !matches!(peer.plan.conduct, Conduct::Close { .. }) {
            assert_eq!(record.received.len(), peer.plan.messages.len(), "{self}: messages were lost");
        }
    }
}

impl Peer {
    /// The code that its plan ends with.
    fn plan_code(&self) -> Option<CloseCode> {
        if let Ending::Close(code) = self.plan.ending { Some(code) } else { None }
    }
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plan = &self.peer.plan;
        write!(f, "peer {} ({:?}, {:?}, end {:?})", self.index, plan.conduct, plan.ending, self.peer.end)
    }
}

fn is_prefix(part: &[Vec<u8>], whole: &[Vec<u8>]) -> bool {
    part.len() <= whole.len() && part == &whole[..part.len()]
}
