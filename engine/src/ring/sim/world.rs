//! The simulated machine: its clock, its sockets, its descriptors and the ops that are in flight, with a door for peers.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::dice::Dice;
use super::faults::Faults;
use super::socket::{Read, Socket};
use crate::ring::{Completion, RecvBytes, RingCounters, SendBytes, Token};

/// Index of a socket; never used again.
pub(crate) type SocketId = usize;

/// Sizes of a simulated machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) descriptors: usize,
    pub(crate) submissions: usize,
    pub(crate) completions: usize,
    pub(crate) buffers: u16,
    pub(crate) buffer_bytes: usize,
    /// Bytes that a connection holds towards the server, and towards the peer.
    pub(crate) socket_bytes: (usize, usize),
}

/// A send between its push and the reap of its completion.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) token: Token,
    pub(super) bytes: SendBytes,
    /// What the bytes were at the push (rule 1).
    pub(super) copy: Vec<u8>,
    pub(super) patient: bool,
    pub(super) state: SendState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendState {
    /// In the submission queue.
    Pushed,
    /// Waits for room in the socket.
    Waiting,
    /// Its completion was posted.
    Posted,
}

/// A recv between its submission and its last completion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receiving {
    pub(super) token: Token,
    pub(super) into: Into,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Into {
    /// Provided buffers, one after the other.
    Buffers,
    OneBuffer,
    Memory(RecvBytes),
}

/// What a direct descriptor refers to, and the ops on it.
#[derive(Debug, Default)]
pub(super) struct Descriptor {
    pub(super) socket: Option<SocketId>,
    pub(super) recv: Option<Receiving>,
    pub(super) sending: Option<Sending>,
}

/// Everything on the other side of the ring.
#[derive(Debug)]
pub(crate) struct World {
    pub(super) sizes: Sizes,
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(crate) now: Duration,
    pub(super) sockets: Vec<Socket>,
    pub(super) listening: bool,
    pub(super) backlog: VecDeque<SocketId>,
    pub(super) accepts: VecDeque<u32>,
    /// The socket that each accept entry took last.
    pub(super) accepted: Vec<Option<SocketId>>,
    pub(super) descriptors: Vec<Descriptor>,
    pub(super) descriptor_hint: usize,
    pub(super) shutdowns: Vec<(Token, SocketId)>,
    pub(super) wake: Option<Token>,
    pub(super) wake_count: u32,
    /// Inline completions of the submission that is under way.
    pub(super) inline: Vec<Completion>,
    pub(super) completions: VecDeque<Completion>,
    pub(super) overflown: VecDeque<Completion>,
    /// Slots and generations whose close was reaped.
    pub(super) gone: Vec<(u32, u32)>,
    /// The longest that a wait takes; it is interrupted then.
    pub(crate) wait_max: Option<Duration>,
    /// The shard waited without end, and nothing would ever have woken it.
    pub(crate) asleep: bool,
    /// Buffers that completions name and that did not come back.
    pub(super) buffers_out: usize,
    pub(super) counters: RingCounters,
    /// Recvs that wrote into the shard's own memory.
    pub(crate) rests: u64,
}

impl World {
    pub(super) fn new(sizes: Sizes, faults: Faults, dice: Dice) -> Self {
        Self {
            sizes,
            dice,
            faults,
            now: Duration::ZERO,
            sockets: Vec::new(),
            listening: true,
            backlog: VecDeque::new(),
            accepts: VecDeque::new(),
            accepted: Vec::new(),
            descriptors: (0..sizes.descriptors).map(|_| Descriptor::default()).collect(),
            descriptor_hint: 0,
            shutdowns: Vec::new(),
            wake: None,
            wake_count: 0,
            inline: Vec::new(),
            completions: VecDeque::new(),
            overflown: VecDeque::new(),
            gone: Vec::new(),
            wait_max: None,
            asleep: false,
            buffers_out: 0,
            counters: RingCounters::default(),
            rests: 0,
        }
    }

    /// Connections that were ever made.
    #[cfg(test)]
    pub(crate) fn socket_count(&self) -> usize {
        self.sockets.len()
    }

    /// Time since the simulation began.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Stops all faults.
    pub(crate) fn calm(&mut self) {
        self.faults = Faults::NONE;
    }

