//! What a configuration lets a server hold in memory at worst, summed from one line per holder.
//!
//! The sum is an upper bound that no peer can pass, not a forecast: an idle connection costs its slot and nothing else.
//! The sizes of our own structures stand here as constants; where a structure is defined, an assertion at compile time
//! keeps it from outgrowing its constant.
//!
//! Not here: the kernel's socket buffers, which `tcp_mem` and the socket options bound, and code and stacks.

use std::fmt;

use super::ValidConfig;
use super::text::{human_bytes, plural};

/// Bytes of one connection slot: state, timers, the send queue's header, its place in lists.
pub const CONNECTION_SLOT_BYTES: u64 = 256;
/// Bytes of one topic or pattern in a shard's table, without its name, with what is counted of its losses.
pub const TOPIC_ENTRY_BYTES: u64 = 200;
/// Bytes of one token of a pattern, without its characters.
pub const PATTERN_NODE_BYTES: u64 = 72;
/// Bytes of one subscription: the topic's side and the connection's side.
pub const SUBSCRIPTION_BYTES: u64 = 16;
/// Bytes of one entry of a queue between shards, or from another thread to a shard, without the message it refers to.
pub const QUEUE_ENTRY_BYTES: u64 = 64;
/// Bytes of one message in a history, without its payload.
pub const HISTORY_ENTRY_BYTES: usize = 56;
/// Bytes of one entry of the journal's queue, or of one that waits for a sync, without the message.
pub const JOURNAL_ENTRY_BYTES: u64 = 128;
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
    /// Shards that the sums are over.
    pub shard_count: usize,
    /// Who holds how much, over all shards.
    pub holders: Vec<Holder>,
}

/// One line of a [`Budget`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What holds it.
    pub name: &'static str,
    /// Settings that bound it.
    pub settings: &'static str,
    /// How the sum is made.
    pub sum: String,
    /// Most bytes it holds, over all shards.
    pub bytes: u64,
    /// Whether every peer has a part in it.
    pub per_connection: bool,
}

/// A warning supposes that one peer in so many does its worst at the same time as the others.
const PEERS_PER_WORST: u64 = 10;

impl Budget {
    /// Sums what `shard_count` shards with this configuration may hold.
    pub fn new(config: &ValidConfig, shard_count: usize) -> Self {
        let mut holders = per_connection(config);
        holders.extend(per_shard(config, shard_count as u64));
        holders.push(histories(config, shard_count as u64));
        holders.extend(queues(config, shard_count as u64));
        holders.extend(journal(config));
        Self { shard_count, holders }
    }

    /// Most bytes that the server holds.
    pub fn total_bytes(&self) -> u64 {
        self.holders.iter().fold(0, |sum, holder| sum.saturating_add(holder.bytes))
    }

    /// A warning when one peer in ten can make the server hold more than `memory_bytes`, what the machine or its control group
    /// has. That all do their worst at once is what the sum says, and no reason to be alarmed at every start.
    pub fn warning(&self, memory_bytes: u64) -> Option<String> {
        let held = |holder: &Holder| if holder.per_connection { holder.bytes / PEERS_PER_WORST } else { holder.bytes };
        let bytes = self.holders.iter().fold(0u64, |sum, holder| sum.saturating_add(held(holder)));
        (bytes > memory_bytes).then(|| {
            format!(
                "if one peer in ten did its worst, the server would hold {}, more than the {} there are",
                human_bytes(bytes),
                human_bytes(memory_bytes),
            )
        })
    }

    /// Which settings shrink the sum, one alternative a line: those of the two largest holders.
    pub fn advice(&self) -> String {
        let mut holders: Vec<_> = self.holders.iter().collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.bytes));
        let part = |holder: &&Holder| {
            let Holder { name, bytes, settings, .. } = holder;
            format!("lower {settings} ({name}: {})", human_bytes(*bytes))
        };
        let parts: Vec<_> = holders.iter().take(2).map(part).collect();
        parts.join("\n")
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Holder { name, sum, bytes, .. } in &self.holders {
            writeln!(out, "{name:<22} {:>10}  {sum}", human_bytes(*bytes))?;
        }
        write!(out, "{:<22} {:>10}", "sum, at worst", human_bytes(self.total_bytes()))
    }
}

/// What each connection may hold.
fn per_connection(config: &ValidConfig) -> Vec<Holder> {
    let line = |name, settings, each| {
        let factors = [(u64::from(config.connections_max), "connections"), (each, "B")];
        Holder { per_connection: true, ..holder(name, settings, &factors) }
    };
    vec![
        // A head that came in parts is kept until it is whole.
        line("request heads", "connections_max or head_bytes_max", config.head_bytes_max as u64),
        // A message that spans recv buffers is kept until it is whole.
        line("reassembly buffers", "connections_max or message_bytes_max", config.message_bytes_max as u64),
        // What the kernel had received when a slow peer's recv was cancelled: it goes round 32 times before it looks up.
        line("held input", "connections_max or recv_buffer_bytes", 32 * config.recv_buffer_bytes as u64),
        // Frames that the peer has not taken yet, or one more message than makes it slow. Bytes that several subscribers share are
        // counted for each.
        line(
            "send queues",
            "connections_max or send_queue_bytes_max",
            config.send_queue_bytes_max.max(config.send_queue_bytes_high + config.message_bytes_max) as u64,
        ),
        // Both ends of each subscription.
        line(
            "subscriptions",
            "subscriptions_per_connection_max",
            u64::from(config.subscriptions_per_connection_max) * SUBSCRIPTION_BYTES,
        ),
    ]
}

