//! One shard, reached from any other thread: a question goes through its lock-free command queue, and the [`Answer`] can be
//! blocked for or awaited, in whatever runtime.

use std::cell::Cell;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use oneshot::{AsyncReceiver, Receiver, RecvTimeoutError};

use super::error::CommandError;
use crate::conn::ConnId;
use crate::handler::SendStatus;
use crate::metrics::Stats;
use crate::proto::{CloseCode, Message};
use crate::shard::command::{Command, ConnDetail, ConnPage, ConnQuery, HistoryInfo, HistoryQuery};
use crate::shard::command::{Reply, TopicPage, TopicQuery};
use crate::shard::queues::CommandQueue;
use crate::sys::waker::Waker;

/// How often one who blocks for an answer sees whether the shard still runs.
const LIFE_CHECK: Duration = Duration::from_millis(50);

thread_local! {
    /// Set on the threads of shards.
    pub(super) static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// How a shard is reached.
pub(super) struct ShardPort {
    pub(super) commands: Arc<CommandQueue>,
    pub(super) waker: Arc<Waker>,
}

/// One shard of a running server. No method waits: each returns the [`Answer`] that is on its way.
///
/// All fail with [`CommandError::Busy`] when the shard's command queue is full, with [`CommandError::Stopped`] after its end, and
/// with [`CommandError::InCallback`] on a shard's own thread, which would wait for itself.
#[derive(Clone, Copy, Debug)]
pub struct ShardHandle<'h> {
    pub(super) index: usize,
    pub(super) port: &'h ShardPort,
}

impl ShardHandle<'_> {
    /// Which shard it is, counted from 0.
    pub fn index(self) -> usize {
        self.index
    }

    /// Asks for nothing but an answer: there is one as long as the shard's turns go on.
    ///
    /// # Errors
    /// As for all methods.
    pub fn ping(self) -> Result<Answer<()>, CommandError> {
        self.ask(|reply| Command::Ping { reply })
    }

    /// Asks for its counters and gauges.
    ///
    /// # Errors
    /// As for all methods.
    pub fn stats(self) -> Result<Answer<Stats>, CommandError> {
        self.ask(|reply| Command::Stats { reply })
    }

    /// Asks for some of its connections.
    ///
    /// # Errors
    /// As for all methods.
    pub fn connections(self, query: ConnQuery) -> Result<Answer<ConnPage>, CommandError> {
        self.ask(|reply| Command::List { query, reply })
    }

    /// Asks for all that is told of one connection. The answer is `None` when no open connection has this id.
    ///
    /// # Errors
    /// As for all methods.
    pub fn connection(self, id: ConnId) -> Result<Answer<Option<ConnDetail>>, CommandError> {
        self.ask(|reply| Command::Inspect { id, reply })
    }

    /// Asks for some of its topics.
    ///
    /// # Errors
    /// As for all methods.
    pub fn topics(self, query: TopicQuery) -> Result<Answer<TopicPage>, CommandError> {
        self.ask(|reply| Command::Topics { query, reply })
    }

    /// Asks for some of the topics with history, in the order of their names. All shards know the same ones.
    ///
    /// # Errors
    /// As for all methods.
    pub fn histories(self, query: HistoryQuery) -> Result<Answer<Vec<HistoryInfo>>, CommandError> {
        self.ask(|reply| Command::Histories { query, reply })
    }

    /// Sends a message to one connection. The answer is `None` when no open connection has this id.
    ///
    /// # Errors
    /// As for all methods.
    pub fn send<'m>(
        self,
        id: ConnId,
        message: impl Into<Message<'m>>,
    ) -> Result<Answer<Option<SendStatus>>, CommandError> {
        let message = message.into();
        let (opcode, payload) = (message.opcode(), message.as_bytes().into());
        self.ask(|reply| Command::Send { id, opcode, payload, reply })
    }

    /// Begins the closing handshake of one connection. `reason` is cut to 123 bytes. The answer is false when no open
    /// connection has this id.
    ///
    /// # Errors
    /// As for all methods, and [`CommandError::InvalidCloseCode`].
    pub fn close(self, id: ConnId, code: CloseCode, reason: &str) -> Result<Answer<bool>, CommandError> {
        if !code.is_sendable() {
            return Err(CommandError::InvalidCloseCode);
        }
        let reason = reason.into();
        self.ask(|reply| Command::Close { id, code, reason, reply })
    }

    /// An answer that is known without the shard.
    pub(super) fn answered<T>(self, answer: T) -> Answer<T> {
        let (reply, receiver) = oneshot::channel();
        let _ = reply.send(answer);
        Answer { shard: self.index, receiver, commands: Arc::downgrade(&self.port.commands) }
    }

    pub(super) fn ask<T>(self, command: impl FnOnce(Reply<T>) -> Command) -> Result<Answer<T>, CommandError> {
        if IN_CALLBACK.get() {
            return Err(CommandError::InCallback);
        }
        let (reply, receiver) = oneshot::channel();
        self.port.post(command(reply))?;
        Ok(Answer { shard: self.index, receiver, commands: Arc::downgrade(&self.port.commands) })
    }
}

