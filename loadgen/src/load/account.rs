//! What came to the followers of one group on one thread.

use std::ops::Range;

use super::echo::BOUND;
use super::staleness::Staleness;
use crate::latency::{Latency, Timeline};
use crate::ledger::{Arrival, Checks, Ledger};
use crate::payload::{Corrupt, Stamp};

/// What is timed of updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// From the planned publication to the receipt.
    Delivery,
    /// How old what is shown is, at every moment.
    Staleness,
}

/// The account that is being kept.
#[derive(Debug)]
pub(super) struct Account {
    window: Range<u64>,
    owed: Owed,
    delivery: Latency,
    timeline: Timeline,
    staleness: Option<Staleness>,
    /// Messages that came for the first time, from the start of the run on.
    pub(super) arrived: u64,
    pub(super) told: Told,
}

/// Which messages are owed to a follower.
#[derive(Debug)]
enum Owed {
    /// All.
    All(Ledger),
    /// Any that is newer: what it has of each follower's streams.
    Newer { streams: u32, newest: Vec<Option<u64>>, checks: Checks },
}

/// What is told of a group, in the window unless it says otherwise.
#[derive(Debug)]
pub struct Told {
    /// Messages that came: planned in the window; and of the whole run those that came again or damaged.
    pub received: u64,
    /// Bytes of updates, answers and handshakes, with their heads and frames.
    pub bytes_in: u64,
    /// Bytes of requests.
    pub bytes_out: u64,
    /// Requests, handshakes among them.
    pub requests: u64,
    /// Followers that there were to be, from the start of the run on.
    pub wanted: u64,
    /// Of those, whose subscription was in place.
    pub opened: u64,
    /// Of those, that were lost before the end.
    pub lost: u64,
    /// What was wrong, from the start of the run on.
    pub checks: Checks,
    /// From the planned publication.
    pub delivery: Latency,
    /// Age of what is shown; empty unless that is timed.
    pub staleness: Latency,
    /// Of whichever is timed.
    pub timeline: Timeline,
    /// How late polls were asked.
    pub poll_lag: Latency,
}

impl Account {
    pub(super) fn new(timed: Timed, skips: bool, followers: u32, streams: u32, window: &Range<u64>) -> Self {
        let owed = if skips {
            let newest = vec![None; followers as usize * streams as usize];
            Owed::Newer { streams, newest, checks: Checks::default() }
        } else {
            Owed::All(Ledger::crossed(followers, streams))
        };
        Self {
            window: window.clone(),
            owed,
            delivery: Latency::new(BOUND),
            timeline: Timeline::default(),
            staleness: (timed == Timed::Staleness && followers > 0).then(|| Staleness::new(window.clone(), followers)),
            arrived: 0,
            told: Told::new(u64::from(followers)),
        }
    }

    /// Books an update that came to `follower` at `now`; the stamp's sender is one of its topic's streams.
    #[inline]
    pub(super) fn book(&mut self, follower: u32, read: Result<Stamp, Corrupt>, now: u64) {
        let arrival = self.owed.book(follower, read);
        let stamp = read.ok().filter(|_| arrival.is_first());
        let Some(stamp) = stamp else {
            // Reach takes out what came again or damaged.
            self.told.received += 1;
            return;
        };
        self.arrived += 1;
        if let Some(staleness) = &mut self.staleness {
            staleness.show(follower, stamp.planned, now);
        }
        if self.window.contains(&stamp.planned) {
            let delivery = now.saturating_sub(stamp.planned);
            self.told.received += 1;
            self.delivery.record(delivery);
            if self.staleness.is_none() {
                self.timeline.record(now.saturating_sub(self.window.start), delivery);
            }
        }
    }

    pub(super) fn note_in(&mut self, bytes: u64, now: u64) {
        self.told.bytes_in += if self.window.contains(&now) { bytes } else { 0 };
    }

    pub(super) fn note_request(&mut self, bytes: u64, now: u64) {
        if self.window.contains(&now) {
            self.told.bytes_out += bytes;
            self.told.requests += 1;
        }
    }

    pub(super) fn note_poll_lag(&mut self, planned: u64, now: u64) {
        if self.window.contains(&planned) {
            self.told.poll_lag.record(now.saturating_sub(planned));
        }
    }

