//! What a shard remembers of one connection.

use super::Channel;
use super::arena::{CHUNK_BYTES, Segment};
use super::peer::Peer;
use super::queue::SendQueue;
use crate::proto::Decoder;

/// Most of one connection's bytes that a turn leaves in the shared arena; more goes to the connection's own queue.
pub(crate) const ARENA_SHARE_MAX: usize = CHUNK_BYTES / 4 * 3;

/// Longest message among them: up to here a copy costs less than a send of its own.
pub(crate) const ARENA_MESSAGE_MAX: usize = CHUNK_BYTES / 4;

/// Where a connection is in its life. The order is the order in which phases follow each other; `Http` may end at `Lingering`, and is
/// followed by `Stream` or by `Open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Nobody.
    Free,
    /// Reading request heads, sending responses. A poll that waits is here too, with its subscription.
    Http,
    /// The answer is a stream of events: what the peer sends is thrown away.
    Stream,
    /// A WebSocket on which messages pass.
    Open,
    /// A close frame was sent or received, not yet both.
    Closing,
    /// Close frames are exchanged or the response is complete: what is queued leaves, then the socket closes.
    Flushing,
    /// Our half is shut down; what the peer still sends is thrown away until it closes too. Without this, unread input
    /// would turn our last bytes into a reset.
    Lingering,
    /// Over for the application; waits for its ops to complete.
    Dead,
    /// The close of its descriptor is asked for.
    Releasing,
}

/// The recv that the kernel has of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Recv {
    None,
    /// Into recv buffers, one after the other: what nearly all connections have at nearly all times.
    Multishot,
    /// Into one recv buffer.
    Once,
    /// Into the decoder's own memory, which lives as long (rule 1).
    Rest,
}

/// Whether the peer gets time to read our last bytes, and how far that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Linger {
    /// It needs none.
    No,
    /// When all is flushed, our half of the connection ends, and the peer's rest is thrown away.
    Wanted,
    /// The end of our half is asked for. A worker thread looks the descriptor up when it gets to it, so that closing the
    /// descriptor before would shut down its next holder.
    Asked,
    /// Our half has ended.
    Done,
}

/// One connection's place in its shard: two cache lines with a small `D`, and what every message needs in the first.
///
/// The order of the fields is that of memory: the eight bytes from `phase` on are read as one number by [`Slot::status`].
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slot<D> {
    /// Counts the holders of this slot, modulo 2²⁴.
    pub(crate) generation: u32,
    /// When the last bytes came, in timer ticks; of a stream, also when the last ones went.
    pub(crate) received_at: u32,
    pub(crate) phase: Phase,
    /// The front of `queue` is in flight.
    pub(crate) sending: bool,
    /// The recv that the kernel has.
    pub(crate) recv: Recv,
    /// Its cancel is asked for.
    pub(crate) recv_cancelling: bool,
    /// Queued bytes passed the high mark and not yet the low one.
    pub(crate) congested: bool,
    /// The application wants no messages for now.
    pub(crate) paused: bool,
    /// A ping of ours is unanswered.
    pub(crate) ping_unanswered: bool,
    /// In the shard's list of connections that need ops pushed at the end of the turn.
    pub(crate) dirty: bool,
    /// Pending in the send arena.
    pub(crate) segment: Segment,
    /// What was sent last from there, and may yet turn out to have fallen short while `flight` is the shard's.
    pub(crate) sent: Segment,
    /// The number of that flight.
    pub(crate) flight: u32,
    /// Index of the route that accepted it.
    pub(crate) route: u16,
    /// The subprotocol, as a number of the shard's; 0 for none.
    pub(crate) protocol: u8,
    /// The application was told of the end.
    pub(crate) close_told: bool,
    /// How it gets messages of topics.
    pub(crate) channel: Channel,
    /// In the shard's list of those that wait to catch up.
    pub(crate) waits: bool,
    /// Messages of topics that it did not get; stays at its most.
    pub(crate) lost_count: u32,
    /// What did not fit into the socket; comes after `segment`.
    pub(crate) queue: Option<Box<SendQueue>>,
    /// An incomplete request head, or input that waits for a congested or paused connection.
    #[expect(clippy::box_collection, reason = "a third of a Vec's size in every idle slot")]
    pub(crate) input: Option<Box<Vec<u8>>>,
    pub(crate) decoder: Decoder,
    /// The application's own.
    pub(crate) data: D,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) peer: Peer,
    pub(crate) linger: Linger,
    /// The peer will send no more.
    pub(crate) peer_finished: bool,
    /// Left out of the fan-out that is under way.
    pub(crate) excluded: bool,
    /// The cancel of the send in flight is asked for.
    pub(crate) send_cancelling: bool,
    /// Its last message was large: the next is received in one recv for its beginning and others for the rest.
    pub(crate) is_bulky: bool,
}

