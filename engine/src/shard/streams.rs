//! Server-Sent Events: the answer to a request is a stream that ends with its connection. What comes in is not listened to.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use super::http::{Next, Requests, date};
use super::{Shard, close};
use crate::conn::Channel;
use crate::conn::slot::Phase;
use crate::handler::local::ticks;
use crate::handler::{Handler, Plan, SendStatus};
use crate::http::Refusal;
use crate::http::topics::{Follow, Reply};
use crate::metrics::Loss;
use crate::ring::Ring;
use crate::topic::format::{Subscribed, sse};
use crate::topic::history::{Offset, Position};
use crate::topic::name::Interest;

/// Longest silence of a stream: a comment ends it.
const SILENCE_MAX: Duration = Duration::from_secs(15);

impl<H: Handler> Requests<'_, H> {
    pub(super) fn stream(&mut self, slot: u32, follow: &Follow<'_>, reply: &Reply) -> Result<Next, Refusal> {
        self.check_access(follow.interest(), reply)?;
        let plan = self.plan(follow, reply)?;
        self.scratch.clear();
        reply.stream(self.scratch, &date());
        if reply.is_head() {
            return Ok(self.respond(slot, false));
        }
        let (text, channel) = match follow.interest() {
            Interest::Name(name) => (name, Channel::Events),
            Interest::Pattern(pattern) => (pattern, Channel::PatternEvents),
        };
        self.enter(slot, (Phase::Stream, channel), text, reply)?;
        sse::retry(self.scratch, retry_ms());
        let begin = Subscribed {
            position: plan.replay.position,
            replayed: plan.replay.message_count,
            gap: plan.replay.has_gap,
            time_ms: self.local.wall_ms,
        };
        sse::subscribed(self.scratch, text, self.before_first(&plan), &begin);
        if self.local.append(slot, self.scratch) == SendStatus::Dropped {
            return Ok(Next::Nothing);
        }
        self.local.wheel.set(slot, ticks(SILENCE_MAX));
        let topic = self.local.conns[slot].subscriptions[0].topic;
        self.local.note_loss(slot, topic, Loss::TooOld, plan.too_old);
        self.local.begin_replay(slot, topic, plan.topics);
        Ok(Next::Events)
    }

    /// The position just before the first message that follows; none for a pattern and without history.
    fn before_first(&self, plan: &Plan) -> Option<Position> {
        let head = plan.replay.position?;
        Some(plan.topics.first().map_or(head, |(_, last)| self.local.histories.position(Offset(*last))))
    }
}

/// How long a client waits before it comes back: for each stream another time, so that not all come at once.
fn retry_ms() -> u32 {
    // Its keys are random.
    let random = std::hash::RandomState::new().build_hasher().finish();
    1000 + (random % 2001) as u32
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Says something when nothing was said for long. Of a peer that is behind, what it takes tells that it lives.
    pub(super) fn on_stream_timer(&mut self, slot: u32) {
        let local = &mut self.local;
        let conn = &mut local.conns[slot];
        let silence = local.now.wrapping_sub(conn.received_at);
        let rest = ticks(SILENCE_MAX).saturating_sub(silence);
        let is_clear = conn.is_clear();
        if rest > 0 {
            local.wheel.set(slot, rest);
        } else if is_clear {
            conn.received_at = local.now;
            let mut comment = Vec::new();
            sse::comment(&mut comment);
            let _ = local.append(slot, &comment);
            local.wheel.set(slot, ticks(SILENCE_MAX));
        } else if self.timeouts.liveness.idle.is_some_and(|idle| silence >= idle) {
            close::kill(local, slot);
        } else {
            local.wheel.set(slot, ticks(SILENCE_MAX));
        }
    }
}
