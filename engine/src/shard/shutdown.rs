//! Graceful shutdown: no new connections, close frames 1001, a grace period, then the cut.

use std::time::Duration;

use super::{Shard, close, polls};
use crate::conn::Channel;
use crate::conn::slot::Phase;
use crate::handler::local::ticks;
use crate::handler::{ConnError, Handler};
use crate::proto::CloseCode;
use crate::ring::Ring;

/// How far a shutdown is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// None was asked for.
    Not,
    /// Connections may end by themselves until this tick.
    Grace { until: u32 },
    /// Everybody was cut.
    Cut,
}

impl Stop {
    /// Ticks until the cut.
    pub(super) fn remaining(self, now: u32) -> Option<u32> {
        match self {
            Self::Grace { until } => Some((until.wrapping_sub(now) as i32).max(0) as u32),
            Self::Not | Self::Cut => None,
        }
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Begins a shutdown; a second one can only shorten the grace.
    pub(super) fn begin_shutdown(&mut self, grace: Duration) {
        self.accepts.stop(&mut self.ring);
        if grace.is_zero() {
            return self.cut();
        }
        let grace = ticks(grace);
        let sooner = self.stop.remaining(self.local.now).is_none_or(|remaining| grace < remaining);
        if sooner && !matches!(self.stop, Stop::Cut) {
            self.stop = Stop::Grace { until: self.local.now.wrapping_add(grace) };
        }
        for slot in self.slots() {
            self.ask_to_leave(slot);
        }
    }

    fn ask_to_leave(&mut self, slot: u32) {
        let conn = &self.local.conns[slot];
        match conn.phase {
            Phase::Open if conn.channel != Channel::Json => {
                self.local.begin_close(slot, CloseCode::GOING_AWAY, "the server is shutting down");
            }
            Phase::Open | Phase::Stream => {
                self.local.begin_close(slot, CloseCode::GOING_AWAY, "the server shuts down: come back and resume");
            }
            Phase::Http if conn.is_parked() => polls::turn_away(&mut self.local, &mut self.scratch, slot),
            Phase::Http if conn.is_clear() => close::kill(&mut self.local, slot),
            Phase::Http => close::end(&mut self.local, slot, Phase::Flushing),
            _ => {}
        }
    }

    /// Cuts when the grace is over.
    pub(super) fn check_stop(&mut self) {
        if self.stop.remaining(self.local.now) == Some(0) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.stop = Stop::Cut;
        for slot in self.slots() {
            self.lose(slot, &ConnError::Timeout("shutdown"));
        }
    }

    /// Whether the shard may end: nobody is left, and the kernel holds no memory of ours.
    pub(super) fn is_finished(&self) -> bool {
        !matches!(self.stop, Stop::Not) && self.local.conns.occupied() == 0 && self.accepts.in_flight() == 0
    }

    fn slots(&self) -> Vec<u32> {
        self.local.conns.iter().map(|(slot, _)| slot).collect()
    }
}
