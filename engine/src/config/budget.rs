//! What a configuration lets a server hold in memory at worst, summed from one line per holder.
//!
//! The sum is an upper bound that no peer can pass, not a forecast: an idle connection costs its slot and nothing else.
//! The sizes of our own structures stand here as constants; where a structure is defined, an assertion at compile time
//! keeps it from outgrowing its constant.
//!
//! Not here: the kernel's socket buffers, which `tcp_mem` and the socket options bound, and code and stacks.

use std::fmt;

use super::ValidConfig;
use super::text::human_bytes;

/// Bytes of one connection slot: state, timers, the send queue's header, its place in lists.
pub const CONNECTION_SLOT_BYTES: u64 = 256;
/// Bytes of one topic in a shard's table, without its name.
pub const TOPIC_ENTRY_BYTES: u64 = 96;
/// Bytes of one subscription: the topic's side and the connection's side.
pub const SUBSCRIPTION_BYTES: u64 = 16;
/// Bytes of one entry of a queue between shards, or from another thread to a shard, without the message it refers to.
pub const QUEUE_ENTRY_BYTES: u64 = 64;
/// Bytes of a submission queue entry, the index array included, and of its share of the completion queue, which we
/// make four times as long.
pub const RING_ENTRY_BYTES: u64 = 64 + 4 + 4 * 16;
/// Bytes of an entry of a ring's file table in the kernel, with its resource tag.
pub const FILE_SLOT_BYTES: u64 = 16;
/// Bytes of one registered recv buffer's descriptor.
pub const BUFFER_DESCRIPTOR_BYTES: u64 = 16;

/// What a server may hold in memory at worst.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Who holds how much, over all shards.
    pub holders: Vec<Holder>,
}

/// One line of a [`Budget`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What holds it.
    pub name: &'static str,
    /// How the sum is made.
    pub sum: String,
    /// Most bytes it holds, over all shards.
    pub bytes: u64,
}

impl Budget {
    /// Sums what `shard_count` shards with this configuration may hold.
    pub fn new(config: &ValidConfig, shard_count: usize) -> Self {
        let shards = shard_count as u64;
        let connections = u64::from(config.connections_max);
        let subscriptions = u64::from(config.subscriptions_per_connection_max);
        let per_shard = |name, count: u64, each: u64| holder(name, &[(shards, "shards"), (count, ""), (each, "B")]);
        let per_connection = |name, each: u64| holder(name, &[(connections, "connections"), (each, "B")]);
        let holders = vec![
            // Lent to the kernel and back within a turn.
            per_shard(
                "recv buffers",
                u64::from(config.recv_buffer_count),
                config.recv_buffer_bytes as u64 + BUFFER_DESCRIPTOR_BYTES,
            ),
            // Submission and completion queue, shared with the kernel.
            per_shard("rings", u64::from(config.ring_entries), RING_ENTRY_BYTES),
            // One entry per connection, and those being accepted, in the ring's own file table.
            per_connection("file tables", FILE_SLOT_BYTES),
            // Allocated with the shard, touched when a connection comes.
            per_connection("connection slots", CONNECTION_SLOT_BYTES),
            // A head that came in parts is kept until it is whole.
            per_connection("request heads", config.head_bytes_max as u64),
            // A message that spans recv buffers is kept until it is whole.
            per_connection("reassembly buffers", config.message_bytes_max as u64),
            // Frames that the peer has not taken yet. Bytes that several subscribers share are counted for each.
            per_connection("send queues", config.send_queue_bytes_max as u64),
            // Names and tables of topics that have subscribers.
            per_shard("topics", u64::from(config.topics_max), TOPIC_ENTRY_BYTES + config.topic_name_bytes_max as u64),
            // Both ends of each subscription.
            per_connection("subscriptions", subscriptions.saturating_mul(SUBSCRIPTION_BYTES)),
            // One queue for each ordered pair of shards, each entry at worst the only owner of its message.
            holder(
                "queues between shards",
                &[
                    (shards * shards.saturating_sub(1), "pairs"),
                    (u64::from(config.shard_queue_count), ""),
                    (QUEUE_ENTRY_BYTES + config.message_bytes_max as u64, "B"),
                ],
            ),
            // From other threads, likewise.
            per_shard(
                "command queues",
                u64::from(config.command_queue_count),
                QUEUE_ENTRY_BYTES + config.message_bytes_max as u64,
            ),
        ];
        Self { holders }
    }

    /// Most bytes that the server holds.
    pub fn total_bytes(&self) -> u64 {
        self.holders.iter().fold(0, |sum, holder| sum.saturating_add(holder.bytes))
    }

    /// A warning when the sum is above `memory_bytes`, what the machine or its control group has; it names the largest
    /// holder and the setting that shrinks it.
    pub fn warning(&self, memory_bytes: u64) -> Option<String> {
        let total = self.total_bytes();
        let largest = self.holders.iter().max_by_key(|holder| holder.bytes)?;
        (total > memory_bytes).then(|| {
            format!(
                "at worst the server holds {}, more than the {} there are; most of it: {} ({})",
                human_bytes(total),
                human_bytes(memory_bytes),
                largest.name,
                largest.sum,
            )
        })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Holder { name, sum, bytes } in &self.holders {
            writeln!(out, "{name:<22} {:>10}  {sum}", human_bytes(*bytes))?;
        }
        write!(out, "{:<22} {:>10}", "sum, at worst", human_bytes(self.total_bytes()))
    }
}

/// A product as a [`Holder`]: factors with what they count.
fn holder(name: &'static str, factors: &[(u64, &'static str)]) -> Holder {
    let bytes = factors.iter().fold(1u64, |product, &(factor, _)| product.saturating_mul(factor));
    let sum: Vec<_> = factors
        .iter()
        .map(|&(factor, unit)| match unit {
            "" => factor.to_string(),
            "B" => human_bytes(factor),
            unit => format!("{factor} {unit}"),
        })
        .collect();
    Holder { name, sum: sum.join(" × "), bytes }
}