/// The [status](Slot::status) of a connection that is open, takes messages, is not behind and not dirty.
const READY: u64 = open_status(0);

/// The same with a reply pending.
const REPLYING: u64 = open_status(1);

const fn open_status(dirty: u8) -> u64 {
    let sending = 0;
    u64::from_le_bytes([Phase::Open as u8, sending, Recv::Multishot as u8, 0, 0, 0, 0, dirty])
}

/// A connection's place among a topic's subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) topic: u32,
    pub(crate) position: u32,
}

impl<D: Default> Slot<D> {
    pub(crate) fn free() -> Self {
        Self {
            generation: 0,
            phase: Phase::Free,
            sending: false,
            recv: Recv::None,
            recv_cancelling: false,
            dirty: false,
            congested: false,
            paused: false,
            ping_unanswered: false,
            close_told: false,
            channel: Channel::default(),
            waits: false,
            lost_count: 0,
            linger: Linger::No,
            peer_finished: false,
            excluded: false,
            send_cancelling: false,
            is_bulky: false,
            received_at: 0,
            segment: Segment::default(),
            sent: Segment::default(),
            flight: 0,
            decoder: Decoder::default(),
            queue: None,
            input: None,
            subscriptions: Vec::new(),
            peer: Peer::UNKNOWN,
            route: 0,
            protocol: 0,
            data: D::default(),
        }
    }
}

