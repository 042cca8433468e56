//! What other threads ask of a shard, and what it answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::conn::ConnId;
use crate::handler::{ReadyState, SendStatus};
use crate::metrics::{Losses, Stats};
use crate::proto::{CloseCode, Opcode};
use crate::topic::history::Position;
use crate::topic::parcel::{Published, Submission};

/// Where an answer goes: a thread that blocks for it, or a task that awaits it.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// A request in a shard's command queue.
#[derive(Debug)]
pub(crate) enum Command {
    /// Hand frames that were published at a moment to a topic's subscribers.
    Publish { topic: Arc<str>, frames: Arc<[u8]>, at: Instant },
    /// Number a publication to a topic with history, whose home this is, and hand it on.
    Submit { submission: Submission, reply: Option<Reply<Published>> },
    /// Send one message; `None` when no open connection has this id.
    Send { id: ConnId, opcode: Opcode, payload: Box<[u8]>, reply: Reply<Option<SendStatus>> },
    /// Begin the closing handshake; false when no open connection has this id.
    Close { id: ConnId, code: CloseCode, reason: Box<str>, reply: Reply<bool> },
    /// Say that turns go on.
    Ping { reply: Reply<()> },
    /// List connections.
    List { query: ConnQuery, reply: Reply<ConnPage> },
    /// Tell more of one connection; `None` when no open connection has this id.
    Inspect { id: ConnId, reply: Reply<Option<ConnDetail>> },
    /// List topics.
    Topics { query: TopicQuery, reply: Reply<TopicPage> },
    /// List topics with history.
    Histories { query: HistoryQuery, reply: Reply<Vec<HistoryInfo>> },
    /// Count.
    Stats { reply: Reply<Stats> },
    /// Stop.
    Shutdown { grace: Duration },
}

impl Command {
    /// Bytes that it carries, beside its place in the queue.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Publish { topic, frames, .. } => topic.len() + frames.len(),
            Self::Submit { submission, .. } => submission.name.len() + submission.payload.len(),
            Self::Send { payload, .. } => payload.len(),
            Self::Close { reason, .. } => reason.len(),
            Self::List { query, .. } => query.filter.topic.as_ref().map_or(0, |topic| topic.len()),
            Self::Topics { query, .. } => query.after.len(),
            Self::Histories { query, .. } => query.after.len(),
            Self::Ping { .. } | Self::Inspect { .. } | Self::Stats { .. } | Self::Shutdown { .. } => 0,
        }
    }
}

/// An open connection, as seen from outside of its shard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnInfo {
    /// Its name.
    pub id: ConnId,
    /// The peer's address.
    pub remote_addr: SocketAddr,
    /// Index of the route that accepted it, among [`Routes::websockets`](crate::http::Routes::websockets); of a stream it says nothing.
    pub route: usize,
    /// It is a stream of Server-Sent Events, which only sends, and no WebSocket.
    pub is_stream: bool,
    /// Where it is in its life.
    pub ready_state: ReadyState,
    /// Bytes that wait to be sent.
    pub queued_bytes: usize,
    /// Topics that it subscribed to.
    pub subscription_count: usize,
}

/// One connection with what a list would be too long with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnDetail {
    /// As in a list.
    pub info: ConnInfo,
    /// The subprotocol, if one was chosen.
    pub protocol: Option<Box<str>>,
    /// Since the last bytes came, as exact as the shard's timers are.
    pub silence: Duration,
    /// The handler has it paused, or its send queue is above the high mark: nothing is read from it.
    pub is_held: bool,
    /// Messages in histories that it is to get, or to miss, when it has read what is queued: it reads too slowly, or came back.
    pub behind_count: u64,
    /// Messages of topics that it did not get; 4,294,967,295 stands for that many and more.
    pub lost_count: u32,
    /// Names and patterns that it subscribed to, at most [`ConnDetail::TOPICS_MAX`].
    pub topics: Vec<Box<str>>,
}

impl ConnDetail {
    /// Most names and patterns that one answer has.
    pub const TOPICS_MAX: usize = 1000;
}

/// Which of a shard's connections to list. A shard lists between two turns of its other work: bound what it looks at, and
/// ask again from [`ConnPage::next`].
#[derive(Clone, Debug)]
pub struct ConnQuery {
    /// The first slot to look at.
    pub from: u32,
    /// Slots to look at, at most.
    pub slots_max: u32,
    /// Connections to list, at most; at least 1.
    pub count_max: usize,
    /// What they have in common.
    pub filter: Arc<ConnFilter>,
}

/// What listed connections have in common; `None` asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnFilter {
    /// Index of the route that accepted them.
    pub route: Option<usize>,
    /// A topic or pattern that they subscribed to, exactly as it is written.
    pub topic: Option<Box<str>>,
    /// Where they are in their lives.
    pub ready_state: Option<ReadyState>,
    /// Whether they are streams of Server-Sent Events, or WebSockets.
    pub is_stream: Option<bool>,
}

impl Default for ConnQuery {
    /// All of them at once.
    fn default() -> Self {
        Self { from: 0, slots_max: u32::MAX, count_max: usize::MAX, filter: Arc::default() }
    }
}

/// Some connections of a shard, in the order of their slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnPage {
    /// Those that were found.
    pub conns: Vec<ConnInfo>,
    /// Where to go on; `None` at the end.
    pub next: Option<u32>,
}

/// Which of a shard's topics and patterns to list; bounded as [`ConnQuery`] is.
#[derive(Clone, Debug)]
pub struct TopicQuery {
    /// The first place to look at.
    pub from: u32,
    /// Places to look at, at most.
    pub places_max: u32,
    /// Only names and patterns behind this one, in the order of their bytes; "" for all.
    pub after: Arc<str>,
}

/// Some topics and patterns of a shard, in no order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicPage {
    /// Those that were found.
    pub topics: Vec<TopicInfo>,
    /// Where to go on; `None` at the end.
    pub next: Option<u32>,
}

/// A topic or pattern that has subscribers on a shard, or had some that lost something. A name may come several times: its numbers add up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicInfo {
    /// Its name, or the pattern.
    pub name: Box<str>,
    /// Whether it has a wildcard.
    pub is_pattern: bool,
    /// Connections of this shard that subscribed to just this; those of a pattern that matches a name are not its own.
    pub subscriber_count: usize,
    /// Messages that subscribers of this shard did not get. Of names and patterns without subscribers the 1024 that were
    /// added last are remembered.
    pub losses: Losses,
}

/// Which topics with history to list. Every shard knows all of them; it lists between two turns of its other work, so bound how
/// many, and ask again from the last name.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// Only names behind this one, in the order of their bytes; "" for all.
    pub after: Arc<str>,
    /// Topics to list, at most.
    pub count_max: usize,
}

/// A topic that was published to and has a history, whoever subscribes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Of its newest message, which may be too old to be held.
    pub position: Position,
    /// Messages that are held.
    pub message_count: usize,
    /// Bytes of memory that these use, payloads and what each needs beside its payload.
    pub bytes: usize,
}
