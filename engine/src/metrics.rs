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
    /// The messages in them; each counts for each subscriber.
    pub messages_delivered: u64,
    /// Bytes that sockets have taken.
    pub bytes_out: u64,
    /// Messages to single connections that a full send queue dropped.
    pub messages_dropped: u64,
    /// Messages of topics that subscribers did not get.
    pub losses: Losses,
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
    /// Waits for more publications, in a burst or after a fan-out, that brought some.
    pub windows: u64,
    /// Times that the completion queue overflowed.
    pub overflows: u64,
}

/// Messages of topics that subscribers did not get, by cause; each counted for each subscriber.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// Did not fit into the send queue, and the topic drops the newest.
    pub drop_newest: u64,
    /// Left the history before their turn came, and the topic drops the oldest.
    pub drop_oldest: u64,
    /// Replaced by a later message, as the topic wants it.
    pub conflate: u64,
    /// Did not fit into the send queue, and the topic disconnects: the connection was closed.
    pub disconnect: u64,
    /// Had left the history when a subscriber came back for them, or before its replay came to them.
    pub too_old: u64,
    /// Of a topic without history, while the subscriber of a pattern was catching up with others.
    pub no_history: u64,
}

/// Why a subscriber did not get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    DropNewest,
    DropOldest,
    Conflate,
    Disconnect,
    TooOld,
    NoHistory,
}

impl Losses {
    pub(crate) fn add(&mut self, cause: Loss, count: u64) {
        *match cause {
            Loss::DropNewest => &mut self.drop_newest,
            Loss::DropOldest => &mut self.drop_oldest,
            Loss::Conflate => &mut self.conflate,
            Loss::Disconnect => &mut self.disconnect,
            Loss::TooOld => &mut self.too_old,
            Loss::NoHistory => &mut self.no_history,
        } += count;
    }

    /// Every cause by its name.
    pub fn by_cause(&self) -> [(&'static str, u64); 6] {
        [
            ("drop_newest", self.drop_newest),
            ("drop_oldest", self.drop_oldest),
            ("conflate", self.conflate),
            ("disconnect", self.disconnect),
            ("too_old", self.too_old),
            ("no_history", self.no_history),
        ]
    }
}

/// How long publications took from their arrival at the node until their fan-out was handed to the kernel, by deliveries.
///
/// A publication arrives with the turn of the shard that its publisher is on, or with the call of a handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    counts: [u64; Self::BOUNDS_US.len() + 1],
    sum_us: u64,
}

impl Latency {
    /// Upper bounds of the buckets in microseconds; one more bucket has none.
    pub const BOUNDS_US: [u64; 19] = [
        10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
        2_500_000, 5_000_000, 10_000_000,
    ];

    pub(crate) fn add(&mut self, us: u64, deliveries: u64) {
        self.counts[Self::BOUNDS_US.partition_point(|&bound| bound < us)] += deliveries;
        self.sum_us += us * deliveries;
    }

    /// Deliveries that took no longer than each bound, and last those that took any time.
    pub fn cumulative(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        })
    }

    /// Deliveries.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Microseconds of all deliveries together.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }
}

impl std::ops::AddAssign for Latency {
    fn add_assign(&mut self, other: Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum_us += other.sum_us;
    }
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
    /// Topics with history, each counted on every shard.
    pub histories: u64,
    /// Bytes of histories; payloads are counted on every shard, though shards share them.
    pub history_bytes: u64,
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
    /// Since the start.
    pub latency: Latency,
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

sum_fields!(Counters: accepted opened refused bytes_in messages_in frames_out publications publications_refused deliveries messages_delivered bytes_out messages_dropped
    losses batches_dropped slow_consumers backpressure protocol_errors recv_buffers_exhausted stale_completions short_sends turns
    completions windows overflows);
sum_fields!(Losses: drop_newest drop_oldest conflate disconnect too_old no_history);
sum_fields!(Gauges: descriptors connections topics histories history_bytes recv_buffers_lent reassemblies queued_bytes);

impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.counters += other.counters;
        self.gauges += other.gauges;
        self.latency += other.latency;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_in_its_bucket_and_in_all_behind_it() {
        let mut latency = Latency::default();
        for (us, deliveries) in [(0, 1), (10, 1), (11, 5), (1_000, 10), (10_000_001, 2)] {
            latency.add(us, deliveries);
        }
        let found: Vec<_> = latency.cumulative().collect();
        assert_eq!(found.len(), Latency::BOUNDS_US.len() + 1);
        assert_eq!(found[..8], [2, 7, 7, 7, 7, 7, 17, 17]);
        assert_eq!((found[18], found[19], latency.count()), (17, 19, 19));
        assert_eq!(latency.sum_us(), 10 + 55 + 10_000 + 20_000_002);
    }

    #[test]
    fn bounds_rise() {
        assert!(Latency::BOUNDS_US.is_sorted_by(|one, next| one < next));
    }
}
