//! A TCP connection as far as its two ends can tell: two byte pipes of limited size, ends and resets.

use std::collections::VecDeque;

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    pub(crate) bytes: VecDeque<u8>,
    pub(crate) bytes_max: usize,
    /// The sender sends no more.
    pub(crate) ended: bool,
}

impl Pipe {
    pub(crate) fn room(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes.len())
    }
}

/// What a peer's read finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Bytes(Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// The server ended its half.
    End,
    Reset,
}

/// A connection.
#[derive(Debug, Default)]
pub(crate) struct Socket {
    pub(crate) to_server: Pipe,
    pub(crate) to_peer: Pipe,
    /// What the server's next op hears, once (`sk_err`).
    pub(crate) error: Option<i32>,
    /// Reset: nothing passes any more.
    pub(crate) broken: bool,
    pub(crate) peer_closed: bool,
    pub(crate) server_closed: bool,
    /// Broken by a fault rather than by an end's own doing: what is missing then is nobody's fault.
    pub(crate) harmed: bool,
}

impl Socket {
    pub(crate) fn new(to_server_max: usize, to_peer_max: usize) -> Self {
        let pipe = |bytes_max| Pipe { bytes_max, ..Pipe::default() };
        Self { to_server: pipe(to_server_max), to_peer: pipe(to_peer_max), ..Self::default() }
    }

    /// A reset arrives at the server; what it had received stays readable.
    pub(crate) fn break_for_server(&mut self, errno: i32) {
        if !self.broken {
            self.broken = true;
            self.error = Some(errno);
            self.to_server.ended = true;
        }
    }

    /// The server closes its end. With unread input the kernel sends a reset and forgets what `kept` bytes of output follow.
    pub(crate) fn close_server(&mut self, kept: usize) {
        self.server_closed = true;
        if !self.to_server.bytes.is_empty() && !self.broken {
            self.lose_output(kept);
        }
        self.to_peer.ended = true;
    }

    /// The connection breaks with output on its way, of which the peer still gets `kept` bytes.
    pub(crate) fn lose_output(&mut self, kept: usize) {
        self.broken = true;
        self.to_peer.bytes.truncate(kept);
    }

    /// The peer reads up to `max` bytes.
    pub(crate) fn read(&mut self, max: usize) -> Read {
        let count = max.min(self.to_peer.bytes.len());
        if count > 0 {
            return Read::Bytes(self.to_peer.bytes.drain(..count).collect());
        }
        match (self.to_peer.bytes.is_empty(), self.broken, self.to_peer.ended) {
            (true, true, _) => Read::Reset,
            (true, false, true) => Read::End,
            _ => Read::Nothing,
        }
    }
}
