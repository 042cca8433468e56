//! What comes from other threads: commands by a bounded lock-free queue, parcels of other shards by one bounded single-producer
//! queue each (`queues`); and what goes to those shards.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;

use super::command::Command;
use super::queues::{CommandQueue, ParcelReceiver, ParcelSender};
use super::{Shard, listing};
use crate::conn::ConnId;
use crate::conn::slot::Phase;
use crate::handler::local::Local;
use crate::handler::{Conn, Handler};
use crate::ring::{Op, Ring};
use crate::sys::waker::Waker;
use crate::topic::error::PublishError;
use crate::topic::journal::{Acknowledged, Journaling};
use crate::topic::parcel::{Claimant, Outcome, Parcel};

/// Commands that one turn takes, so that a flood of them does not starve connections (rule 9).
const COMMANDS_PER_TURN: usize = 256;

/// A shard's ends of its queues.
pub(crate) struct Mailbox {
    pub(crate) commands: Arc<CommandQueue>,
    pub(crate) waker: Arc<Waker>,
    /// From every other shard.
    pub(crate) inbound: Vec<ParcelReceiver>,
    /// To every other shard.
    pub(crate) outbound: Vec<Outbound>,
}

/// The way to another shard.
pub(crate) struct Outbound {
    shard: usize,
    queue: ParcelSender,
    waker: Arc<Waker>,
    /// The other shard's ring.
    ring: RawFd,
    /// What must not be dropped and did not fit into the queue.
    waiting: VecDeque<Parcel>,
    waiting_bytes: usize,
}

impl Outbound {
    pub(crate) fn new(shard: usize, queue: ParcelSender, waker: Arc<Waker>, ring: RawFd) -> Self {
        Self { shard, queue, waker, ring, waiting: VecDeque::new(), waiting_bytes: 0 }
    }

    /// Puts a parcel behind those that wait; false when it was dropped. A shard that has ended, as in a shutdown, has no
    /// subscribers, and nothing waits for it.
    fn send(&mut self, parcel: Parcel) -> bool {
        self.send_waiting();
        if self.queue.is_abandoned() {
            return true;
        }
        let parcel = if self.waiting.is_empty() { self.queue.push(parcel).err() } else { Some(parcel) };
        match parcel {
            None => true,
            Some(Parcel::Batch(..)) => false,
            Some(parcel) => {
                self.waiting_bytes += parcel.bytes();
                self.waiting.push_back(parcel);
                true
            }
        }
    }

    fn send_waiting(&mut self) {
        if self.queue.is_abandoned() {
            self.waiting.clear();
            self.waiting_bytes = 0;
        }
        while let Some(parcel) = self.waiting.pop_front() {
            let bytes = parcel.bytes();
            if let Err(parcel) = self.queue.push(parcel) {
                self.waiting.push_front(parcel);
                return;
            }
            self.waiting_bytes -= bytes;
        }
    }
}

