//! What happens when a connection's timer goes off.
//!
//! Timers of open connections are not moved when bytes arrive: the arrival is noted, and a timer that goes off too early is set
//! again for the rest. Only the answer to a ping moves one, because `pong_timeout` may be longer than `ping_interval`.

use super::{Shard, close, polls};
use crate::config::ValidConfig;
use crate::conn::slot::Phase;
use crate::handler::local::{Local, ticks};
use crate::handler::wheel::TICK;
use crate::handler::{ConnError, Handler};
use crate::http::Refusal;
use crate::proto::{CloseCode, Opcode};
use crate::ring::Ring;
use crate::ring::alarm;
use std::time::Duration;

/// How often memory for large messages that nobody needs is let go of.
const POOL_TRIM: Duration = Duration::from_millis(500);

/// So much of it stays.
const BUFFER_BYTES_KEPT: usize = 16 * 1024 * 1024;

/// How soon a parked accept is tried again.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How long after a look through all histories for messages that are too old the next one begins.
const HISTORY_EXPIRY: Duration = Duration::from_secs(1);

/// Topics that are looked at in a turn, which takes about a tenth of a millisecond; the next ones are a timer tick later (rule 9).
const HISTORIES_PER_TURN: usize = 1024;

/// The configured times, in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) handshake: u32,
    pub(super) liveness: Liveness,
}

/// How silence of an open connection is dealt with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    pub(super) idle: Option<u32>,
    ping: Option<u32>,
    pong: u32,
}

impl Timeouts {
    pub(super) fn new(config: &ValidConfig) -> Self {
        Self {
            handshake: ticks(config.handshake_timeout),
            liveness: Liveness {
                idle: config.idle_timeout.map(ticks),
                ping: config.ping_interval.map(ticks),
                pong: ticks(config.pong_timeout),
            },
        }
    }
}

impl Liveness {
    /// Sets the timer of a connection that just opened, or that just answered a ping.
    pub(super) fn begin<D>(&self, local: &mut Local<D>, slot: u32) {
        match [self.idle, self.ping].into_iter().flatten().min() {
            Some(first) => local.wheel.set(slot, first),
            None => local.wheel.clear(slot),
        }
    }

    /// Ticks until something must be done about a connection that is silent for `silence`; `None` when it is due now.
    fn remaining(limit: Option<u32>, silence: u32) -> Option<u32> {
        limit.map_or(Some(u32::MAX), |limit| limit.checked_sub(silence).filter(|&rest| rest > 0))
    }
}

// A ring ends a long wait that much early, and must not end it after the step that was meant.
const _: () = assert!(alarm::EARLY.as_nanos() > TICK.as_nanos());

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn run_timers(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        for slot in due.drain(..) {
            // This turn's completions may have set it again, for another purpose.
            if !self.local.wheel.is_set(slot) {
                self.on_timer(slot);
            }
        }
        self.due = due;
        self.resume_requests();
        self.check_stop();
        self.expire_histories();
        self.trim_pool();
        if self.accepts.is_parked() && self.local.now.wrapping_sub(self.accept_tried_at) >= ticks(ACCEPT_RETRY) {
            self.accept_tried_at = self.local.now;
            self.accepts.unpark(&mut self.ring, self.local.conns.occupied());
        }
    }

    fn expire_histories(&mut self) {
        let idle = self.local.histories.len() == 0;
        if !idle && self.local.now.wrapping_sub(self.histories_expired_at) >= self.history_pause() {
            self.histories_expired_at = self.local.now;
            self.local.histories.expire(self.local.wall_ms, HISTORIES_PER_TURN);
        }
    }

    /// Memory of large messages that come one after the other stays; after them it goes.
    fn trim_pool(&mut self) {
        let is_large = self.local.pool.buffer_bytes() > BUFFER_BYTES_KEPT;
        if is_large && self.local.now.wrapping_sub(self.pool_trimmed_at) >= ticks(POOL_TRIM) {
            self.pool_trimmed_at = self.local.now;
            self.local.pool.trim(BUFFER_BYTES_KEPT);
        }
    }

    /// Ticks from one part of the look through all histories to the next.
    fn history_pause(&self) -> u32 {
        if self.local.histories.is_expiring() { 1 } else { ticks(HISTORY_EXPIRY) }
    }

    /// How long the shard may sleep.
    pub(super) fn until_next_timer(&self) -> Option<Duration> {
        let timers = self.local.wheel.next();
        let accepts = self.accepts.is_parked().then(|| ticks(ACCEPT_RETRY));
        let stop = self.stop.remaining(self.local.now);
        let stuck = self.mailbox.is_stuck().then_some(1);
        let histories = (self.local.histories.len() > 0).then(|| self.history_pause());
        let pool = (self.local.pool.buffer_bytes() > BUFFER_BYTES_KEPT).then(|| ticks(POOL_TRIM));
        [timers, accepts, stop, stuck, histories, pool].into_iter().flatten().min().map(|ticks| TICK * ticks)
    }

    fn on_timer(&mut self, slot: u32) {
        match self.local.conns[slot].phase {
            Phase::Http if self.local.conns[slot].is_parked() => polls::answer_late(&mut self.local, slot),
            Phase::Http => self.on_head_timeout(slot),
            Phase::Stream => self.on_stream_timer(slot),
            Phase::Open => self.on_silence(slot),
            Phase::Closing => self.lose(slot, &ConnError::Timeout("closing handshake")),
            Phase::Flushing | Phase::Lingering => close::kill(&mut self.local, slot),
            Phase::Free | Phase::Dead | Phase::Releasing => {}
        }
    }

    /// A head that is begun gets a 408; a connection that sent nothing, or does not take our response, is just closed.
    fn on_head_timeout(&mut self, slot: u32) {
        let conn = &self.local.conns[slot];
        if let Some(head) = conn.input.as_ref().filter(|_| conn.is_clear()) {
            let refusal = self.routes.refusal(head, Refusal::request_timeout());
            super::http::refuse(&mut self.local, &mut self.scratch, slot, &refusal);
        } else {
            close::kill(&mut self.local, slot);
        }
    }

    fn on_silence(&mut self, slot: u32) {
        let Liveness { idle, ping, pong } = self.timeouts.liveness;
        let conn = &mut self.local.conns[slot];
        let silence = self.local.now.wrapping_sub(conn.received_at);
        let Some(until_idle) = Liveness::remaining(idle, silence) else {
            self.local.begin_close(slot, CloseCode::GOING_AWAY, "idle timeout");
            return;
        };
        // We do not listen, so a missing pong says nothing; only the idle timeout ends a pause that is too long. For a
        // congested connection its send queue's progress speaks instead.
        if conn.paused {
            self.local.wheel.set(slot, ping.map_or(until_idle, |ping| ping.min(until_idle)));
            return;
        }
        if conn.ping_unanswered {
            self.lose(slot, &ConnError::Timeout("ping"));
            return;
        }
        match Liveness::remaining(ping, silence) {
            Some(until_ping) => self.local.wheel.set(slot, until_ping.min(until_idle)),
            None => {
                conn.ping_unanswered = true;
                let _ = self.local.send(slot, Opcode::Ping, b"");
                // A ping that overflows the send queue has closed the connection, and set the timer for that.
                if self.local.conns[slot].phase == Phase::Open {
                    self.local.wheel.set(slot, pong.min(until_idle));
                }
            }
        }
    }
}
