//! A connection as callbacks see it.

use std::net::SocketAddr;

use super::local::Local;
use super::resume::{Replay, Start};
use super::topics::SubscribeError;
use super::topics::Wish;
use crate::conn::slot::Phase;
use crate::conn::{Channel, ConnId};
use crate::proto::{CloseCode, Message, Opcode};
use crate::topic::error::PublishError;
use crate::topic::parcel::Receipt;

/// What became of a message that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a message may have been dropped; `let _ =` says that this is fine"]
pub enum SendStatus {
    /// It leaves at the end of the turn, or behind what is queued already.
    Queued,
    /// Queued, but the peer is behind: stop until `on_drain`. Its messages are not read meanwhile.
    Backpressure,
    /// Not queued: the connection is not open, or its send queue is full, which is never before `Backpressure` was told.
    Dropped,
}

/// Where a connection is in its life, with the numbers of the browser's `readyState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReadyState {
    /// The handshake is under way.
    Connecting = 0,
    /// Messages pass.
    Open = 1,
    /// The closing handshake is under way.
    Closing = 2,
    /// Over: what `on_error` and `on_close` see.
    Closed = 3,
}

impl ReadyState {
    pub(crate) fn of(phase: Phase) -> Self {
        match phase {
            Phase::Http => Self::Connecting,
            Phase::Open | Phase::Stream => Self::Open,
            Phase::Closing => Self::Closing,
            // From `Flushing` on, only the last bytes leave: to callbacks the connection is over, as to a browser's `onclose`.
            Phase::Flushing | Phase::Free | Phase::Lingering | Phase::Dead | Phase::Releasing => Self::Closed,
        }
    }
}

/// A connection, for the length of a callback.
pub struct Conn<'a, D> {
    local: &'a mut Local<D>,
    slot: u32,
}

impl<'a, D> Conn<'a, D> {
    #[inline]
    pub(crate) fn new(local: &'a mut Local<D>, slot: u32) -> Self {
        Self { local, slot }
    }

    /// Names the connection for as long as the server runs; other threads reach it by this.
    pub fn id(&self) -> ConnId {
        self.local.id(self.slot)
    }

    /// The application's data of this connection.
    #[inline]
    pub fn data(&self) -> &D {
        &self.local.conns[self.slot].data
    }

    /// The same, to be changed.
    #[inline]
    pub fn data_mut(&mut self) -> &mut D {
        &mut self.local.conns[self.slot].data
    }

    /// The peer's address.
    pub fn remote_addr(&self) -> SocketAddr {
        self.local.conns[self.slot].peer.into()
    }

    /// Index of the route that accepted the connection.
    pub fn route(&self) -> usize {
        usize::from(self.local.conns[self.slot].route)
    }

    /// The subprotocol that was chosen in the handshake.
    pub fn protocol(&self) -> Option<&str> {
        self.local.protocols.name(self.local.conns[self.slot].protocol)
    }

    /// Where the connection is in its life.
    pub fn ready_state(&self) -> ReadyState {
        ReadyState::of(self.local.conns[self.slot].phase)
    }

    /// Bytes that were queued and have not left yet, like a browser's `bufferedAmount`; frame headers count.
    pub fn queued_bytes(&self) -> usize {
        self.local.conns[self.slot].queued_bytes()
    }

