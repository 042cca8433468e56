//! Reaches a server's shards from any thread, through their lock-free command queues.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::CommandError;
use super::port::{Answer, IN_CALLBACK, ShardHandle, ShardPort};
use crate::conn::ConnId;
use crate::handler::SendStatus;
use crate::http::Routes;
use crate::metrics::Stats;
use crate::proto::frame::EncodedHeader;
use crate::proto::{CloseCode, Message};
use crate::shard::command::{Command, ConnInfo, ConnQuery};
use crate::topic::error::PublishError;
use crate::topic::histories::home;
use crate::topic::history::Position;
use crate::topic::name::{NameLimits, check_name};
use crate::topic::parcel::{Published, Submission};
use crate::topic::settings::TopicRules;

/// A cheap, cloneable way to a running server, for every thread that is not a shard.
///
/// Methods that return what a shard says wait for its turn, but for those of [`ShardHandle`], whose answers can be awaited. A
/// [`Handler`](crate::Handler)'s callback would wait for itself, and gets [`CommandError::InCallback`]; `publish` and `shutdown`
/// do not wait and may be called there.
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

    /// Publishes to all subscribers of a topic, and of patterns that match it. The message is framed once, here. A topic with
    /// history may still refuse it, which is only counted: [`ServerHandle::publish_acknowledged`] tells.
    ///
    /// # Errors
    /// [`CommandError::TopicName`] when the name is none; [`CommandError::Busy`] when a shard's queue is full, and the others have
    /// got the message; [`CommandError::Stopped`] when all shards have ended. One that has ended before the others, as in a
    /// shutdown, has no subscribers, and is no error.
    pub fn publish<'m>(&self, topic: &str, message: impl Into<Message<'m>>) -> Result<(), CommandError> {
        check_name(topic, self.inner.names)?;
        let message = message.into();
        if self.keeps_history(topic) {
            let submission = submission(topic, message);
            return self.home(topic).port.post(Command::Submit { submission, reply: None });
        }
        self.publish_plain(topic, message)
    }

    /// As [`ServerHandle::publish`], and the answer has the message's position: `None` in a topic without history, at once. In
    /// one with history it comes from the shard that numbers the topic's messages, and every subscription that begins later
    /// can resume from it. Messages that one thread publishes to a topic are numbered in their order.
    ///
    /// # Errors
    /// As [`ServerHandle::publish`], and [`CommandError::InCallback`] on a shard's thread, where
    /// [`Conn::publish_acknowledged`](crate::Conn::publish_acknowledged) is what there is. A [`PublishError`] in the answer says
    /// that nothing was published.
    pub fn publish_acknowledged<'m>(
        &self,
        topic: &str,
        message: impl Into<Message<'m>>,
    ) -> Result<Answer<Result<Option<Position>, PublishError>>, CommandError> {
        self.publish_as_wished(topic, message.into(), false)
    }

    /// As [`ServerHandle::publish_acknowledged`], answered when the message is in the journal of the node.
    #[cfg(feature = "node")]
    pub(crate) fn publish_durably(&self, topic: &str, message: Message<'_>) -> Result<Answer<Published>, CommandError> {
        self.publish_as_wished(topic, message, true)
    }

    fn publish_as_wished(
        &self,
        topic: &str,
        message: Message<'_>,
        durable: bool,
    ) -> Result<Answer<Published>, CommandError> {
        check_name(topic, self.inner.names)?;
        let home = self.home(topic);
        if IN_CALLBACK.get() {
            return Err(CommandError::InCallback);
        }
        if self.keeps_history(topic) {
            let submission = Submission { durable, ..submission(topic, message) };
            return home.ask(|reply| Command::Submit { submission, reply: Some(reply) });
        }
        if durable {
            return Ok(home.answered(Err(PublishError::NotJournaled)));
        }
        self.publish_plain(topic, message)?;
        Ok(home.answered(Published::Ok(None)))
    }

    /// Whether the rules let the topic have such a message.
    ///
    /// # Errors
    /// What is wrong with the name.
    #[cfg(feature = "node")]
    pub(crate) fn takes(&self, topic: &str, message: Message<'_>) -> Result<bool, crate::TopicNameError> {
        check_name(topic, self.inner.names)?;
        Ok(self.inner.topic_rules.find(topic).takes(message.into()))
    }

    fn keeps_history(&self, topic: &str) -> bool {
        self.inner.topic_rules.find(topic).history.is_some()
    }

    fn publish_plain(&self, topic: &str, message: Message<'_>) -> Result<(), CommandError> {
        let header = EncodedHeader::server(message.opcode(), message.len() as u64);
        let frames: Arc<[u8]> = [header.as_bytes(), message.as_bytes()].concat().into();
        let (topic, at): (Arc<str>, _) = (topic.into(), Instant::now());
        let publication = || Command::Publish { topic: Arc::clone(&topic), frames: Arc::clone(&frames), at };
        publish_to(&self.inner.shards, publication)
    }

    /// The shard that numbers the topic's messages and hands them to all.
    fn home(&self, topic: &str) -> ShardHandle<'_> {
        let index = usize::from(home(topic, self.inner.shards.len() as u16));
        ShardHandle { index, port: &self.inner.shards[index] }
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

fn submission(topic: &str, message: Message<'_>) -> Submission {
    let (kind, payload) = (message.into(), message.as_bytes().into());
    Submission { name: topic.into(), kind, payload, exclude: None, receipt: None, durable: false, at: Instant::now() }
}

/// Posts to every shard, whatever the others say, and then tells the worst.
fn publish_to(shards: &[ShardPort], publication: impl Fn() -> Command) -> Result<(), CommandError> {
    let outcomes: Vec<_> = shards.iter().map(|shard| shard.post(publication())).collect();
    if outcomes.contains(&Err(CommandError::Busy)) {
        return Err(CommandError::Busy);
    }
    if outcomes.contains(&Ok(())) { Ok(()) } else { Err(CommandError::Stopped) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::queues::CommandQueue;
    use crate::sys::waker::Waker;

    /// A way to a shard, and the shard's end of its queue.
    fn shard(count_max: usize) -> (ShardPort, Arc<CommandQueue>) {
        let commands = Arc::new(CommandQueue::new(count_max, 1000));
        let waker = Arc::new(Waker::new().expect("a descriptor is free"));
        (ShardPort { commands: Arc::clone(&commands), waker }, commands)
    }

    #[test]
    fn a_publication_reaches_all_that_there_are() {
        let at = Instant::now();
        let publish =
            |ports: &[ShardPort]| publish_to(ports, || Command::Publish { topic: "t".into(), frames: [7].into(), at });
        let (ports, mut queues): (Vec<_>, Vec<_>) = (0..3).map(|index| shard(1 + index)).unzip();
        assert_eq!(publish(&ports), Ok(()));
        assert_eq!(publish(&ports), Err(CommandError::Busy), "the first is full");
        assert_eq!(queues.iter().map(|queue| queue.len()).collect::<Vec<_>>(), [1, 2, 2]);
        queues.remove(0);
        assert_eq!(publish(&ports), Err(CommandError::Busy), "the second is full");
        assert_eq!(queues.iter().map(|queue| queue.len()).collect::<Vec<_>>(), [2, 3]);
        queues.iter().for_each(|queue| drop(queue.pop()));
        assert_eq!(publish(&ports), Ok(()), "the first has ended, and has nobody");
        assert_eq!(queues.iter().map(|queue| queue.len()).collect::<Vec<_>>(), [2, 3]);
        queues.clear();
        assert_eq!(publish(&ports), Err(CommandError::Stopped));
    }
}