impl<D> Slot<D> {
    /// Bytes that the socket has not taken, as far as is known.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.segment.len() + self.queue.as_ref().map_or(0, |queue| queue.len())
    }

    /// Whether `bytes` more may wait in the shared arena: behind others of this turn, and not too many of them.
    #[inline]
    pub(crate) fn takes_in_arena(&self, bytes: usize) -> bool {
        self.queue.is_none() && bytes <= ARENA_MESSAGE_MAX && self.segment.len() + bytes <= ARENA_SHARE_MAX
    }

    /// Eight bytes as one number, so that the common case is one comparison.
    #[inline(always)]
    fn status(&self) -> u64 {
        u64::from_le_bytes([
            self.phase as u8,
            u8::from(self.sending),
            self.recv as u8,
            u8::from(self.recv_cancelling),
            u8::from(self.congested),
            u8::from(self.paused),
            u8::from(self.ping_unanswered),
            u8::from(self.dirty),
        ])
    }

    /// Open, taking messages, nothing queued, nothing held: what most connections are at most times.
    #[inline(always)]
    pub(crate) fn is_ready(&self) -> bool {
        self.status() == READY && self.queue.is_none() && self.input.is_none()
    }

    /// As [`Slot::is_ready`], but dirty, and with a segment to send.
    #[inline(always)]
    pub(crate) fn is_replying(&self) -> bool {
        self.status() == REPLYING && self.queue.is_none() && self.input.is_none() && !self.segment.is_empty()
    }

    /// Nothing waits: once the last flight is settled, all is out.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        self.segment.is_empty() && self.queue.is_none()
    }

    /// Whether it has to catch up with this topic.
    pub(crate) fn is_behind(&self, topic: u32) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.behind.iter().any(|behind| behind.topic == topic))
    }

    /// Whether messages of topics may be sent to it.
    pub(crate) fn may_subscribe(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Stream) || self.is_parked()
    }

    /// Whether it has a poll that waits for a message.
    pub(crate) fn is_parked(&self) -> bool {
        self.phase == Phase::Http && self.channel == Channel::Polls
    }

    /// Whether messages may be handed to the application as they come.
    #[inline]
    pub(crate) fn takes_messages(&self) -> bool {
        !(self.congested | self.paused | self.input.is_some())
    }

    /// Whether no op refers to its descriptor or its memory, so that the descriptor may be closed.
    pub(crate) fn is_idle(&self) -> bool {
        !self.sending && self.recv == Recv::None && self.linger != Linger::Asked
    }

    /// Notes that the kernel will not deliver more from the recv that was armed.
    pub(crate) fn note_recv_ended(&mut self) {
        self.recv = Recv::None;
        self.recv_cancelling = false;
    }

    /// Whether its recv should be armed.
    #[inline]
    pub(crate) fn wants_input(&self) -> bool {
        match self.phase {
            Phase::Http | Phase::Open | Phase::Closing => !self.congested && !self.paused && !self.peer_finished,
            Phase::Stream | Phase::Flushing | Phase::Lingering => !self.peer_finished,
            Phase::Free | Phase::Dead | Phase::Releasing => false,
        }
    }

    /// The invariants that hold between turns, while `flight` is under way; panics with the first that does not.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn invariants(&self, flight: u32) {
        let flies = self.flight == flight;
        assert_eq!(self.sending, self.queue.as_ref().is_some_and(|queue| queue.is_in_flight()));
        assert!(self.segment.is_empty(), "a turn ended before it sent a segment");
        assert!(!self.recv_cancelling || self.recv != Recv::None, "a recv is cancelled that is not armed");
        assert!(!self.excluded, "an exclusion outlived its fan-out");
        assert!(!self.dirty, "a turn ended before it looked at the connection");
        assert!(
            self.phase >= Phase::Dead || self.is_clear() || self.sending || flies || self.waits,
            "bytes were forgotten"
        );
        assert!(!self.wants_input() || self.recv != Recv::None, "input is wanted and no recv is armed");
        assert!(self.phase < Phase::Flushing || self.close_told, "the application was not told of the end");
        self.phase_invariants(flies);
    }

    #[cfg(any(test, feature = "sim"))]
    fn phase_invariants(&self, flies: bool) {
        let held = self.input.is_some();
        let is_idle = self.is_idle();
        match self.phase {
            Phase::Http => assert_eq!(self.subscriptions.len(), usize::from(self.is_parked()), "polls alone wait"),
            Phase::Stream => assert!(!held && self.subscriptions.len() == 1, "a stream is one subscription"),
            Phase::Open | Phase::Closing => {
                assert!(!held || self.congested || self.paused, "held input waits for nothing");
                let unwanted = self.congested || self.paused;
                assert!(!unwanted || self.recv == Recv::None || self.recv_cancelling, "input comes that is not wanted");
            }
            Phase::Flushing => assert!(!held && (!self.is_clear() || flies), "a flushed connection stays"),
            Phase::Lingering => assert!(!held && self.is_clear() && !self.peer_finished, "a lingering one has its end"),
            Phase::Dead => {
                assert!(!is_idle || flies, "a dead connection without ops was not closed");
                let cancels =
                    (self.recv == Recv::None || self.recv_cancelling) && (!self.sending || self.send_cancelling);
                assert!(cancels, "a dead connection waits for an op that nobody cancels");
            }
            Phase::Releasing => assert!(is_idle && self.queue.is_none(), "a descriptor was closed under its ops"),
            Phase::Free => {
                assert!(is_idle && self.is_clear() && !held && self.subscriptions.is_empty());
                assert!(self.decoder.is_between_messages(), "a free slot holds reassembly memory");
            }
        }
    }
}
