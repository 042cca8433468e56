//! What callbacks may touch of their shard: connections, send arena, topics, timers. No ring: what they cause is pushed at the
//! end of the turn.

use super::handover::Handover;
use super::places::Places;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;

use super::protocols::Protocols;
use super::replays::Replays;
use super::wheel::{TICK, Wheel};
use super::{Limits, SendStatus};
use crate::config::Overflow;
use crate::conn::arena::{Arena, Segment};
use crate::conn::slot::{Linger, Phase, Slot};
use crate::conn::table::Table;
use crate::conn::{Channel, ConnId};
use crate::http::topics::Reply;
use crate::metrics::{Counters, Latency};
use crate::proto::frame::{CONTROL_BYTES_MAX, EncodedHeader};
use crate::proto::{CloseCode, CloseFrame, Opcode, Pool, Rules};
use crate::topic::Topics;
use crate::topic::format::Format;
use crate::topic::histories::Histories;
use crate::topic::journal::Journaling;
use crate::topic::outbox::Outbox;
use crate::topic::parcel::{Outcome, Published};
use crate::topic::settings::TopicRules;

/// A shard without its ring and its handler.
pub(crate) struct Local<D> {
    pub(crate) shard: u16,
    pub(crate) conns: Table<D>,
    pub(crate) arena: Arena,
    /// Numbers the turns' impatient sends: those of the last turn until they are settled, then those of this one.
    pub(crate) flight: u32,
    pub(crate) topics: Topics,
    /// A publication is encoded here.
    pub(crate) encoded: Vec<u8>,
    pub(crate) wheel: Wheel,
    /// The present, in timer ticks since the shard began.
    pub(crate) now: u32,
    /// When this turn began.
    pub(crate) began: Instant,
    /// Connections that need ops pushed at the end of the turn.
    pub(crate) dirty: Vec<u32>,
    pub(crate) rules: Rules,
    pub(crate) pool: Pool,
    pub(crate) limits: Limits,
    pub(crate) close_ticks: u32,
    pub(crate) counters: Counters,
    pub(crate) latency: Latency,
    /// WebSockets of which the application was told the beginning and not yet the end, and how many there may be.
    pub(crate) open_count: Places,
    /// This turn's publications for other shards.
    pub(crate) outbox: Outbox,
    /// Shards of the server.
    pub(crate) shard_count: u16,
    /// What holds for which topic.
    pub(crate) topic_rules: Arc<TopicRules>,
    pub(crate) histories: Histories,
    /// The present, in milliseconds since 1970; goes with the shard's clock, so that it never steps back.
    pub(crate) wall_ms: u64,
    /// Takes what this shard numbers, if there is one.
    pub(crate) journal: Option<Journaling>,
    /// What became of publications, to be told.
    pub(crate) outcomes: VecDeque<Outcome>,
    /// What became of publications from other threads. Told when the other shards have them in their queues: who comes there
    /// with the position must not be told that it was never reached.
    pub(crate) replies: Vec<(oneshot::Sender<Published>, Published)>,
    /// Polls that wait, by their slots: how each is answered.
    pub(crate) polls: HashMap<u32, Reply>,
    /// How much may be replayed, and who waits for it.
    pub(crate) replays: Replays,
    /// Slots whose polls were answered, so that the next request may be.
    pub(crate) answered: Vec<u32>,
    /// Names of the subprotocols in use.
    pub(crate) protocols: Protocols,
    /// The large message that the application has, if it may be sent on without a copy.
    pub(crate) handover: Handover,
}

impl<D> Local<D> {
    /// Queues one frame.
    #[inline(always)]
    pub(crate) fn send(&mut self, slot: u32, opcode: Opcode, payload: &[u8]) -> SendStatus {
        let conn = &mut self.conns[slot];
        if conn.phase != Phase::Open {
            return SendStatus::Dropped;
        }
        let header = EncodedHeader::server(opcode, payload.len() as u64);
        self.counters.frames_out += 1;
        if !conn.takes_in_arena(payload.len()) {
            return self.send_to_queue(slot, header, payload);
        }
        self.arena.append_frame(&mut conn.segment, header, payload);
        if !std::mem::replace(&mut conn.dirty, true) {
            self.dirty.push(slot);
        }
        SendStatus::Queued
    }

    #[cold]
    fn send_to_queue(&mut self, slot: u32, header: EncodedHeader, payload: &[u8]) -> SendStatus {
        // Nothing is dropped before back-pressure was told.
        let is_slow = self.conns[slot].congested;
        if self.is_full(slot, is_slow, header.as_bytes().len() + payload.len()) {
            self.counters.messages_dropped += 1;
            self.on_overflow(slot);
            return SendStatus::Dropped;
        }
        self.queue_frame(slot, header, payload);
        self.follow_queue(slot)
    }

    /// Queues bytes as they are. What becomes of a connection that cannot take them is the caller's to say.
    pub(crate) fn append(&mut self, slot: u32, bytes: &[u8]) -> SendStatus {
        let conn = &mut self.conns[slot];
        if !conn.takes_in_arena(bytes.len()) {
            let is_slow = conn.congested || conn.queued_bytes() > self.limits.send_queue_bytes_high;
            if self.is_full(slot, is_slow, bytes.len()) {
                return SendStatus::Dropped;
            }
            self.conns[slot].queue.get_or_insert_default().push(bytes, &[]);
            return self.follow_queue(slot);
        }
        self.arena.append(&mut conn.segment, bytes);
        self.mark_dirty(slot);
        SendStatus::Queued
    }