/// What each shard may hold, however many connections it has.
fn per_shard(config: &ValidConfig, shards: u64) -> Vec<Holder> {
    let line = |name, settings, count: u32, each| {
        holder(name, settings, &[(shards, "shards"), (u64::from(count), ""), (each, "B")])
    };
    let room = config.connections_room(shards as usize);
    vec![
        // The kernel's side of a direct descriptor.
        line("file tables", "connections_max", room, FILE_SLOT_BYTES),
        // Allocated with the shard, touched when a connection comes.
        line("connection slots", "connections_max", room, CONNECTION_SLOT_BYTES),
        // Lent to the kernel and back within a turn.
        line(
            "recv buffers",
            "recv_buffer_count or recv_buffer_bytes",
            config.recv_buffer_count,
            config.recv_buffer_bytes as u64 + BUFFER_DESCRIPTOR_BYTES,
        ),
        // Submission and completion queue, shared with the kernel.
        line("rings", "ring_entries", config.ring_entries, RING_ENTRY_BYTES),
        // Frames encoded during one turn, before they are on send queues or sent.
        line("send arenas", "turn_bytes_max", 1, config.turn_bytes_max as u64),
        // Names and tables of topics and patterns that have subscribers. At worst all are patterns, which are held once whole
        // and once in tokens, and share none.
        line(
            "topics",
            "topics_max, topic_name_bytes_max or topic_tokens_max",
            config.topics_max,
            TOPIC_ENTRY_BYTES
                + 2 * config.topic_name_bytes_max as u64
                + u64::from(config.topic_tokens_max) * PATTERN_NODE_BYTES,
        ),
    ]
}

/// The newest messages of topics: every shard has them all. A payload is there once for all shards, so that only messages that are
/// smaller than their overhead come near the sum.
fn histories(config: &ValidConfig, shards: u64) -> Holder {
    let keeps = config.topics.iter().any(|rule| rule.history_count > 0);
    let each = if keeps { config.history_bytes_max as u64 } else { 0 };
    holder("histories", "history_bytes_max", &[(shards, "shards"), (each, "B")])
}

/// What waits for a shard: entries, and the bytes that they refer to.
fn queues(config: &ValidConfig, shards: u64) -> Vec<Holder> {
    let line = |name, settings, queues, count: u32, bytes_max: usize| {
        // One message is taken whatever its size.
        let each = u64::from(count) * QUEUE_ENTRY_BYTES + bytes_max.max(config.message_bytes_max) as u64;
        holder(name, settings, &[(queues, "queues"), (each, "B")])
    };
    vec![
        // One for each ordered pair of shards.
        line(
            "queues between shards",
            "shard_queue_bytes_max",
            shards * shards.saturating_sub(1),
            config.shard_queue_count,
            config.shard_queue_bytes_max,
        ),
        // One for each shard, from all other threads.
        line(
            "command queues",
            "command_queue_bytes_max",
            shards,
            config.command_queue_count,
            config.command_queue_bytes_max,
        ),
    ]
}

/// What the journal may hold, if there is one: messages that wait, and their copies that are written, which the queue bounds too.
fn journal(config: &ValidConfig) -> Option<Holder> {
    let journal = &config.journal;
    journal.dir.as_ref()?;
    let waiting = journal.queue_bytes_max.max(config.message_bytes_max) as u64;
    let each = u64::from(journal.queue_count) * JOURNAL_ENTRY_BYTES + waiting;
    let factors = [(2, "parts"), (each, "B")];
    Some(holder("journal", "journal.queue_count or journal.queue_bytes_max", &factors))
}

/// A product as a [`Holder`]: factors with what they count.
fn holder(name: &'static str, settings: &'static str, factors: &[(u64, &'static str)]) -> Holder {
    let bytes = factors.iter().fold(1u64, |product, &(factor, _)| product.saturating_mul(factor));
    let factors = factors.iter().filter(|&&(factor, unit)| factor != 1 || !unit.is_empty());
    let sum: Vec<_> = factors
        .map(|&(factor, unit)| match unit {
            "" => factor.to_string(),
            "B" => human_bytes(factor),
            // Units stand in the plural.
            unit => plural(factor as usize, unit.trim_end_matches('s')),
        })
        .collect();
    Holder { name, settings, sum: sum.join(" × "), bytes, per_connection: false }
}
