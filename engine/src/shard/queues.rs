//! The queues into a shard, bounded in entries and in bytes: of commands from any thread, of parcels from another shard.
//!
//! The bytes are counted when something enters and when it leaves, once per command or parcel.

use std::sync::Arc;
#[cfg(not(all(test, loom)))]
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicUsize, Ordering};

use super::command::Command;
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

/// Bytes that the entries of a queue may hold together. One entry is taken whatever its size, when no other has any.
#[derive(Debug)]
pub(crate) struct Allowance {
    used: AtomicUsize,
    bytes_max: usize,
}

impl Allowance {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { used: AtomicUsize::new(0), bytes_max }
    }

    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        // A count and no more: the queue itself orders what it carries.
        let next = |used: usize| {
            let sum = used.saturating_add(bytes);
            (used == 0 || bytes == 0 || sum <= self.bytes_max).then_some(sum)
        };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::shard::command::{ConnFilter, ConnQuery, TopicQuery};

    fn publication(bytes: usize) -> Command {
        Command::Publish { topic: "t".into(), frames: vec![0; bytes - 1].into() }
    }

    fn batch(bytes: usize) -> Parcel {
        let mut batch = crate::topic::outbox::Batch::default();
        batch.append("t", &[], &vec![0; bytes - 17]);
        assert_eq!(batch.bytes(), bytes);
        Parcel::Batch(Arc::new(batch))
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

/// `cargo xtask loom` runs these.
#[cfg(all(test, loom))]
mod interleavings {
    use std::sync::atomic::AtomicUsize;

    use loom::thread;

    use super::*;

    /// Takes, gives back, and says whether it got anything; `held` is what all hold.
    fn borrow(allowance: &Allowance, held: &AtomicUsize, bytes: usize) -> bool {
        let taken = allowance.try_take(bytes);
        if taken {
            let sum = held.fetch_add(bytes, Ordering::Relaxed) + bytes;
            assert!(sum <= allowance.bytes_max, "{sum} bytes at once");
            // Others get their turn while this is held.
            thread::yield_now();
            held.fetch_sub(bytes, Ordering::Relaxed);
            allowance.give_back(bytes);
        }
        taken
    }

    #[test]
    fn an_allowance_holds_and_comes_back_whole() {
        loom::model(|| {
            let shared = Arc::new((Allowance::new(100), AtomicUsize::new(0)));
            let others = [60, 41].map(|bytes| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || borrow(&shared.0, &shared.1, bytes))
            });
            borrow(&shared.0, &shared.1, 40);
            others.into_iter().for_each(|other| assert!(other.join().is_ok()));
            assert!(shared.0.try_take(100) && !shared.0.try_take(1), "what was given back is there again, and no more");
        });
    }

    #[test]
    fn of_two_that_are_too_large_one_is_taken() {
        loom::model(|| {
            let allowance = Arc::new(Allowance::new(100));
            let other = Arc::clone(&allowance);
            let other = thread::spawn(move || other.try_take(1000));
            let own = allowance.try_take(1000);
            assert!(own ^ other.join().expect("it does not panic"));
        });
    }
}
