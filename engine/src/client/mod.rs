//! The client's role: very many connections to servers, over one ring of the calling thread.
//!
//! As on a shard, completions run callbacks, replies of a turn leave as one send per connection, and an idle connection is its
//! slot and nothing else. A [`Client`] opens WebSockets, and raw TCP connections for what speaks HTTP. The application
//! calls [`Client::turn`] in a loop and decides how long it waits, so it may keep a schedule of its own.
//!
//! ```text
//! turn: submit and wait ─► on_wake ─► completions ─► ClientHandler::{on_open, on_message, on_bytes, on_close} ─► on_turn ─► flush
//! ```
//!
//! Connections are direct descriptors: a ring holds as many as the limit on open files says, a process as many as its rings do.
//!
//! Not here: retries, TLS, extensions. Nothing is read from the environment.

mod config;
mod conns;
mod end;
mod flush;
mod opening;
mod recv;
mod send;
mod slot;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::config::ClientConfig;
pub use self::conns::{Conns, SendError};
pub use self::end::End;
pub use self::opening::{Open, OpenAs};
pub use crate::conn::ConnId;
use crate::proto::Message;
use crate::ring::{Completion, OpKind, Ring, UringOptions, UringRing, Wait};
use crate::sys::timer;
use crate::sys::waker::Waker;

/// How long a dropped client waits for the kernel to let go of its connections.
const DROP_WAIT: Duration = Duration::from_secs(2);

/// What an application does with what comes. Every callback may use the other connections too.
///
/// A connection that [`Conns::open`] returned gets exactly one [`on_close`](Self::on_close), opened or not.
pub trait ClientHandler {
    /// The WebSocket is open, with the subprotocol that the server chose; or the raw connection is.
    fn on_open(&mut self, conns: &mut Conns, id: ConnId, protocol: Option<&str>) {
        let _ = (conns, id, protocol);
    }

    /// A whole message, unmasked and, if it is text, valid UTF-8. Borrowed: it is gone after the callback.
    fn on_message(&mut self, conns: &mut Conns, id: ConnId, message: Message<'_>) {
        let _ = (conns, id, message);
    }

    /// Bytes of a raw connection, as they came.
    fn on_bytes(&mut self, conns: &mut Conns, id: ConnId, bytes: &[u8]) {
        let _ = (conns, id, bytes);
    }

    /// The connection ended, or never came to be. Its id is not used again.
    fn on_close(&mut self, conns: &mut Conns, id: ConnId, end: End<'_>) {
        let _ = (conns, id, end);
    }

    /// Once per turn, when its wait is over and before its other callbacks: [`Conns::now`] stays what it is until the next.
    fn on_wake(&mut self, conns: &mut Conns) {
        let _ = conns;
    }

    /// Once per turn, after all callbacks of its completions and before what they sent leaves.
    fn on_turn(&mut self, conns: &mut Conns) {
        let _ = conns;
    }
}

/// A ring and the connections that live in it.
///
/// Belongs to the thread that made it. Dropping it aborts what is open.
pub struct Client {
    // First: it is dropped before the memory that its ops refer to (rule 1).
    ring: UringRing,
    conns: Conns,
    /// Slots whose recv found no buffer this turn.
    unfed: Vec<u32>,
}

impl Client {
    /// Makes the ring.
    ///
    /// # Errors
    /// Those of `io_uring_setup(2)` and `io_uring_register(2)`: `EMFILE` when `connections_max` is above the limit on open files,
    /// `EPERM` where io_uring is forbidden; `InvalidInput` for a configuration that cannot be.
    pub fn new(config: &ClientConfig) -> io::Result<Self> {
        config.check()?;
        let options = UringOptions {
            entries: config.ring_entries,
            descriptors: config.connections_max,
            buffer_count: config.recv_buffer_count,
            buffer_bytes: config.recv_buffer_bytes,
            accepts: 0,
            busy_poll: None,
        };
        let ring = UringRing::new(options, None, Arc::new(Waker::new()?))?;
        Ok(Self { conns: Conns::new(config, ring.now()), ring, unfed: Vec::new() })
    }

    /// Has this thread's waits end when they are to; else the kernel may let them take up to 50 µs longer.
    pub fn wait_precisely(&self) {
        timer::wait_precisely();
    }

    /// The connections.
    pub fn conns(&mut self) -> &mut Conns {
        &mut self.conns
    }

    /// One pass: submits what is queued, waits for completions (`None`: as long as it takes; zero: not at all), and runs what
    /// they cause.
    ///
    /// # Errors
    /// Only when the ring itself fails; a connection's failure is told to the handler.
    pub fn turn<H: ClientHandler>(&mut self, handler: &mut H, wait: Option<Duration>) -> io::Result<()> {
        self.wait(wait)?;
        handler.on_wake(&mut self.conns);
        self.run_completions(handler);
        self.settle();
        self.conns.expire();
        self.conns.tell_ends(handler);
        handler.on_turn(&mut self.conns);
        self.flush();
        Ok(())
    }

    /// Submits and waits. With nothing to wait for at all it returns at once.
    fn wait(&mut self, wait: Option<Duration>) -> io::Result<()> {
        let wait = if self.conns.has_work() { Some(Duration::ZERO) } else { self.conns.until_deadline(wait) };
        let outcome = self.ring.submit(Wait::One(wait));
        self.conns.now = self.ring.now();
        outcome
    }

    fn run_completions<H: ClientHandler>(&mut self, handler: &mut H) {
        for _ in 0..self.conns.turn_completions_max {
            let Some(completion) = self.ring.next_completion() else { break };
            self.complete(handler, completion);
        }
    }

    #[inline]
    fn complete<H: ClientHandler>(&mut self, handler: &mut H, completion: Completion) {
        if completion.token.is_recv() {
            self.on_recv(handler, completion);
        } else {
            self.complete_other(handler, completion);
        }
    }

    #[inline(never)]
    fn complete_other<H: ClientHandler>(&mut self, handler: &mut H, completion: Completion) {
        let slot = completion.token.slot();
        match completion.token.kind() {
            OpKind::Connect => self.conns.on_connected(handler, completion),
            OpKind::Send => self.conns.on_send(completion),
            OpKind::Close => self.conns.vacate(slot),
            OpKind::CancelRecv | OpKind::CancelSend => self.conns.on_cancelled(completion),
            OpKind::Alarm => self.ring.on_alarm(),
            kind => unreachable!("a client asks for no {kind:?}"),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        struct Nobody;
        impl ClientHandler for Nobody {}
        self.conns.abort_all();
        let deadline = Instant::now() + DROP_WAIT;
        while self.conns.count() > 0 && Instant::now() < deadline {
            if self.turn(&mut Nobody, Some(Duration::from_millis(10))).is_err() {
                return;
            }
        }
    }
}
