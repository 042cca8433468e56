//! Reaches a server's shards from any thread, through their lock-free command queues.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::error::CommandError;
use super::port::{Answer, ShardHandle, ShardPort};
use crate::conn::ConnId;
use crate::handler::SendStatus;
use crate::metrics::Stats;
use crate::proto::frame::EncodedHeader;
use crate::proto::{CloseCode, Message};
use crate::shard::command::{Command, ConnInfo, ConnQuery};

/// A cheap, cloneable way to a running server, for every thread that is not a shard.
///
/// Methods that return what a shard says wait for its turn, but for those of [`ShardHandle`], whose answers can be awaited. A [`Handler`](crate::Handler)'s callback would wait for itself, and
/// gets [`CommandError::InCallback`]; `publish` and `shutdown` do not wait and may be called there.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    addr: SocketAddr,
    shards: Vec<ShardPort>,
}

impl ServerHandle {
    pub(super) fn new(addr: SocketAddr, shards: Vec<ShardPort>) -> Self {
        Self { inner: Arc::new(Inner { addr, shards }) }
    }

    /// The address that the server listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.addr
    }

    /// Number of shards.
    pub fn shard_count(&self) -> usize {
        self.inner.shards.len()
    }

    /// Publishes to all subscribers of a topic. The message is framed once, here.
    ///
    /// # Errors
    /// [`CommandError::Busy`] when a shard's queue is full; the other shards may have got the message then.
    pub fn publish<'m>(&self, topic: &str, message: impl Into<Message<'m>>) -> Result<(), CommandError> {
        let message = message.into();
        let header = EncodedHeader::server(message.opcode(), message.len() as u64);
        let frames: Arc<[u8]> = [header.as_bytes(), message.as_bytes()].concat().into();
        let topic: Arc<str> = topic.into();
        self.inner.shards.iter().try_for_each(|shard| {
            shard.post(Command::Publish { topic: Arc::clone(&topic), frames: Arc::clone(&frames) })
        })
    }

    /// Sends a message to one connection.
    ///
    /// # Errors
    /// [`CommandError::NoSuchConnection`] when it is gone or closing, [`CommandError::Dropped`] when its send queue is full.
    pub fn send<'m>(&self, id: ConnId, message: impl Into<Message<'m>>) -> Result<(), CommandError> {
        match self.shard_of(id)?.send(id, message)?.wait()? {
            Some(SendStatus::Queued | SendStatus::Backpressure) => Ok(()),
            Some(SendStatus::Dropped) => Err(CommandError::Dropped),
            None => Err(CommandError::NoSuchConnection),
        }
    }

    /// Begins the closing handshake of one connection. `reason` is cut to 123 bytes.
    ///
    /// # Errors
    /// [`CommandError::NoSuchConnection`] when it is gone or closing already.
    pub fn close(&self, id: ConnId, code: CloseCode, reason: &str) -> Result<(), CommandError> {
        let closed = self.shard_of(id)?.close(id, code, reason)?.wait()?;
        closed.then_some(()).ok_or(CommandError::NoSuchConnection)
    }

    /// The open connections of all shards, each shard's at one moment. For very many, ask each of
    /// [`shards`](ServerHandle::shards) for a part at a time.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] after the end of the server.
    pub fn connections(&self) -> Result<Vec<ConnInfo>, CommandError> {
        let pages = self.ask_all(|shard| shard.connections(ConnQuery::default()))?;
        Ok(pages.into_iter().flat_map(|page| page.conns).collect())
    }

    /// Counters and gauges, summed over the shards.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] after the end of the server.
    pub fn stats(&self) -> Result<Stats, CommandError> {
        let mut sum = Stats::default();
        self.ask_all(ShardHandle::stats)?.into_iter().for_each(|stats| sum += stats);
        Ok(sum)
    }

    /// The shards one by one, to be asked without waiting.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = ShardHandle<'_>> {
        self.inner.shards.iter().enumerate().map(|(index, port)| ShardHandle { index, port })
    }

    /// The shard that holds a connection.
    ///
    /// # Errors
    /// [`CommandError::NoSuchConnection`] when the server has no such shard.
    pub fn shard_of(&self, id: ConnId) -> Result<ShardHandle<'_>, CommandError> {
        self.shards().nth(id.shard()).ok_or(CommandError::NoSuchConnection)
    }

    /// Stops the server: no new connections, close frames 1001 to the open ones, and after `grace` the cut. Zero cuts at
    /// once. Returns without waiting; [`Server::join`](crate::Server::join) waits.
    pub fn shutdown(&self, grace: Duration) {
        for shard in &self.inner.shards {
            // A full queue is being drained: nothing else may take the place of this command.
            while shard.post(Command::Shutdown { grace }) == Err(CommandError::Busy) {
                std::thread::yield_now();
            }
        }
    }

    fn ask_all<'h, T>(
        &'h self,
        ask: impl Fn(ShardHandle<'h>) -> Result<Answer<T>, CommandError>,
    ) -> Result<Vec<T>, CommandError> {
        let asked = self.shards().map(ask).collect::<Result<Vec<_>, _>>()?;
        asked.into_iter().map(Answer::wait).collect()
    }
}
