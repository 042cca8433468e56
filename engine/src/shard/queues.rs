//! The queues into a shard, bounded in entries and in bytes: of commands from any thread, of parcels from another shard.
//!
//! The bytes are counted when something enters and when it leaves, once per command or parcel.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use super::command::Command;
use crate::topic::allowance::Allowance;
use crate::topic::parcel::Parcel;

/// Commands from any thread.
#[derive(Debug)]
pub(crate) struct CommandQueue {
    entries: ArrayQueue<Command>,
    allowance: Allowance,
}

impl CommandQueue {
    pub(crate) fn new(count_max: usize, bytes_max: usize) -> Self {
        Self { entries: ArrayQueue::new(count_max), allowance: Allowance::new(bytes_max) }
    }

    /// # Errors
    /// The command, if it is too many or too large beside those that wait.
    pub(crate) fn push(&self, command: Command) -> Result<(), Command> {
        let bytes = command.bytes();
        if !self.allowance.try_take(bytes) {
            return Err(command);
        }
        self.entries.push(command).inspect_err(|_| self.allowance.give_back(bytes))
    }

    pub(crate) fn pop(&self) -> Option<Command> {
        self.entries.pop().inspect(|command| self.allowance.give_back(command.bytes()))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A queue from one shard to another.
pub(crate) fn parcels(count_max: usize, bytes_max: usize) -> (ParcelSender, ParcelReceiver) {
    let (sender, receiver) = rtrb::RingBuffer::new(count_max);
    let allowance = Arc::new(Allowance::new(bytes_max));
    (
        ParcelSender { entries: sender, allowance: Arc::clone(&allowance) },
        ParcelReceiver { entries: receiver, allowance },
    )
}

/// The end of the shard that publishes.
pub(crate) struct ParcelSender {
    entries: rtrb::Producer<Parcel>,
    allowance: Arc<Allowance>,
}

impl ParcelSender {
    /// Whether the other shard has ended.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.entries.is_abandoned()
    }

    /// # Errors
    /// The parcel, if it is too many or too large beside those that wait.
    pub(crate) fn push(&mut self, parcel: Parcel) -> Result<(), Parcel> {
        let bytes = parcel.bytes();
        if !self.allowance.try_take(bytes) {
            return Err(parcel);
        }
        self.entries.push(parcel).map_err(|rtrb::PushError::Full(parcel)| {
            self.allowance.give_back(bytes);
            parcel
        })
    }
}

/// The end of the shard that hands on.
pub(crate) struct ParcelReceiver {
    entries: rtrb::Consumer<Parcel>,
    allowance: Arc<Allowance>,
}

impl ParcelReceiver {
    /// Parcels that are there now.
    pub(crate) fn len(&self) -> usize {
        self.entries.slots()
    }

    pub(crate) fn pop(&mut self) -> Result<Parcel, rtrb::PopError> {
        self.entries.pop().inspect(|parcel| self.allowance.give_back(parcel.bytes()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::shard::command::{ConnFilter, ConnQuery, TopicQuery};

    fn publication(bytes: usize) -> Command {
        Command::Publish { topic: "t".into(), frames: vec![0; bytes - 1].into(), at: Instant::now() }
    }

    fn batch(bytes: usize) -> Parcel {
        let mut batch = crate::topic::outbox::Batch::default();
        batch.append("t", &[], &vec![0; bytes - 17]);
        assert_eq!(batch.bytes(), bytes);
        Parcel::Batch(Arc::new(batch), Instant::now())
    }

    #[test]
    fn commands_are_bounded_in_bytes_and_in_entries() {
        let queue = CommandQueue::new(3, 100);
        assert!(queue.push(publication(60)).is_ok());
        assert!(queue.push(publication(41)).is_err(), "101 bytes");
        assert!(queue.push(publication(40)).is_ok());
        assert!(queue.push(Command::Shutdown { grace: Duration::ZERO }).is_ok(), "it has no bytes");
        assert!(queue.pop().is_some() && queue.pop().is_some());
        assert!(queue.push(publication(1)).is_ok() && queue.push(publication(1)).is_ok());
        assert!(queue.push(publication(1)).is_err(), "a fourth entry");
        while queue.pop().is_some() {}
        assert!(queue.push(publication(100)).is_ok(), "what was refused holds nothing");
    }

    #[test]
    fn questions_have_the_bytes_that_they_carry() {
        let (reply, _) = oneshot::channel();
        let filter = Arc::new(ConnFilter { topic: Some("t".repeat(60).into()), ..ConnFilter::default() });
        let list = Command::List { query: ConnQuery { filter, ..ConnQuery::default() }, reply };
        let (reply, _) = oneshot::channel();
        let query = TopicQuery { from: 0, places_max: 1, after: "t".repeat(40).into() };
        let topics = Command::Topics { query, reply };
        assert_eq!((list.bytes(), topics.bytes()), (60, 40));
    }

    #[test]
    fn one_command_is_taken_whatever_its_size_and_a_shutdown_behind_it() {
        let queue = CommandQueue::new(3, 100);
        assert!(queue.push(publication(1000)).is_ok());
        assert!(queue.push(publication(1)).is_err());
        assert!(queue.push(Command::Shutdown { grace: Duration::ZERO }).is_ok());
    }

    #[test]
    fn parcels_are_bounded_in_bytes_and_in_entries() {
        let (mut sender, mut receiver) = parcels(2, 100);
        assert!(sender.push(batch(60)).is_ok() && sender.push(batch(41)).is_err() && sender.push(batch(40)).is_ok());
        assert_eq!(receiver.len(), 2);
        assert!(receiver.pop().is_ok());
        assert!(sender.push(batch(20)).is_ok() && sender.push(batch(20)).is_err(), "a third entry");
        while receiver.pop().is_ok() {}
        assert!(receiver.is_empty() && sender.push(batch(100)).is_ok(), "what was refused holds nothing");
    }
}
