//! What an operator or embedder may set; every field bounded and checked.
//!
//! [`Config`] is a plain struct with a default for every field. [`Config::validated`] turns it into a
//! [`ValidConfig`], the only form that a server accepts, so that a limit which was not checked cannot reach a shard.
//! [`mod@file`] reads and prints it as TOML, [`budget`] sums what it lets a shard hold.
//!
//! Not here: the command line (`edge::cli`), and checks that need to look at the machine (`edge::check`, and the start).

mod admin;
pub mod budget;
pub mod file;
mod journal;
mod limits;
pub(crate) mod name;
#[cfg(test)]
mod tests;
pub mod text;
mod topics;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use admin::{Admin, ParseTokenError, Token};
pub use budget::Budget;
pub use file::FileError;
pub use journal::{Fsync, JournalConfig};
pub use limits::{ConfigError, Problem, ValidConfig};
pub use topics::{Access, MessageTypes, TopicConfig, TopicOverflow};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Every knob of a server.
///
/// Set what you need and take the rest from [`Config::default`]:
///
/// ```
/// use ringwire::config::{Config, Shards};
///
/// let config = Config { shards: Shards::Count(2), connections_max: 50_000, ..Config::default() };
/// let config = config.validated().expect("both are within their ranges");
/// assert_eq!(config.connections_share(2, 0), 25_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address that every shard listens on (`SO_REUSEPORT`). Default 127.0.0.1:9001: reaching beyond this machine is
    /// a decision of the operator's. In a file, as on the command line, a port alone or `localhost` with a port is one of
    /// 127.0.0.1.
    #[serde(with = "text::listen")]
    pub listen: SocketAddr,

    /// Number of shards, each one thread with one ring. 1 to 1024, default one per core that the process may use.
    pub shards: Shards,

    /// Which core each shard's thread is pinned to. Default: one each, where there are cores enough.
    pub pin: Pin,

    /// Connections of the whole server, on whichever shards the kernel puts them. 1 to 16,777,216, default 10,000. Each shard
    /// has descriptors for twice its even share, and for 1024 at least, as far as `RLIMIT_NOFILE` goes, which bounds a ring's
    /// file table; the start checks that it goes as far as the share.
    pub connections_max: u32,

    /// Bytes of a request head, request line included; a longer one is refused with 431. 256 B to 1 MiB, default
    /// 16 KiB, which is what proxies in front of a server commonly let through.
    #[serde(with = "text::bytes")]
    pub head_bytes_max: usize,

    /// Time from accept to the complete request head; a slower one is refused with 408. 10 ms to 1 h, default 10 s:
    /// generous for a bad radio link, and it bounds how long a slow-drip head holds a slot.
    #[serde(with = "text::duration")]
    pub handshake_timeout: Duration,

    /// A connection from which no byte came for this long is closed; a pong is bytes, so pings keep it alive. 10 ms
    /// to 24 h or off, default 120 s.
    #[serde(with = "text::duration_or_off")]
    pub idle_timeout: Option<Duration>,

    /// A connection from which no byte came for this long is sent a ping. 10 ms to 24 h or off, default 30 s, which
    /// is below the idle time-out of common proxies (60 s). Must be shorter than `idle_timeout`.
    #[serde(with = "text::duration_or_off")]
    pub ping_interval: Option<Duration>,

    /// Time that a peer has to answer our ping before its connection is cut. 10 ms to 1 h, default 10 s.
    #[serde(with = "text::duration")]
    pub pong_timeout: Duration,

    /// Time for each step of an orderly end, after which the connection is cut: for the peer to answer our close frame, which
    /// leaves behind all that is queued; for what is queued to leave once the peer's close frame came, or we refused its
    /// request or failed it; and then for the peer to close its end. 10 ms to 1 h, default 5 s. So it bounds the whole last
    /// flush: a peer that takes longer to read a full send queue loses the rest of it.
    #[serde(with = "text::duration")]
    pub close_timeout: Duration,

    /// Time between the close frame 1001 and the cut when the server stops. 0 (cut at once) to 1 h, default 10 s.
    #[serde(with = "text::duration")]
    pub shutdown_grace: Duration,

    /// Bytes of one received message's payload, all its frames together; a longer one closes with 1009. 1 B to
    /// 1 GiB, default 1 MiB. A message that spans recv buffers is reassembled, so this bounds memory per connection.
    #[serde(with = "text::bytes")]
    pub message_bytes_max: usize,

    /// Queued bytes above which a connection counts as slow: senders are told `Backpressure`, and its recv is
    /// cancelled. Default 256 KiB, at most `send_queue_bytes_max`.
    #[serde(with = "text::bytes")]
    pub send_queue_bytes_high: usize,

    /// Queued bytes below which a slow connection counts as drained: `on_drain` is called, and its recv is armed
    /// again. Default 64 KiB, below `send_queue_bytes_high` so that the two do not flap.
    #[serde(with = "text::bytes")]
    pub send_queue_bytes_low: usize,

    /// Bytes that a slow connection's send queue holds at most; what happens then is `overflow`. One that is not slow yet takes a message
    /// whatever its size, so that nothing is dropped before `Backpressure` was told. 1 KiB to 4 GiB, default 1 MiB.
    #[serde(with = "text::bytes")]
    pub send_queue_bytes_max: usize,

    /// What happens to a message that does not fit into a send queue. Default `disconnect`.
    pub overflow: Overflow,

    /// Which shard gets a new connection. Default `off`: the kernel deals them out by a hash.
    pub steering: Steering,

    /// How long a shard that has nothing to do looks for work before it sleeps, which saves the time of falling asleep and being
    /// woken, and costs a busy core. The kernel polls network interfaces that long too, if it can (NAPI, 6.9). 1 µs to 10 ms,
    /// default off. Only for shards that are alone on their cores.
    #[serde(with = "text::duration_or_off")]
    pub busy_poll: Option<Duration>,

    /// Bytes of one recv buffer, lent by the shard to the kernel and back. 4 KiB to 1 MiB, default 32 KiB: larger
    /// ones leave the cache, smaller ones cut messages of 16 KiB in two, which costs a copy.
    #[serde(with = "text::bytes")]
    pub recv_buffer_bytes: usize,

    /// Recv buffers of one shard. A power of two, 8 to 32,768, default 128: they are given back within the turn, so
    /// that few serve very many connections.
    pub recv_buffer_count: u32,

    /// Entries of a ring's submission queue; the completion queue is larger. A power of two, 64 to 32,768, default
    /// 1024. A fuller one costs only an early submit.
    pub ring_entries: u32,

    /// Bytes received by one shard that one turn handles before it flushes. 4 KiB to 1 GiB and at least one recv
    /// buffer, default 1 MiB: bounds how long the other connections wait for their answers. Where recvs fill their
    /// buffers with whole messages of several connections, a turn ends after 128 KiB.
    #[serde(with = "text::bytes")]
    pub turn_bytes_max: usize,

    /// Completions that one turn handles before it flushes. 1 to 65,536, default 512: the same bound for small
    /// messages.
    pub turn_completions_max: u32,

    /// Accepts that one shard keeps in flight. 1 to 1024 and at most half of `ring_entries`, default 32: how many
    /// connections of a burst one turn takes in.
    pub accepts_in_flight: u32,

    /// Connections that the kernel queues for one shard before it accepts them. 1 to 65,535, default 4096. The kernel
    /// silently cuts it to `net.core.somaxconn`.
    pub listen_backlog: u32,

    /// Sends small segments at once (`TCP_NODELAY`). Default true: a turn's frames already leave in one send, so that
    /// Nagle's algorithm has only latency to add.
    pub tcp_nodelay: bool,

    /// Kernel send buffer of one connection (`SO_SNDBUF`). 4 KiB to 1 GiB, default off: the kernel tunes it by itself.
    #[serde(with = "text::bytes_or_off")]
    pub socket_send_buffer_bytes: Option<usize>,

    /// Kernel receive buffer of one connection (`SO_RCVBUF`). 4 KiB to 1 GiB, default off: the kernel tunes it.
    #[serde(with = "text::bytes_or_off")]
    pub socket_recv_buffer_bytes: Option<usize>,

    /// Unsent bytes that the kernel takes before a send waits (`TCP_NOTSENT_LOWAT`). 1 KiB to 1 GiB, default off. A low
    /// one keeps queued bytes on our side, where a slow consumer is seen sooner.
    #[serde(with = "text::bytes_or_off")]
    pub tcp_notsent_lowat: Option<usize>,

    /// Bytes of a topic's name or of a pattern. 1 to 65,535, default 256.
    pub topic_name_bytes_max: usize,

    /// Tokens of a topic's name or of a pattern: `sport.tennis` has two. 1 to 64, default 16. Bounds what a publication may cost
    /// where patterns with many `*` are subscribed to.
    pub topic_tokens_max: u32,

    /// Topics and patterns that have subscribers, per shard. 1 to 16,777,216, default 100,000.
    pub topics_max: u32,

    /// Topics and patterns that one connection subscribes to. 1 to 65,535, default 128.
    pub subscriptions_per_connection_max: u32,

    /// Batches of publications that wait between one shard and another, for each pair and direction. 16 to 1,048,576, default
    /// 4096. A batch is what one turn published. A full queue drops, and counts what it dropped.
    pub shard_queue_count: u32,

    /// Bytes that wait between one shard and another; a full queue drops as above, but takes one publication whatever its
    /// size when it is empty. 64 KiB to 4 GiB, default 16 MiB.
    #[serde(with = "text::bytes")]
    pub shard_queue_bytes_max: usize,

    /// Commands (publish, send, close, …) from other threads that wait for one shard. 16 to 1,048,576, default 4096.
    pub command_queue_count: u32,

    /// Bytes of the messages in them; whoever sends more is told `Busy`, but one message is taken whatever its size when it is
    /// alone. 64 KiB to 4 GiB, default 16 MiB.
    #[serde(with = "text::bytes")]
    pub command_queue_bytes_max: usize,

    /// The longest that a shard gathers publications before it sends, so that several leave in one send per subscriber. 0 (never)
    /// to 10 ms, default 2 ms, and never longer than the last fan-out took. It waits only in a burst, and where
    /// publications come so fast that fan-outs would take more than four fifths of the shard's time.
    #[serde(with = "text::duration")]
    pub publish_window_max: Duration,

    /// Bytes of all histories of one shard, each message with its overhead. 64 KiB to 64 GiB, default 256 MiB, and at least the
    /// largest `history_bytes` of a rule. When it is reached, a topic that is published to gives up its own oldest messages,
    /// and if it has none, publishing answers that the server is busy. Every shard has all histories, but payloads are in memory
    /// once, whatever the number of shards.
    #[serde(with = "text::bytes")]
    pub history_bytes_max: usize,

    /// Pages whose scripts may use `ringwire serve`, as [`OriginRules`](crate::http::OriginRules) are written: `https://*.example.com`,
    /// `same-origin`, `*` for all and so on. Default `["same-origin"]`: the node's own pages. Whoever is not a browser sends no
    /// origin, and is let in. Embedded servers give their routes rules of their own.
    pub origins: Vec<String>,

    /// Serves the demos with `ringwire serve`: its pages, the echo at `/ws`, the chat, the ticker, and rules for their topics before those
    /// of `topics`; where `tcp_notsent_lowat` is off it becomes 64 KiB. Default true. Without, it serves topics alone, and `/ringwire.js` for them.
    pub demo: bool,

    /// Rules for topics, `[[topics]]` in a file: the first whose pattern a name matches holds for it. At most 1,000, default
    /// none: no history, and everybody may publish and subscribe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicConfig>,

    /// The admin interface of `ringwire serve`; in a file the section `[admin]`.
    pub admin: Admin,

    /// The journal of `ringwire serve`; in a file the section `[journal]`.
    pub journal: JournalConfig,
}

