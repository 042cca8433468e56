//! A client's connections, as the application uses them.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::end::Ending;
use super::opening::{Open, Opening};
use super::slot::{Phase, Slot};
use super::{ClientConfig, ClientHandler, ConnId};
use crate::conn::GENERATION_MASK;
use crate::conn::arena::Arena;
use crate::proto::frame::{CONTROL_BYTES_MAX, EncodedHeader};
use crate::proto::{CloseCode, CloseFrame, Message, Opcode, Pool, Role, Rules, mask};
use crate::sys::entropy::Entropy;
use crate::sys::socket;

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The connection is not open, not yet or not any more.
    #[error("the connection is not open")]
    NotOpen,
    /// The server reads too slowly: `send_queue_bytes_max` bytes wait already.
    #[error("the send queue is full")]
    Full,
}

/// The connections of one [`Client`](super::Client).
pub struct Conns {
    pub(super) slots: Vec<Slot>,
    /// Slots that were used before and are free.
    free: Vec<u32>,
    count: u32,
    connections_max: u32,
    pub(super) arena: Arena,
    pub(super) dirty: Vec<u32>,
    /// Sockets whose connect is to be asked for.
    pub(super) new: Vec<(u32, OwnedFd, SocketAddr)>,
    /// Slots that are dead and not released.
    pub(super) leaving: Vec<u32>,
    /// Ends that the handler has not heard of.
    endings: Vec<(ConnId, Ending)>,
    /// When connections that are opening must be open; oldest first.
    opening_until: VecDeque<(Instant, ConnId)>,
    closing_until: VecDeque<(Instant, ConnId)>,
    open_timeout: Duration,
    close_timeout: Duration,
    send_queue_bytes_max: usize,
    pub(super) turn_completions_max: u32,
    pub(super) rules: Rules,
    pub(super) pool: Pool,
    pub(super) now: Instant,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    entropy: Entropy,
    scratch: Vec<u8>,
}

