//! What a shard counts. Plain numbers that the shard alone writes; others get copies.

/// Counters of one shard, or summed over several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections accepted.
    pub accepted: u64,
    /// WebSockets opened.
    pub opened: u64,
    /// Handshakes and requests refused.
    pub refused: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Data messages received.
    pub messages_in: u64,
    /// Frames queued to single connections; fan-out counts as deliveries.
    pub frames_out: u64,
    /// Messages published.
    pub publications: u64,
    /// Publications to topics with history that were refused by the shard that numbers them.
    pub publications_refused: u64,
    /// Batches of publications handed to subscribers.
    pub deliveries: u64,
    /// Messages that a full send queue dropped.
    pub messages_dropped: u64,
    /// Batches of publications that a full queue between two shards dropped.
    pub batches_dropped: u64,
    /// Connections closed because their send queue was full.
    pub slow_consumers: u64,
    /// Times that a send queue passed its high mark.
    pub backpressure: u64,
    /// Connections closed for a protocol violation.
    pub protocol_errors: u64,
    /// Recvs that found no buffer (`ENOBUFS`).
    pub recv_buffers_exhausted: u64,
    /// Completions of connections that were gone.
    pub stale_completions: u64,
    /// Sends that the socket took only in part.
    pub short_sends: u64,
    /// Turns of the shard's loop.
    pub turns: u64,
    /// Completions handled.
    pub completions: u64,
    /// Publication windows that were opened (a wait for more of a burst).
    pub windows: u64,
    /// Times that the completion queue overflowed.
    pub overflows: u64,
}

/// What a shard holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Descriptors in use, whatever their state.
    pub descriptors: u64,
    /// Open WebSockets.
    pub connections: u64,
    /// Topics and patterns with subscribers.
    pub topics: u64,
    /// Recv buffers lent to the shard.
    pub recv_buffers_lent: u64,
    /// Reassembly states in use.
    pub reassemblies: u64,
    /// Bytes in send queues.
    pub queued_bytes: u64,
}

/// A moment of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Since the start.
    pub counters: Counters,
    /// Now.
    pub gauges: Gauges,
}

macro_rules! sum_fields {
    ($type:ident: $($field:ident)*) => {
        impl std::ops::AddAssign for $type {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

sum_fields!(Counters: accepted opened refused bytes_in messages_in frames_out publications publications_refused deliveries messages_dropped
    batches_dropped slow_consumers backpressure protocol_errors recv_buffers_exhausted stale_completions short_sends turns
    completions windows overflows);
sum_fields!(Gauges: descriptors connections topics recv_buffers_lent reassemblies queued_bytes);

impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.counters += other.counters;
        self.gauges += other.gauges;
    }
}
