//! Reaches a server's shards from any thread, through their lock-free command queues.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::error::CommandError;
use crate::conn::ConnId;
use crate::http::Routes;
use crate::metrics::Stats;
use crate::proto::frame::EncodedHeader;
use crate::proto::{CloseCode, Message};
use crate::shard::command::{Command, ConnInfo};
use crate::shard::queues::CommandQueue;
use crate::sys::waker::Waker;
use crate::topic::histories::home;
use crate::topic::name::{NameLimits, check_name};
use crate::topic::parcel::Submission;
use crate::topic::settings::TopicRules;

/// How often one who waits for an answer sees whether the shard still runs.
const LIFE_CHECK: Duration = Duration::from_millis(50);

/// A cheap, cloneable way to a running server, for every thread that is not a shard.
///
/// Methods that return what a shard says wait for its turn. A [`Handler`](crate::Handler)'s callback would wait for itself, and
/// gets [`CommandError::InCallback`]; `publish` and `shutdown` do not wait and may be called there.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    addr: SocketAddr,
    routes: Arc<Routes>,
    shards: Vec<ShardPort>,
    names: NameLimits,
    topic_rules: Arc<TopicRules>,
}

thread_local! {
    /// Set on the threads of shards.
    pub(super) static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// How a shard is reached.
pub(super) struct ShardPort {
    pub(super) commands: Arc<CommandQueue>,
    pub(super) waker: Arc<Waker>,
}

impl std::fmt::Debug for ShardPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardPort").field("commands", &self.commands.len()).finish_non_exhaustive()
    }
}

impl ServerHandle {
    pub(super) fn new(
        addr: SocketAddr,
        routes: Arc<Routes>,
        shards: Vec<ShardPort>,
        names: NameLimits,
        topic_rules: Arc<TopicRules>,
    ) -> Self {
        Self { inner: Arc::new(Inner { addr, routes, shards, names, topic_rules }) }
    }

