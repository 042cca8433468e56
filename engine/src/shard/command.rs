//! What other threads ask of a shard.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::conn::ConnId;
use crate::handler::ReadyState;
use crate::metrics::Stats;
use crate::proto::{CloseCode, Opcode};
use crate::topic::parcel::Submission;

/// A request in a shard's command queue.
#[derive(Debug)]
pub(crate) enum Command {
    /// Hand frames to a topic's subscribers.
    Publish { topic: Arc<str>, frames: Arc<[u8]> },
    /// Number a publication to a topic with history, whose home this is, and hand it on.
    Submit { submission: Submission },
    /// Send one message.
    Send { id: ConnId, opcode: Opcode, payload: Box<[u8]>, reply: Sender<bool> },
    /// Begin the closing handshake.
    Close { id: ConnId, code: CloseCode, reason: Box<str>, reply: Sender<bool> },
    /// List the open connections.
    List { reply: Sender<Vec<ConnInfo>> },
    /// Count.
    Stats { reply: Sender<Stats> },
    /// Stop.
    Shutdown { grace: Duration },
}

impl Command {
    /// Bytes that it carries, beside its place in the queue.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Publish { topic, frames } => topic.len() + frames.len(),
            Self::Submit { submission } => submission.name.len() + submission.payload.len(),
            Self::Send { payload, .. } => payload.len(),
            Self::Close { reason, .. } => reason.len(),
            Self::List { .. } | Self::Stats { .. } | Self::Shutdown { .. } => 0,
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
    /// Index of the route that accepted it, among [`Routes::websockets`](crate::http::Routes::websockets).
    pub route: usize,
    /// Where it is in its life.
    pub ready_state: ReadyState,
    /// Bytes that wait to be sent.
    pub queued_bytes: usize,
    /// Topics that it subscribed to.
    pub subscription_count: usize,
}
