//! What comes from other threads: commands by a bounded lock-free queue, publications of other shards by one bounded
//! single-producer queue each (`queues`).

use std::os::fd::RawFd;
use std::sync::Arc;

use super::command::Command;
use super::queues::{BatchReceiver, BatchSender, CommandQueue};
use super::{Shard, listing};
use crate::conn::ConnId;
use crate::conn::slot::Phase;
use crate::handler::Handler;
use crate::handler::local::Local;
use crate::ring::{Op, Ring};
use crate::sys::waker::Waker;

/// Commands that one turn takes, so that a flood of them does not starve connections (rule 9).
const COMMANDS_PER_TURN: usize = 256;

/// A shard's ends of its queues.
pub(crate) struct Mailbox {
    pub(crate) commands: Arc<CommandQueue>,
    pub(crate) waker: Arc<Waker>,
    /// From every other shard.
    pub(crate) inbound: Vec<BatchReceiver>,
    /// To every other shard.
    pub(crate) outbound: Vec<Outbound>,
}

/// The way to another shard.
pub(crate) struct Outbound {
    pub(crate) queue: BatchSender,
    pub(crate) waker: Arc<Waker>,
    /// The other shard's ring.
    pub(crate) ring: RawFd,
}

impl Mailbox {
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.inbound.iter().all(|queue| queue.is_empty())
    }

    pub(super) fn announce_sleep(&self) {
        self.waker.sleep();
    }

    pub(super) fn announce_awake(&self) {
        self.waker.awake();
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn run_mailbox(&mut self) {
        for _ in 0..COMMANDS_PER_TURN {
            let Some(command) = self.mailbox.commands.pop() else { break };
            self.run_command(command);
        }
        for queue in &mut self.mailbox.inbound {
            while let Ok(batch) = queue.pop() {
                batch.runs().for_each(|(topic, frames)| self.local.publish_encoded(topic, frames));
            }
        }
    }

    fn run_command(&mut self, command: Command) {
        // A reply that nobody waits for any more is no error.
        match command {
            Command::Publish { topic, frames } => self.local.publish_encoded(&topic, &frames),
            Command::Send { id, opcode, payload, reply } => {
                let open = is_open(&self.local, id);
                let _ = reply.send(open.then(|| self.local.send(id.slot, opcode, &payload)));
            }
            Command::Close { id, code, reason, reply } => {
                let open = is_open(&self.local, id);
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
            Command::Stats { reply } => {
                let _ = reply.send(self.stats());
            }
            Command::Shutdown { grace } => self.begin_shutdown(grace),
        }
    }

    /// Sends this turn's publications to the other shards, and wakes those that sleep.
    pub(super) fn post_outbox(&mut self) {
        if self.local.outbox.is_empty() {
            return;
        }
        let batch = self.local.outbox.take();
        for other in &mut self.mailbox.outbound {
            if other.queue.push(Arc::clone(&batch)).is_err() {
                self.local.counters.batches_dropped += 1;
            }
            if other.waker.must_wake() {
                self.ring.push(Op::WakeShard { ring: other.ring });
            }
        }
    }
}

fn is_open<D>(local: &Local<D>, id: ConnId) -> bool {
    local.conns.find(id).is_some_and(|conn| conn.phase == Phase::Open)
}
