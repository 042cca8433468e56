//! Accepting: a fixed number of accepts in flight, each with an address buffer of its own.
//!
//! Never more of them than descriptors are free: the kernel takes a connection first and then looks for a descriptor, so that
//! an accept without one is a connection reset. Those that find no room wait in the listener's backlog.

use super::{Shard, close};
use crate::conn::peer::Peer;
use crate::handler::Handler;
use crate::ring::{Completion, Op, Ring};

/// The accepts of one shard.
#[derive(Debug)]
pub(super) struct Accepts {
    count: u32,
    /// Of the ring's file table.
    descriptors: u32,
    in_flight: u32,
    /// Entries without a free descriptor, or that failed for want of memory; tried again when a connection ends or a timer
    /// ticks.
    parked: Vec<u32>,
    stopped: bool,
}

impl Accepts {
    pub(super) fn new(count: u32, descriptors: u32) -> Self {
        Self { count, descriptors, in_flight: 0, parked: Vec::new(), stopped: false }
    }

    /// Starts all of them.
    pub(super) fn arm(&mut self, ring: &mut impl Ring) {
        self.parked = (0..self.count).collect();
        self.unpark(ring, 0);
    }

    /// Tries the parked ones again, as far as there is room beside the `occupied` descriptors.
    pub(super) fn unpark(&mut self, ring: &mut impl Ring, occupied: u32) {
        if self.stopped {
            return;
        }
        while self.in_flight + occupied < self.descriptors
            && let Some(entry) = self.parked.pop()
        {
            self.in_flight += 1;
            ring.push(Op::Accept { entry });
        }
    }

    /// Accepts no more.
    pub(super) fn stop(&mut self, ring: &mut impl Ring) {
        if !self.stopped {
            self.stopped = true;
            ring.push(Op::StopAccepting);
        }
    }

    pub(super) fn is_parked(&self) -> bool {
        !self.stopped && !self.parked.is_empty()
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn on_accept(&mut self, completion: Completion) {
        let entry = completion.token.slot();
        self.accepts.in_flight -= 1;
        match u32::try_from(completion.result) {
            Ok(slot) => {
                self.admit(slot, entry);
                self.accepts.parked.push(entry);
                self.accepts.unpark(&mut self.ring, self.local.conns.occupied());
            }
            Err(_) => self.on_accept_failed(entry, -completion.result),
        }
    }

    fn admit(&mut self, slot: u32, entry: u32) {
        let peer = self.ring.peer_addr(entry).map_or(Peer::UNKNOWN, Peer::from);
        let conn = self.local.conns.occupy(slot, peer, self.local.now);
        conn.close_told = true;
        self.local.counters.accepted += 1;
        self.local.wheel.set(slot, self.timeouts.handshake);
        self.local.mark_dirty(slot);
        // It was accepted before the accepts were cancelled, and nobody waits for it.
        if self.accepts.stopped {
            close::kill(&mut self.local, slot);
        }
    }

    /// A full file table or want of memory parks the accept; anything else concerns a connection that is gone already.
    fn on_accept_failed(&mut self, entry: u32, errno: i32) {
        self.accepts.parked.push(entry);
        let wait = matches!(errno, libc::ENFILE | libc::EMFILE | libc::ENOMEM | libc::ENOBUFS | libc::ECANCELED);
        if !wait {
            self.accepts.unpark(&mut self.ring, self.local.conns.occupied());
        }
    }
}