impl Conns {
    pub(super) fn new(config: &ClientConfig, now: Instant) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            count: 0,
            connections_max: config.connections_max,
            arena: Arena::new(),
            dirty: Vec::new(),
            new: Vec::new(),
            leaving: Vec::new(),
            endings: Vec::new(),
            opening_until: VecDeque::new(),
            closing_until: VecDeque::new(),
            open_timeout: config.open_timeout,
            close_timeout: config.close_timeout,
            send_queue_bytes_max: config.send_queue_bytes_max,
            turn_completions_max: config.turn_completions_max,
            rules: Rules { role: Role::Client, message_bytes_max: config.message_bytes_max },
            pool: Pool::default(),
            now,
            bytes_in: 0,
            bytes_out: 0,
            entropy: Entropy::new(),
            scratch: Vec::new(),
        }
    }

    /// Begins to open a connection.
    ///
    /// Slots, [`ConnId::slot`], are small and dense: an application may keep what it knows of connections in a vector.
    ///
    /// # Errors
    /// `InvalidInput` for a host, path, subprotocol or origin that may not be sent; `QuotaExceeded` at `connections_max`; those
    /// of `socket(2)` and `bind(2)`. Whatever goes wrong later is told by [`ClientHandler::on_close`].
    pub fn open(&mut self, open: Open<'_>) -> io::Result<ConnId> {
        if self.count == self.connections_max {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "the client holds connections_max connections"));
        }
        let opening = Opening::new(open.mode, self.entropy.nonce())
            .map_err(|field| io::Error::new(io::ErrorKind::InvalidInput, field))?;
        let socket = socket::outgoing(open.target, open.source)?;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::free(0));
            self.slots.len() as u32 - 1
        });
        self.count += 1;
        let conn = &mut self.slots[slot as usize];
        conn.phase = Phase::Connecting;
        conn.is_raw = opening.is_none();
        conn.opening = opening.map(Box::new);
        let id = self.id(slot);
        self.new.push((slot, socket, open.target));
        self.opening_until.push_back((self.now + self.open_timeout, id));
        Ok(id)
    }

    /// Queues one message, masked with a fresh key.
    ///
    /// # Errors
    /// [`SendError`]: nothing was queued.
    #[inline]
    pub fn send(&mut self, id: ConnId, message: Message<'_>) -> Result<(), SendError> {
        let open = self.find(id).is_some_and(|conn| conn.phase == Phase::Open && !conn.is_raw);
        if !open {
            return Err(SendError::NotOpen);
        }
        self.push_frame(id.slot, message.opcode(), message.as_bytes())
    }

    /// Queues bytes of a raw connection as they are.
    ///
    /// # Errors
    /// [`SendError`]: nothing was queued.
    pub fn send_bytes(&mut self, id: ConnId, bytes: &[u8]) -> Result<(), SendError> {
        let open = self.find(id).is_some_and(|conn| conn.phase == Phase::Open && conn.is_raw);
        if !open {
            return Err(SendError::NotOpen);
        }
        self.push_bytes(id.slot, bytes)
    }

    /// Sends a close frame; the server answers it and ends the connection. A raw connection is aborted.
    pub fn close(&mut self, id: ConnId, code: CloseCode, reason: &str) {
        match self.find(id) {
            Some(conn) if conn.is_raw || conn.phase < Phase::Open => self.abort(id),
            Some(conn) if conn.phase == Phase::Open => self.begin_close(id.slot, Some(code), reason),
            _ => {}
        }
    }

    /// Ends a connection at once, whatever it is doing.
    pub fn abort(&mut self, id: ConnId) {
        if self.find(id).is_some() {
            self.kill(id.slot, Ending::Aborted);
        }
    }

    /// Whether messages may be sent.
    pub fn is_open(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(|conn| conn.phase == Phase::Open)
    }

    /// Bytes that were sent and have not left, of a connection.
    pub fn queued_bytes(&self, id: ConnId) -> usize {
        self.find(id).map_or(0, Slot::queued_bytes)
    }

    /// Connections that hold a descriptor: opening, open and closing ones.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// When this turn began.
    #[inline]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Bytes received and sent so far, heads and headers included.
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes_in, self.bytes_out)
    }

    #[inline]
    pub(super) fn find(&self, id: ConnId) -> Option<&Slot> {
        let conn = self.slots.get(id.slot as usize)?;
        (conn.generation == id.generation && (Phase::Connecting..Phase::Dead).contains(&conn.phase)).then_some(conn)
    }

    /// The connection that a token names, dead or alive.
    #[inline]
    pub(super) fn live_mut(&mut self, slot: u32, generation: u32) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize).filter(|conn| conn.generation == generation)
    }

    #[inline]
    pub(super) fn id(&self, slot: u32) -> ConnId {
        ConnId { shard: 0, generation: self.slots[slot as usize].generation, slot }
    }

    /// One frame, of any kind, on an open connection (§5.1: masked).
    #[inline]
    pub(super) fn push_frame(&mut self, slot: u32, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        // RFC6455-5.3-2
        let key = self.entropy.mask_key();
        let header = EncodedHeader::client(opcode, payload.len() as u64, key);
        let conn = &mut self.slots[slot as usize];
        if !conn.takes_in_arena(payload.len()) {
            return self.push_to_queue(slot, header, payload, key);
        }
        self.arena.append_frame(&mut conn.segment, header, payload);
        mask::unmask(self.arena.tail_mut(conn.segment, payload.len()), key, 0);
        self.mark_dirty(slot);
        Ok(())
    }

    #[cold]
    fn push_to_queue(&mut self, slot: u32, head: EncodedHeader, payload: &[u8], key: [u8; 4]) -> Result<(), SendError> {
        self.scratch.clear();
        self.scratch.extend_from_slice(head.as_bytes());
        let head_bytes = self.scratch.len();
        self.scratch.extend_from_slice(payload);
        mask::unmask(&mut self.scratch[head_bytes..], key, 0);
        let bytes = std::mem::take(&mut self.scratch);
        let outcome = self.push_bytes(slot, &bytes);
        self.scratch = bytes;
        outcome
    }

    pub(super) fn push_bytes(&mut self, slot: u32, bytes: &[u8]) -> Result<(), SendError> {
        let conn = &mut self.slots[slot as usize];
        if conn.takes_in_arena(bytes.len()) {
            self.arena.append(&mut conn.segment, bytes);
        } else {
            let queued = conn.queued_bytes();
            // A single message is taken whatever its size.
            if queued > 0 && queued + bytes.len() > self.send_queue_bytes_max {
                return Err(SendError::Full);
            }
            let segment = conn.segment.take();
            let queue = conn.queue.get_or_insert_default();
            queue.push(self.arena.pending(segment), bytes);
        }
        self.mark_dirty(slot);
        Ok(())
    }

    /// Queues the close frame, of any side's closing handshake, and waits for the end.
    pub(super) fn begin_close(&mut self, slot: u32, code: Option<CloseCode>, reason: &str) {
        let mut buffer = [0; CONTROL_BYTES_MAX];
        let payload = CloseFrame { code, reason }.encode(&mut buffer);
        let conn = &mut self.slots[slot as usize];
        conn.phase = Phase::Closing;
        if !std::mem::replace(&mut conn.close_sent, true) {
            // A queue that is full of messages nobody reads: the timeout ends it.
            let _ = self.push_frame(slot, Opcode::Close, payload);
        }
        self.closing_until.push_back((self.now + self.close_timeout, self.id(slot)));
    }

    #[inline]
    pub(super) fn mark_dirty(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.slots[slot as usize].dirty, true) {
            self.dirty.push(slot);
        }
    }

    /// Ends a connection; what is queued is lost.
    pub(super) fn kill(&mut self, slot: u32, ending: Ending) {
        let id = self.id(slot);
        let conn = &mut self.slots[slot as usize];
        if conn.phase >= Phase::Dead || conn.phase == Phase::Free {
            return;
        }
        conn.phase = Phase::Dead;
        conn.segment = Default::default();
        conn.opening = None;
        conn.decoder.release(&mut self.pool);
        if !conn.sending {
            conn.queue = None;
        }
        self.leaving.push(slot);
        self.note_end(id, ending);
    }

    /// Has the handler hear of the end, of which there is one.
    pub(super) fn note_end(&mut self, id: ConnId, ending: Ending) {
        if !std::mem::replace(&mut self.slots[id.slot as usize].end_told, true) {
            self.endings.push((id, ending));
        }
    }

    pub(super) fn tell_ends<H: ClientHandler>(&mut self, handler: &mut H) {
        // Callbacks may end more; those are told too.
        while !self.endings.is_empty() {
            for (id, ending) in std::mem::take(&mut self.endings) {
                handler.on_close(self, id, ending.end());
            }
        }
    }

    /// The ring did not take the socket.
    pub(super) fn fail_new(&mut self, slot: u32, error: &io::Error) {
        self.kill(slot, Ending::Lost(error.raw_os_error().unwrap_or(libc::EIO)));
    }

    pub(super) fn abort_all(&mut self) {
        for slot in 0..self.slots.len() as u32 {
            self.kill(slot, Ending::Aborted);
        }
    }

    /// The descriptor is closed: the slot is free.
    pub(super) fn vacate(&mut self, slot: u32) {
        let conn = &mut self.slots[slot as usize];
        let dirty = conn.dirty;
        *conn = Slot { dirty, ..Slot::free((conn.generation + 1) & GENERATION_MASK) };
        self.count -= 1;
        self.free.push(slot);
    }

    /// Whether something waits that no completion will announce.
    pub(super) fn has_work(&self) -> bool {
        !self.dirty.is_empty() || !self.new.is_empty() || !self.endings.is_empty()
    }

    /// Ends what took too long.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        while let Some((_, id)) = self.opening_until.pop_front_if(|(until, _)| *until <= now) {
            if self.find(id).is_some_and(|conn| conn.phase < Phase::Open) {
                self.kill(id.slot, Ending::OpenTimeout);
            }
        }
        while let Some((_, id)) = self.closing_until.pop_front_if(|(until, _)| *until <= now) {
            if self.find(id).is_some() {
                self.kill(id.slot, Ending::CloseTimeout);
            }
        }
    }

    /// How long to wait at most, so that timeouts are kept.
    pub(super) fn until_deadline(&self, wait: Option<Duration>) -> Option<Duration> {
        let deadlines = [self.opening_until.front(), self.closing_until.front()];
        let next = deadlines.into_iter().flatten().map(|(until, _)| until.saturating_duration_since(self.now));
        next.chain(wait).min()
    }
}