impl ShardPort {
    pub(super) fn post(&self, command: Command) -> Result<(), CommandError> {
        if self.is_stopped() {
            return Err(CommandError::Stopped);
        }
        self.commands.push(command).map_err(|_| CommandError::Busy)?;
        self.waker.wake();
        Ok(())
    }

    /// The shard has dropped its end of the queue.
    pub(super) fn is_stopped(&self) -> bool {
        Arc::strong_count(&self.commands) == 1
    }
}

impl std::fmt::Debug for ShardPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardPort").field("commands", &self.commands.len()).finish_non_exhaustive()
    }
}

/// What a shard was asked for, on its way: [`Answer::wait`] blocks for it, `.await` does not.
///
/// Who awaits it must set a time limit: a question that a shard met its end with is never answered.
#[derive(Debug)]
#[must_use = "a shard was asked; `let _ =` says that its answer does not matter"]
pub struct Answer<T> {
    shard: usize,
    receiver: Receiver<T>,
    commands: Weak<CommandQueue>,
}

impl<T> Answer<T> {
    /// The shard that was asked.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// Blocks until the shard has answered.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] when it ended before it did.
    pub fn wait(self) -> Result<T, CommandError> {
        wait(&self.receiver, || self.commands.strong_count() <= 1)
    }
}

/// A question that reached the queue behind the shard's last look is never answered, so the shard is looked after.
fn wait<T>(receiver: &Receiver<T>, is_stopped: impl Fn() -> bool) -> Result<T, CommandError> {
    loop {
        match receiver.recv_timeout(LIFE_CHECK) {
            Ok(said) => return Ok(said),
            Err(RecvTimeoutError::Timeout) if !is_stopped() => {}
            // It may have answered after the wait and before its end: what it said counts.
            Err(_) => return receiver.try_recv().map_err(|_| CommandError::Stopped),
        }
    }
}

impl<T> IntoFuture for Answer<T> {
    type Output = Result<T, CommandError>;
    type IntoFuture = AnswerFuture<T>;

    fn into_future(self) -> AnswerFuture<T> {
        AnswerFuture { receiver: self.receiver.into_future(), commands: self.commands }
    }
}

/// An awaited [`Answer`].
#[derive(Debug)]
pub struct AnswerFuture<T> {
    receiver: AsyncReceiver<T>,
    commands: Weak<CommandQueue>,
}

impl<T> AnswerFuture<T> {
    /// Whether the shard has ended, so that an answer that is not there will not come.
    pub fn is_stopped(&self) -> bool {
        self.commands.strong_count() <= 1
    }
}

impl<T> Future for AnswerFuture<T> {
    type Output = Result<T, CommandError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(context).map_err(|_| CommandError::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shards_last_answer_counts() {
        let (reply, receiver) = oneshot::channel();
        let reply = Cell::new(Some(reply));
        let answers_and_ends = || reply.take().is_some_and(|reply| reply.send("here").is_ok());
        assert_eq!(wait(&receiver, answers_and_ends), Ok("here"));
    }

    #[test]
    fn a_shard_that_ends_without_an_answer_has_stopped() {
        let (reply, receiver) = oneshot::channel::<()>();
        assert_eq!(wait(&receiver, || true), Err(CommandError::Stopped));
        drop(reply);
        assert_eq!(wait(&receiver, || false), Err(CommandError::Stopped), "the question was thrown away");
    }
}