    /// Sends a message; it leaves with everything else of this turn.
    #[inline(always)]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> SendStatus {
        let message = message.into();
        self.local.send(self.slot, message.opcode(), message.as_bytes())
    }

    /// Sends a ping with a payload of at most 125 bytes (cut there). Pongs are handled by the engine.
    pub fn ping(&mut self, payload: &[u8]) -> SendStatus {
        self.local.send(self.slot, Opcode::Ping, &payload[..payload.len().min(125)])
    }

    /// Begins the closing handshake. `reason` is cut to 123 bytes at a character boundary.
    ///
    /// # Panics
    /// When `code` may not be sent: 1005, 1006, 1015 and those outside of 1000–4999 (RFC 6455 §7.4).
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        assert!(code.is_sendable(), "close code {code} may not be sent (RFC 6455 §7.4)");
        self.local.begin_close(self.slot, code, reason);
    }

    /// Stops `on_message` until [`Conn::resume`]: the peer's bytes stay in the kernel, and TCP slows it down. Nothing
    /// happens when the connection is not open: the peer's answer to a close frame must be read.
    ///
    /// A pause longer than `idle_timeout` ends the connection: who does not listen cannot tell a peer that is gone.
    pub fn pause(&mut self) {
        let conn = &mut self.local.conns[self.slot];
        if conn.phase == Phase::Open {
            conn.paused = true;
            self.local.mark_dirty(self.slot);
        }
    }

    /// Ends [`Conn::pause`].
    pub fn resume(&mut self) {
        self.local.conns[self.slot].paused = false;
        self.local.mark_dirty(self.slot);
    }

    /// Subscribes to a topic: what anybody publishes there is sent to this connection.
    ///
    /// A name is one or more tokens joined by `.`, such as `sport.tennis.scores`: no whitespace, no control characters, at most
    /// `topic_name_bytes_max` bytes and `topic_tokens_max` tokens. With wildcards it is a pattern, and the subscription one to all
    /// topics that match it: a token `*` stands for any one token, a last token `>` for one or more. `sport.*.scores` takes in
    /// `sport.tennis.scores`, `sport.>` that and `sport.tennis`, and neither takes in `sport`.
    ///
    /// Each subscription gets its own copy: a connection with `sport.>` and `sport.tennis` gets twice what is published to
    /// `sport.tennis`. Within one subscription, what one publisher published comes in that order, whatever topics it went
    /// to; between two subscriptions there is no order.
    ///
    /// # Errors
    /// [`SubscribeError`] says what is wrong with the name, or names the limit that stands in the way.
    pub fn subscribe(&mut self, topic: &str) -> Result<(), SubscribeError> {
        self.local.subscribe(self.slot, topic)
    }

    /// From now on messages of topics come as events of `ringwire.v1` (`docs/protocol.md`), which tell topic and position, instead of
    /// payloads alone.
    ///
    /// # Panics
    /// When the connection has subscriptions already.
    pub fn speak_ringwire_v1(&mut self) {
        let conn = &mut self.local.conns[self.slot];
        assert!(conn.subscriptions.is_empty(), "a connection gets messages in one way for its life");
        conn.channel = Channel::Json;
    }

    /// Subscribes, and begins with what the history still has from `start` on; live messages follow without a hole. Who is
    /// subscribed already gets the replay alone.
    ///
    /// A replay leaves as the send queue drains. Until a pattern's subscriber has caught up, messages of topics without history
    /// do not come to it.
    ///
    /// # Errors
    /// As [`Conn::subscribe`], and [`SubscribeError::Ahead`].
    pub fn subscribe_from(&mut self, topic: &str, start: &Start<'_>) -> Result<Replay, SubscribeError> {
        self.local.subscribe_from(self.slot, topic, start)
    }

    /// What [`Conn::subscribe_from`] would begin with now, for who has to say so first.
    ///
    /// # Errors
    /// What is wrong with the name, and [`SubscribeError::Ahead`].
    pub fn replay(&self, topic: &str, start: &Start<'_>) -> Result<Replay, SubscribeError> {
        self.local.replay(topic, start)
    }

    /// Whether the rules (`[[topics]]`) let clients subscribe to this topic, or to all that a pattern may match; false for what is
    /// neither. Nothing else asks: a handler may subscribe a connection to what it likes.
    pub fn may_subscribe(&self, topic: &str) -> bool {
        self.local.may_subscribe(topic)
    }

    /// Whether the rules let clients publish such a message to this topic.
    pub fn may_publish<'m>(&self, topic: &str, message: impl Into<Message<'m>>) -> bool {
        self.local.may_publish(topic, message.into().into())
    }

    /// The shard's clock, which [`Start::since_ms`] is compared with: milliseconds since 1970-01-01 UTC at the beginning of this turn.
    /// It never steps back.
    pub fn now_ms(&self) -> u64 {
        self.local.wall_ms
    }

    /// Ends the subscription to this topic or pattern; false if there was none.
    pub fn unsubscribe(&mut self, topic: &str) -> bool {
        self.local.unsubscribe(self.slot, topic)
    }

    /// Publishes to all subscribers of a topic, and of patterns that match it, on all shards; this connection is among them if it
    /// subscribed.
    ///
    /// Publications leave at the end of the turn, behind what was sent to a connection directly.
    ///
    /// # Errors
    /// [`PublishError`] says why nothing was published: what is wrong with the name, wildcards for instance, or which limit stands
    /// in the way. Of a topic with history another shard may refuse a message later; it is counted then, and told by
    /// [`Conn::publish_acknowledged`] alone.
    #[inline]
    pub fn publish<'m>(&mut self, topic: &str, message: impl Into<Message<'m>>) -> Result<(), PublishError> {
        let message = message.into();
        self.local.publish(topic, (message.into(), message.as_bytes()), None)
    }

    /// As [`Conn::publish`], but this connection gets nothing of it, by none of its subscriptions.
    ///
    /// # Errors
    /// As [`Conn::publish`].
    pub fn publish_to_others<'m>(&mut self, topic: &str, message: impl Into<Message<'m>>) -> Result<(), PublishError> {
        let message = message.into();
        self.local.publish(topic, (message.into(), message.as_bytes()), Some(self.slot))
    }

    /// As [`Conn::publish`]; [`Handler::on_published`](crate::Handler::on_published) is told what became of it, with `token`.
    ///
    /// # Errors
    /// As [`Conn::publish`]; then `on_published` is not called.
    pub fn publish_acknowledged<'m>(
        &mut self,
        topic: &str,
        message: impl Into<Message<'m>>,
        token: u64,
    ) -> Result<(), PublishError> {
        self.publish_as_wished(topic, message.into(), token, false)
    }

    /// As [`Conn::publish_acknowledged`], told when the message is in the journal of the node.
    #[cfg(feature = "node")]
    pub(crate) fn publish_durably(
        &mut self,
        topic: &str,
        message: Message<'_>,
        token: u64,
    ) -> Result<(), PublishError> {
        self.publish_as_wished(topic, message, token, true)
    }

    fn publish_as_wished(
        &mut self,
        topic: &str,
        message: Message<'_>,
        token: u64,
        durable: bool,
    ) -> Result<(), PublishError> {
        let receipt = Some(Receipt { conn: self.id(), token });
        self.local.publish_ruled(topic, (message.into(), message.as_bytes()), None, Wish { receipt, durable })
    }

    /// WebSockets of this shard for which `on_open` was called and `on_close` was not, in `on_close` without this one; and streams
    /// and waiting polls of topics.
    pub fn shard_connections(&self) -> usize {
        self.local.open_count.taken() as usize
    }
}