    /// A peer connects; `None` when nobody listens.
    pub(crate) fn connect(&mut self) -> Option<SocketId> {
        if !self.listening {
            return None;
        }
        let (to_server, to_peer) = self.sizes.socket_bytes;
        self.sockets.push(Socket::new(to_server, to_peer));
        self.backlog.push_back(self.sockets.len() - 1);
        Some(self.sockets.len() - 1)
    }

    /// A peer writes; returns how many bytes the connection took, or `None` when it is broken.
    pub(crate) fn write(&mut self, id: SocketId, bytes: &[u8]) -> Option<usize> {
        let socket = &mut self.sockets[id];
        assert!(!socket.peer_closed && !socket.to_server.ended || socket.broken, "the peer wrote after its end");
        if socket.server_closed && !socket.broken {
            // The server answers with a reset, and forgets what it had still to send.
            let kept = self.dice.between(0, socket.to_peer.bytes.len());
            socket.lose_output(kept);
        }
        if socket.broken {
            return None;
        }
        let count = bytes.len().min(socket.to_server.room());
        socket.to_server.bytes.extend(&bytes[..count]);
        Some(count)
    }

    /// A peer reads.
    pub(crate) fn read(&mut self, id: SocketId, max: usize) -> Read {
        self.sockets[id].read(max)
    }

    /// A peer ends its half.
    pub(crate) fn end(&mut self, id: SocketId) {
        self.sockets[id].to_server.ended = true;
    }

    /// A peer closes; with unread input this is a reset.
    pub(crate) fn close(&mut self, id: SocketId) {
        let socket = &mut self.sockets[id];
        if !socket.to_peer.bytes.is_empty() {
            return self.reset(id);
        }
        socket.to_server.ended = true;
        socket.peer_closed = true;
    }

    /// A peer resets the connection.
    pub(crate) fn reset(&mut self, id: SocketId) {
        let socket = &mut self.sockets[id];
        socket.break_for_server(libc::ECONNRESET);
        socket.peer_closed = true;
        socket.to_peer.bytes.clear();
    }

    /// Whether a fault broke the connection.
    pub(crate) fn was_harmed(&self, id: SocketId) -> bool {
        self.sockets[id].harmed
    }

    /// Whether the connection was reset by either end, or by a fault.
    pub(crate) fn is_broken(&self, id: SocketId) -> bool {
        self.sockets[id].broken
    }

    /// Somebody wrote to the shard's eventfd.
    pub(crate) fn wake(&mut self) {
        self.wake_count += 1;
    }

    /// The port tells which socket it is.
    pub(super) fn peer_addr(id: SocketId) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 1024 + id as u16))
    }

    /// Ops that the kernel still holds, but for accepts and the wake: all of these the shard must have waited for.
    pub(crate) fn in_flight(&self) -> usize {
        self.descriptors.iter().map(|it| usize::from(it.recv.is_some()) + usize::from(it.sending.is_some())).sum()
    }

    /// Whether a recv is armed, and a send in flight, on the socket's descriptor.
    #[cfg(test)]
    pub(crate) fn ops(&self, id: SocketId) -> (bool, bool) {
        let descriptor = self.descriptors.iter().find(|descriptor| descriptor.socket == Some(id));
        descriptor.map_or((false, false), |descriptor| (descriptor.recv.is_some(), descriptor.sending.is_some()))
    }

    /// Whether no connection waits to be accepted, or is.
    pub(crate) fn is_deserted(&self) -> bool {
        self.backlog.is_empty()
            && self.descriptors_used() == 0
            && self.completions.is_empty()
            && self.overflown.is_empty()
    }

    /// Recv buffers that the kernel does not have.
    pub(crate) fn buffers_missing(&self) -> usize {
        self.buffers_out
    }

    /// Descriptors in use.
    pub(crate) fn descriptors_used(&self) -> usize {
        self.descriptors.iter().filter(|descriptor| descriptor.socket.is_some()).count()
    }

    /// Posts a completion; false when it had to go to the overflow list.
    pub(super) fn post(&mut self, completion: Completion) -> bool {
        let fits = self.overflown.is_empty() && self.completions.len() < self.sizes.completions;
        if fits {
            self.completions.push_back(completion);
        } else {
            self.overflown.push_back(completion);
        }
        fits
    }
}