    /// Whether the send queue does not take so much more. Who is not slow takes one message whatever its size: `message_bytes_max`
    /// bounds what peers can cause.
    fn is_full(&self, slot: u32, is_slow: bool, bytes: usize) -> bool {
        is_slow && self.conns[slot].queued_bytes() + bytes > self.limits.send_queue_bytes_max
    }

    /// Something was queued.
    #[cold]
    fn follow_queue(&mut self, slot: u32) -> SendStatus {
        self.mark_dirty(slot);
        self.update_congestion(slot);
        if self.conns[slot].congested { SendStatus::Backpressure } else { SendStatus::Queued }
    }

    /// Does what is configured for a connection whose send queue is full. An answer of `ringwire.v1` was promised, so who cannot
    /// take it is closed in any case, and comes back.
    #[cold]
    pub(crate) fn on_overflow(&mut self, slot: u32) {
        let conn = &self.conns[slot];
        let code = match (conn.channel, self.limits.overflow) {
            (Channel::Json, _) => CloseCode::RESUME,
            (_, Overflow::Disconnect) => CloseCode::TRY_AGAIN_LATER,
            (_, Overflow::DropNewest) => return,
        };
        if conn.phase == Phase::Open {
            self.counters.slow_consumers += 1;
            self.begin_close(slot, code, "you read too slowly: reconnect and resume");
        }
    }

    /// Follows the send queue over its high mark; the way down is the shard's, because `on_drain` is due there.
    pub(crate) fn update_congestion(&mut self, slot: u32) {
        let conn = &mut self.conns[slot];
        if !conn.congested && conn.queued_bytes() > self.limits.send_queue_bytes_high {
            conn.congested = true;
            self.counters.backpressure += 1;
            self.mark_dirty(slot);
        }
    }

    /// Sends a close frame and waits for the peer's; a stream ends with an event in its place, and `ringwire.v1` has one before it.
    pub(crate) fn begin_close(&mut self, slot: u32, code: CloseCode, reason: &str) {
        match self.conns[slot].phase {
            Phase::Open => {}
            Phase::Stream => return self.end_stream(slot, code, reason),
            _ => return,
        }
        if self.conns[slot].channel == Channel::Json {
            self.counters.frames_out += 1;
            self.append_closing(slot, code, reason);
        }
        self.append_close(slot, Some(code), reason);
        self.conns[slot].phase = Phase::Closing;
        self.conns[slot].paused = false;
        self.unsubscribe_all(slot);
        self.wheel.set(slot, self.close_ticks);
    }

    /// Ends a stream behind what is queued, and tells why.
    fn end_stream(&mut self, slot: u32, code: CloseCode, reason: &str) {
        self.append_closing(slot, code, reason);
        let conn = &mut self.conns[slot];
        conn.phase = Phase::Flushing;
        conn.linger = Linger::Wanted;
        self.unsubscribe_all(slot);
        self.wheel.set(slot, self.close_ticks);
        self.mark_dirty(slot);
    }

    /// Queues the event that tells of the end, as [`Local::append_close`] does a close frame.
    fn append_closing(&mut self, slot: u32, code: CloseCode, reason: &str) {
        self.encoded.clear();
        let conn = &mut self.conns[slot];
        Format::of(conn.channel).closing(code, reason, &mut self.encoded);
        if conn.takes_in_arena(self.encoded.len()) {
            self.arena.append(&mut conn.segment, &self.encoded);
        } else {
            conn.queue.get_or_insert_default().push(&self.encoded, &[]);
        }
        self.mark_dirty(slot);
    }

    /// Queues a close frame even above the queue's limit: it is small, and the last.
    pub(crate) fn append_close(&mut self, slot: u32, code: Option<CloseCode>, reason: &str) {
        let mut buffer = [0; CONTROL_BYTES_MAX];
        let payload = CloseFrame { code, reason }.encode(&mut buffer);
        let header = EncodedHeader::server(Opcode::Close, payload.len() as u64);
        self.counters.frames_out += 1;
        let conn = &mut self.conns[slot];
        if conn.takes_in_arena(payload.len()) {
            self.arena.append_frame(&mut conn.segment, header, payload);
        } else {
            conn.queue.get_or_insert_default().push(header.as_bytes(), payload);
        }
        self.mark_dirty(slot);
    }

    /// Has the shard look at the connection at the end of the turn.
    #[inline]
    pub(crate) fn mark_dirty(&mut self, slot: u32) {
        let conn = &mut self.conns[slot];
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// The id of the connection in `slot`.
    pub(crate) fn id(&self, slot: u32) -> ConnId {
        ConnId { shard: self.shard, generation: self.conns[slot].generation, slot }
    }

    /// Gives up what the connection has pending, unless it is in flight.
    pub(crate) fn drop_pending(&mut self, slot: u32) {
        let conn: &mut Slot<D> = &mut self.conns[slot];
        conn.segment = Segment::default();
        match &mut conn.queue {
            Some(queue) if conn.sending => {
                queue.behind.clear();
                queue.losses.clear();
            }
            queue => *queue = None,
        }
    }
}

/// Timer ticks of a duration, at least one.
pub(crate) fn ticks(duration: std::time::Duration) -> u32 {
    let ticks = duration.as_nanos().div_ceil(TICK.as_nanos());
    u32::try_from(ticks).unwrap_or(u32::MAX / 2).clamp(1, u32::MAX / 2)
}