    pub(super) fn newest_p99(&mut self, now: u64) -> Option<u64> {
        match &mut self.staleness {
            Some(staleness) => staleness.newest_p99(now),
            None => self.timeline.newest(now.checked_sub(self.window.start)?).map(|bucket| bucket.p99),
        }
    }

    /// Closes the account; `sent` tells how many messages there were of a stream of a follower's topic.
    pub(super) fn close(mut self, sent: impl Fn(u32, u32) -> u64) -> Told {
        self.told.checks = match self.owed {
            Owed::All(ledger) => ledger.close_by(sent),
            Owed::Newer { checks, .. } => checks,
        };
        self.told.delivery = self.delivery;
        self.told.timeline = self.timeline;
        if let Some(staleness) = self.staleness {
            (self.told.staleness, self.told.timeline) = staleness.close();
        }
        self.told
    }
}

impl Owed {
    #[inline]
    fn book(&mut self, follower: u32, read: Result<Stamp, Corrupt>) -> Arrival {
        let (streams, newest, checks) = match self {
            Self::All(ledger) => return ledger.book(follower, read),
            Self::Newer { streams, newest, checks } => (*streams, newest, checks),
        };
        let Some(stamp) = read.ok().filter(|stamp| stamp.sender < streams) else {
            checks.corrupt += 1;
            return Arrival::Corrupt;
        };
        let had = &mut newest[follower as usize * streams as usize + stamp.sender as usize];
        match had.map(|had| stamp.sequence.cmp(&had)) {
            None | Some(std::cmp::Ordering::Greater) => {
                *had = Some(stamp.sequence);
                Arrival::New
            }
            Some(std::cmp::Ordering::Equal) => {
                checks.duplicate += 1;
                Arrival::Duplicate
            }
            // It was skipped before, or had come: either way it goes back.
            Some(std::cmp::Ordering::Less) => {
                checks.unsure += 1;
                Arrival::Unsure
            }
        }
    }
}

impl Told {
    fn new(wanted: u64) -> Self {
        let latency = || Latency::new(BOUND);
        Self {
            received: 0,
            bytes_in: 0,
            bytes_out: 0,
            requests: 0,
            wanted,
            opened: 0,
            lost: 0,
            checks: Checks::default(),
            delivery: latency(),
            staleness: latency(),
            timeline: Timeline::default(),
            poll_lag: latency(),
        }
    }

    /// Adds another thread's.
    pub fn merge(&mut self, other: Self) {
        self.received += other.received;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.requests += other.requests;
        self.wanted += other.wanted;
        self.opened += other.opened;
        self.lost += other.lost;
        self.checks.merge(other.checks);
        self.delivery.merge(&other.delivery);
        self.staleness.merge(&other.staleness);
        self.timeline.merge(other.timeline);
        self.poll_lag.merge(&other.poll_lag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(sequence: u64, planned: u64) -> Result<Stamp, Corrupt> {
        Ok(Stamp { sequence, sender: 0, planned })
    }

    #[test]
    fn reach_is_exact_whatever_came_again() {
        let mut account = Account::new(Timed::Delivery, false, 2, 1, &(100..200));
        let sent = [(0, 90), (1, 110), (2, 190), (3, 210)];
        for (sequence, planned) in sent {
            account.book(0, stamp(sequence, planned), planned + 5);
        }
        // Again, from before the window and from within it, and a damaged one.
        account.book(0, stamp(0, 90), 95);
        account.book(0, stamp(1, 110), 300);
        account.book(1, Err(Corrupt::Stamp), 150);
        let told = account.close(|_, _| 4);
        assert_eq!(told.received - told.checks.duplicate - told.checks.corrupt, 2);
        assert_eq!((told.checks.duplicate, told.checks.corrupt, told.checks.missing), (2, 1, 3));
        assert_eq!((told.delivery.count(), told.delivery.summary().unwrap().max), (2, 5));
    }

    #[test]
    fn who_skips_is_owed_what_is_newer() {
        let mut account = Account::new(Timed::Staleness, true, 1, 1, &(0..1000));
        [1, 5, 5, 3, 9].into_iter().for_each(|sequence| account.book(0, stamp(sequence, sequence * 10), 500));
        let told = account.close(|_, _| 100);
        assert_eq!((told.checks.missing, told.checks.duplicate, told.checks.unsure), (0, 1, 1));
        assert_eq!(told.received - told.checks.duplicate - told.checks.unsure, 3);
    }
}