    /// The address that the server listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.addr
    }

    /// What is served at which path; [`ConnInfo::route`] is an index of its [`Routes::websockets`].
    pub fn routes(&self) -> &Routes {
        &self.inner.routes
    }

    /// Whether the server has ended: every shard has, after a [`ServerHandle::shutdown`] or a failure of its ring.
    pub fn is_stopped(&self) -> bool {
        self.inner.shards.iter().all(ShardPort::is_stopped)
    }

    /// Number of shards.
    pub fn shard_count(&self) -> usize {
        self.inner.shards.len()
    }

    /// Publishes to all subscribers of a topic, and of patterns that match it. The message is framed once, here.
    ///
    /// # Errors
    /// [`CommandError::TopicName`] when the name is none, [`CommandError::Busy`] when a shard's queue is full; the other shards
    /// may have got the message then.
    pub fn publish<'m>(&self, topic: &str, message: impl Into<Message<'m>>) -> Result<(), CommandError> {
        check_name(topic, self.inner.names)?;
        let message = message.into();
        if self.inner.topic_rules.find(topic).history.is_some() {
            return self.submit(topic, message);
        }
        let header = EncodedHeader::server(message.opcode(), message.len() as u64);
        let frames: Arc<[u8]> = [header.as_bytes(), message.as_bytes()].concat().into();
        let topic: Arc<str> = topic.into();
        self.inner.shards.iter().try_for_each(|shard| {
            shard.post(Command::Publish { topic: Arc::clone(&topic), frames: Arc::clone(&frames) })
        })
    }

    /// Publishes to a topic with history: its home numbers the message and hands it to all.
    fn submit(&self, topic: &str, message: Message<'_>) -> Result<(), CommandError> {
        let home = home(topic, self.inner.shards.len() as u16);
        let (kind, payload) = (message.into(), message.as_bytes().into());
        let submission = Submission { name: topic.into(), kind, payload, exclude: None, receipt: None };
        self.inner.shards[usize::from(home)].post(Command::Submit { submission })
    }

    /// Sends a message to one connection.
    ///
    /// # Errors
    /// [`CommandError::Dropped`] when the connection is gone, closing, or its send queue is full.
    pub fn send<'m>(&self, id: ConnId, message: impl Into<Message<'m>>) -> Result<(), CommandError> {
        let message = message.into();
        let (opcode, payload) = (message.opcode(), message.as_bytes().into());
        let sent = self.shard(id)?.ask(|reply| Command::Send { id, opcode, payload, reply })?;
        sent.then_some(()).ok_or(CommandError::Dropped)
    }

    /// Begins the closing handshake of one connection. `reason` is cut to 123 bytes.
    ///
    /// # Errors
    /// [`CommandError::NoSuchConnection`] when it is gone or closing already.
    pub fn close(&self, id: ConnId, code: CloseCode, reason: &str) -> Result<(), CommandError> {
        if !code.is_sendable() {
            return Err(CommandError::InvalidCloseCode);
        }
        let reason = reason.into();
        let closed = self.shard(id)?.ask(|reply| Command::Close { id, code, reason, reply })?;
        closed.then_some(()).ok_or(CommandError::NoSuchConnection)
    }

    /// The open connections of all shards, each shard's at one moment.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] after the end of the server.
    pub fn connections(&self) -> Result<Vec<ConnInfo>, CommandError> {
        let lists = self.ask_all(|reply| Command::List { reply })?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// Counters and gauges, summed over the shards.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] after the end of the server.
    pub fn stats(&self) -> Result<Stats, CommandError> {
        let mut sum = Stats::default();
        self.ask_all(|reply| Command::Stats { reply })?.into_iter().for_each(|stats| sum += stats);
        Ok(sum)
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

    fn shard(&self, id: ConnId) -> Result<&ShardPort, CommandError> {
        self.inner.shards.get(id.shard()).ok_or(CommandError::NoSuchConnection)
    }

    fn ask_all<T>(&self, command: impl Fn(Sender<T>) -> Command) -> Result<Vec<T>, CommandError> {
        let shards = &self.inner.shards;
        let asked = shards.iter().map(|shard| shard.begin_ask(&command)).collect::<Result<Vec<_>, _>>()?;
        shards.iter().zip(&asked).map(|(shard, answer)| await_answer(answer, || shard.is_stopped())).collect()
    }
}

impl ShardPort {
    fn post(&self, command: Command) -> Result<(), CommandError> {
        if self.is_stopped() {
            return Err(CommandError::Stopped);
        }
        self.commands.push(command).map_err(|_| CommandError::Busy)?;
        self.waker.wake();
        Ok(())
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, CommandError> {
        await_answer(&self.begin_ask(command)?, || self.is_stopped())
    }

    /// The shard has dropped its end of the queue.
    fn is_stopped(&self) -> bool {
        Arc::strong_count(&self.commands) == 1
    }

    fn begin_ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<Receiver<T>, CommandError> {
        if IN_CALLBACK.get() {
            return Err(CommandError::InCallback);
        }
        let (reply, answer) = channel();
        self.post(command(reply))?;
        Ok(answer)
    }
}

/// A question that reached the queue behind the shard's last look is never answered, so the shard is looked after.
fn await_answer<T>(answer: &Receiver<T>, is_stopped: impl Fn() -> bool) -> Result<T, CommandError> {
    loop {
        match answer.recv_timeout(LIFE_CHECK) {
            Ok(said) => return Ok(said),
            Err(RecvTimeoutError::Timeout) if !is_stopped() => {}
            // It may have answered after the wait and before its end: what it said counts.
            Err(_) => return answer.try_recv().map_err(|_| CommandError::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shards_last_answer_counts() {
        let (reply, answer) = channel();
        let answers_and_ends = || reply.send("here").is_ok();
        assert_eq!(await_answer(&answer, answers_and_ends), Ok("here"));
    }

    #[test]
    fn a_shard_that_ends_without_an_answer_has_stopped() {
        let (reply, answer) = channel::<()>();
        assert_eq!(await_answer(&answer, || true), Err(CommandError::Stopped));
        drop(reply);
        assert_eq!(await_answer(&answer, || false), Err(CommandError::Stopped), "the question was thrown away");
    }
}
