//! What a client knows of one connection.
//!
//! ```text
//! Free ─► Connecting ─► Opening ─► Open ─► Closing ─► Dead ─► Releasing ─► Free
//!              └────────────┴─ raw ─┘  └─ lost ────────┘
//! ```

use super::opening::Opening;
use crate::conn::arena::Segment;
use crate::conn::queue::SendQueue;
use crate::conn::slot::ARENA_SHARE_MAX;
use crate::proto::Decoder;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    Free,
    /// TCP is not connected yet.
    Connecting,
    /// The request is sent, the response not there.
    Opening,
    Open,
    /// A close frame was sent or received; the server ends TCP.
    Closing,
    /// Nothing comes or goes any more; ops are in flight.
    Dead,
    /// The descriptor is being closed.
    Releasing,
}

/// One connection. Its index is its direct descriptor.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) generation: u32,
    pub(super) phase: Phase,
    pub(super) is_raw: bool,
    /// It is in the list of those that the flush looks at.
    pub(super) dirty: bool,
    pub(super) recv_armed: bool,
    /// A patient send is in flight.
    pub(super) sending: bool,
    /// A connect is in flight.
    pub(super) connecting: bool,
    pub(super) recv_cancelling: bool,
    /// The cancel of the send or connect in flight is asked for.
    pub(super) send_cancelling: bool,
    pub(super) close_sent: bool,
    /// It broke a rule, and nothing more is listened to.
    pub(super) is_deaf: bool,
    /// The handler heard of the end.
    pub(super) end_told: bool,
    pub(super) decoder: Decoder,
    /// Frames of this turn.
    pub(super) segment: Segment,
    /// Frames of the last turn, while they may fall short.
    pub(super) sent: Segment,
    pub(super) queue: Option<Box<SendQueue>>,
    pub(super) opening: Option<Box<Opening>>,
}

impl Slot {
    pub(super) fn free(generation: u32) -> Self {
        Self {
            generation,
            phase: Phase::Free,
            is_raw: false,
            dirty: false,
            recv_armed: false,
            sending: false,
            connecting: false,
            recv_cancelling: false,
            send_cancelling: false,
            close_sent: false,
            is_deaf: false,
            end_told: false,
            decoder: Decoder::new(),
            segment: Segment::default(),
            sent: Segment::default(),
            queue: None,
            opening: None,
        }
    }

    /// Whether `bytes` more may lie with the turn's other frames.
    #[inline(always)]
    pub(super) fn takes_in_arena(&self, bytes: usize) -> bool {
        self.queue.is_none() && self.segment.len() + bytes <= ARENA_SHARE_MAX
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.segment.len() + self.queue.as_ref().map_or(0, |queue| queue.len())
    }

    /// Whether no op refers to it.
    pub(super) fn is_idle(&self) -> bool {
        !self.recv_armed && !self.sending && !self.connecting
    }
}