/// How many shards a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shards {
    /// One per core that the process may use; with [`Pin::List`], one per listed core.
    Auto,
    /// Exactly so many, 1 to 1024.
    Count(usize),
}

/// Which core each shard's thread runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// One core each when there are no more shards than cores that the process may use, otherwise as [`Pin::None`].
    Auto,
    /// Wherever the kernel puts them.
    None,
    /// Shard *i* on the *i*-th of these cores, numbered as the kernel does. A core may be listed more than once.
    List(Vec<usize>),
}

/// Which shard gets a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steering {
    /// One by a hash of its addresses: even, and wherever its packets come in.
    Off,
    /// The one whose core took in its first packet, so that packets need not go from core to core. Shards must be pinned, each to a
    /// core of its own; what comes in on other cores is dealt out by the hash. Even only if the interface's queues are.
    Cpu,
}

/// What happens to a message that does not fit into a connection's send queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The connection is closed: the peer comes back and starts from a known state.
    Disconnect,
    /// The message is dropped and counted; the connection stays.
    DropNewest,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9001)),
            shards: Shards::Auto,
            pin: Pin::Auto,
            connections_max: 10_000,
            head_bytes_max: 16 * KIB,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_secs(120)),
            ping_interval: Some(Duration::from_secs(30)),
            pong_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(10),
            message_bytes_max: MIB,
            send_queue_bytes_high: 256 * KIB,
            send_queue_bytes_low: 64 * KIB,
            send_queue_bytes_max: MIB,
            overflow: Overflow::Disconnect,
            steering: Steering::Off,
            busy_poll: None,
            recv_buffer_bytes: 32 * KIB,
            recv_buffer_count: 128,
            ring_entries: 1024,
            turn_bytes_max: MIB,
            turn_completions_max: 512,
            accepts_in_flight: 32,
            listen_backlog: 4096,
            tcp_nodelay: true,
            socket_send_buffer_bytes: None,
            socket_recv_buffer_bytes: None,
            tcp_notsent_lowat: None,
            topic_name_bytes_max: 256,
            topic_tokens_max: 16,
            topics_max: 100_000,
            subscriptions_per_connection_max: 128,
            shard_queue_count: 4096,
            shard_queue_bytes_max: 16 * MIB,
            command_queue_count: 4096,
            command_queue_bytes_max: 16 * MIB,
            publish_window_max: Duration::from_millis(2),
            history_bytes_max: 256 * MIB,
            origins: vec!["same-origin".to_owned()],
            demo: true,
            topics: Vec::new(),
            admin: Admin::default(),
            journal: JournalConfig::default(),
        }
    }
}

impl Config {
    /// Checks every range and every pair of fields.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists *all* that is wrong, each problem with its key, its value and what is allowed.
    pub fn validated(self) -> Result<ValidConfig, ConfigError> {
        ValidConfig::new(self)
    }
}