impl Mailbox {
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.inbound.iter().all(|queue| queue.is_empty())
    }

    /// Whether something did not fit into the queue to another shard: nobody tells when it does.
    pub(super) fn is_stuck(&self) -> bool {
        self.outbound.iter().any(|other| !other.waiting.is_empty())
    }

    pub(super) fn announce_sleep(&self) {
        self.waker.sleep();
    }

    pub(super) fn announce_awake(&self) {
        self.waker.awake();
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    // Out of the way of the turn's hot loops.
    #[inline(never)]
    pub(super) fn run_mailbox(&mut self) {
        for _ in 0..COMMANDS_PER_TURN {
            let Some(command) = self.mailbox.commands.pop() else { break };
            self.run_command(command);
        }
        self.local.topics.age_us = 0;
        self.take_journal_answers();
        self.tell_outcomes();
    }

    /// Takes what other shards sent. Before completions: who was told a position by another shard, and comes here with it, must
    /// not hear that it was never reached.
    #[inline(never)]
    pub(super) fn take_parcels(&mut self) {
        let Self { local, mailbox, .. } = self;
        for queue in &mut mailbox.inbound {
            // No more than there are now: the other shard goes on filling it (rule 9).
            for _ in 0..queue.len() {
                let Ok(parcel) = queue.pop() else { break };
                local.take_parcel(parcel);
                local.topics.age_us = 0;
            }
        }
    }

    /// Tells publishers what became of their publications. What they publish at that is told in the next turn.
    fn tell_outcomes(&mut self) {
        for _ in 0..self.local.outcomes.len() {
            let Some(Outcome { receipt, result }) = self.local.outcomes.pop_front() else { break };
            if is_open(&self.local, receipt.conn) {
                let conn = &mut Conn::new(&mut self.local, receipt.conn.slot);
                self.handler.on_published(conn, receipt.token, result);
            }
        }
    }

    fn run_command(&mut self, command: Command) {
        // A reply that nobody waits for any more is no error.
        match command {
            Command::Publish { topic, frames, at } => {
                self.local.date(at);
                self.local.publish_encoded(&topic, &frames);
            }
            Command::Submit { submission, reply } => {
                self.local.take_submission(submission, reply.map(Claimant::Thread));
            }
            Command::Send { id, opcode, payload, reply } => {
                let open = is_open(&self.local, id);
                let _ = reply.send(open.then(|| self.local.send(id.slot, opcode, &payload)));
            }
            Command::Close { id, code, reason, reply } => {
                let is_stream = self.local.conns.find(id).is_some_and(|conn| conn.phase == Phase::Stream);
                let open = is_open(&self.local, id) || is_stream;
                if open {
                    self.local.begin_close(id.slot, code, &reason);
                }
                let _ = reply.send(open);
            }
            Command::Ping { reply } => {
                let _ = reply.send(());
            }
            Command::List { query, reply } => {
                let _ = reply.send(listing::list(&self.local, &query));
            }
            Command::Inspect { id, reply } => {
                let _ = reply.send(listing::inspect(&self.local, id));
            }
            Command::Topics { query, reply } => {
                let _ = reply.send(listing::topics(&self.local, &query));
            }
            Command::Histories { query, reply } => {
                let _ = reply.send(listing::histories(&self.local, &query));
            }
            Command::Stats { reply } => {
                let _ = reply.send(self.stats());
            }
            Command::Shutdown { grace } => self.begin_shutdown(grace),
        }
    }

    /// Tells other threads what became of their publications, after the outbox was posted.
    pub(super) fn tell_published(&mut self) {
        for (reply, result) in self.local.replies.drain(..) {
            let _ = reply.send(result);
        }
    }

    /// Answers publishers whose messages are in the journal by now, or are known not to be.
    fn take_journal_answers(&mut self) {
        for _ in 0..COMMANDS_PER_TURN {
            let answer = self.local.journal.as_mut().and_then(Journaling::take_answer);
            let Some(Acknowledged { claimant, position, durability }) = answer else { break };
            let result = durability.map(|()| Some(position)).map_err(|_| PublishError::NotDurable);
            self.local.answer(Some(claimant), result);
        }
    }

    /// Sends this turn's publications to the other shards, and wakes those that sleep.
    pub(super) fn post_outbox(&mut self) {
        let Self { ring, local, mailbox, .. } = self;
        if local.outbox.is_empty() && !mailbox.is_stuck() {
            return;
        }
        let (shared, mut direct) = (local.outbox.take_shared(local.began), local.outbox.take_direct());
        // All have the messages before one of them may tell of a position.
        for other in &mut mailbox.outbound {
            other.send_waiting();
            for parcel in shared.clone() {
                local.counters.batches_dropped += u64::from(!other.send(parcel));
            }
        }
        for other in &mut mailbox.outbound {
            let shard = other.shard;
            let own = direct.extract_if(.., |(to, _)| usize::from(*to) == shard);
            own.for_each(|(_, parcel)| assert!(other.send(parcel), "what goes to one shard is never dropped"));
            if other.waker.must_wake() {
                ring.push(Op::WakeShard { ring: other.ring });
            }
        }
        let waiting_bytes_max = local.limits.shard_queue_bytes_max;
        local.outbox.is_full = mailbox.outbound.iter().any(|other| other.waiting_bytes > waiting_bytes_max);
    }
}

fn is_open<D>(local: &Local<D>, id: ConnId) -> bool {
    local.conns.find(id).is_some_and(|conn| conn.phase == Phase::Open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::queues::parcels;
    use crate::topic::error::Full;
    use crate::topic::parcel::Receipt;

    #[test]
    fn nothing_waits_for_a_shard_that_has_ended() {
        let conn = ConnId { shard: 1, generation: 0, slot: 0 };
        let outcome = || {
            let receipt = Receipt { conn, token: 0 };
            Parcel::Outcome(Outcome { receipt, result: Err(PublishError::Busy(Full::ShardQueue)) })
        };
        let (sender, receiver) = parcels(1, usize::MAX);
        let waker = Arc::new(Waker::new().expect("a descriptor is free"));
        let mut other = Outbound::new(1, sender, waker, -1);
        assert!((0..3).all(|_| other.send(outcome())));
        assert!(other.waiting.len() == 2 && other.waiting_bytes > 0);
        drop(receiver);
        assert!(other.send(outcome()));
        assert_eq!((other.waiting.len(), other.waiting_bytes), (0, 0));
    }
}
