//! What the kernel does by itself: armed ops that can go on do so, in any order between connections.

use super::completion;
use super::issue::{check_untouched, memory, read};
use super::pool::Pool;
use super::world::{Into, Receiving, SendState, World};
use crate::ring::{OpKind, RecvBytes, Token};

impl World {
    /// Runs everything that can go on.
    pub(super) fn progress(&mut self, pool: &mut Pool) {
        let mut slots: Vec<u32> = (0..self.descriptors.len() as u32).collect();
        slots.retain(|&slot| self.descriptors[slot as usize].socket.is_some());
        self.dice.shuffle(&mut slots);
        for slot in slots {
            self.maybe_break(slot);
            if self.dice.chance(500) {
                self.progress_waiting_send(slot);
                self.progress_recv(slot, pool);
            } else {
                self.progress_recv(slot, pool);
                self.progress_waiting_send(slot);
            }
        }
        self.progress_accepts();
        self.progress_shutdowns();
        self.progress_wake();
        self.maybe_send_stale(pool);
        for completion in std::mem::take(&mut self.inline) {
            self.post(completion);
        }
    }

    /// Whether something goes on that needs nobody but time.
    pub(super) fn is_working(&self) -> bool {
        !self.shutdowns.is_empty()
    }

    fn maybe_break(&mut self, slot: u32) {
        if self.dice.chance(self.faults.reset) {
            let id = self.descriptors[slot as usize].socket.expect("it is open");
            let errno = self.dice.pick(&[libc::ECONNRESET, libc::ETIMEDOUT, libc::EPIPE]);
            let socket = &mut self.sockets[id];
            let kept = self.dice.between(0, socket.to_peer.bytes.len());
            socket.break_for_server(errno);
            socket.lose_output(kept);
            socket.harmed = true;
        }
    }

    pub(super) fn progress_accepts(&mut self) {
        while !self.backlog.is_empty()
            && let Some(entry) = self.accepts.pop_front()
        {
            let result = self.accept(entry);
            self.complete(OpKind::Accept, entry, 0, result);
        }
    }

    fn accept(&mut self, entry: u32) -> i32 {
        if self.dice.chance(self.faults.accept) {
            let errno = self.dice.pick(&[libc::ENFILE, libc::EMFILE, libc::ENOMEM, libc::ECONNABORTED]);
            if errno == libc::ECONNABORTED {
                self.drop_from_backlog();
            }
            return -errno;
        }
        let Some(slot) = self.free_descriptor() else {
            // The kernel takes the connection first and looks for a place then.
            self.drop_from_backlog();
            return -libc::ENFILE;
        };
        let id = self.backlog.pop_front().expect("looked at by the caller");
        self.descriptors[slot].socket = Some(id);
        self.descriptor_hint = slot + 1;
        let entry = entry as usize;
        self.accepted.resize(self.accepted.len().max(entry + 1), None);
        self.accepted[entry] = Some(id);
        slot as i32
    }

    fn drop_from_backlog(&mut self) {
        let id = self.backlog.pop_front().expect("looked at by the caller");
        self.sockets[id].harmed = true;
        self.sockets[id].close_server(0);
        self.sockets[id].broken = true;
    }

    /// From the hint on, and around.
    fn free_descriptor(&self) -> Option<usize> {
        let count = self.descriptors.len();
        let mut order = (0..count).map(|step| (self.descriptor_hint + step) % count);
        order.find(|&slot| self.descriptors[slot].socket.is_none())
    }

    /// Feeds a recv as far as input and buffers go.
    pub(super) fn progress_recv(&mut self, slot: u32, pool: &mut Pool) {
        while let Some(Receiving { token, into }) = self.descriptors[slot as usize].recv {
            let id = self.descriptors[slot as usize].socket.expect("a recv's descriptor is open");
            let socket = &mut self.sockets[id];
            let waiting = socket.to_server.bytes.len();
            if waiting == 0 {
                let last = match socket.error.take() {
                    Some(errno) => -errno,
                    None if socket.to_server.ended => 0,
                    None => return,
                };
                return self.end_recv(token, last, None);
            }
            let room = if let Into::Memory(bytes) = into { bytes.len as usize } else { pool.buffer_bytes() };
            let whole = waiting.min(room);
            let count = if self.dice.chance(self.faults.short_recv) { self.dice.between(1, whole) } else { whole };
            if let Into::Memory(bytes) = into {
                return self.end_rest(token, bytes, count);
            }
            let Some(bid) = pool.fill(self.sockets[id].to_server.bytes.range(..count).copied()) else {
                return self.end_recv(token, -libc::ENOBUFS, None);
            };
            self.sockets[id].to_server.bytes.drain(..count);
            self.buffers_out += 1;
            // A full completion queue ends a multishot op, too.
            let full = !self.overflown.is_empty() || self.completions.len() >= self.sizes.completions;
            let is_last = full || matches!(into, Into::OneBuffer);
            if is_last || self.dice.chance(self.faults.ended_recv) {
                return self.end_recv(token, count as i32, Some(bid));
            }
            self.post(completion(token, count as i32, Some(bid), true));
            if self.faults.short_recv > 0 && self.dice.chance(300) {
                return;
            }
        }
    }

    /// Input goes where the shard wants it.
    fn end_rest(&mut self, token: Token, bytes: RecvBytes, count: usize) {
        let id = self.descriptors[token.slot() as usize].socket.expect("a recv's descriptor is open");
        let received: Vec<u8> = self.sockets[id].to_server.bytes.drain(..count).collect();
        check_untouched(Into::Memory(bytes));
        memory(bytes)[..count].copy_from_slice(&received);
        self.rests += 1;
        self.descriptors[token.slot() as usize].recv = None;
        self.post(completion(token, count as i32, None, false));
    }

    fn end_recv(&mut self, token: Token, result: i32, bid: Option<u16>) {
        if let Some(recv) = self.descriptors[token.slot() as usize].recv.take() {
            check_untouched(recv.into);
        }
        self.post(completion(token, result, bid, false));
    }

    fn progress_waiting_send(&mut self, slot: u32) {
        let sending = self.descriptors[slot as usize].sending.as_ref();
        if sending.is_some_and(|sending| sending.state == SendState::Waiting) {
            self.progress_send(slot);
        }
    }

    /// Sends what there is room for; without any, the send keeps waiting.
    pub(super) fn progress_send(&mut self, slot: u32) {
        let descriptor = &self.descriptors[slot as usize];
        let sending = descriptor.sending.as_ref().expect("looked at by the caller");
        let socket = &mut self.sockets[descriptor.socket.expect("a send's descriptor is open")];
        let result = if let Some(errno) = socket.error.take() {
            -errno
        } else if socket.broken {
            -libc::EPIPE
        } else if socket.peer_closed {
            // Taken, and answered with a reset.
            socket.break_for_server(libc::ECONNRESET);
            sending.bytes.len as i32
        } else {
            let whole = socket.to_peer.room().min(sending.bytes.len as usize);
            let refused = whole == 0 || !sending.patient && self.dice.chance(self.faults.refused_send);
            if refused {
                return;
            }
            let count = if self.dice.chance(self.faults.short_send) { self.dice.between(1, whole) } else { whole };
            socket.to_peer.bytes.extend(&read(sending.bytes)[..count]);
            count as i32
        };
        self.complete_send(slot, result);
    }

    /// Worker threads do these, some time.
    fn progress_shutdowns(&mut self) {
        for (token, id) in std::mem::take(&mut self.shutdowns) {
            if self.dice.chance(500) {
                self.shutdowns.push((token, id));
                continue;
            }
            let socket = &mut self.sockets[id];
            let result = if socket.broken || socket.server_closed { -libc::ENOTCONN } else { 0 };
            socket.to_peer.ended = true;
            self.inline.push(completion(token, result, None, false));
        }
    }

    fn progress_wake(&mut self) {
        if self.wake_count > 0
            && let Some(token) = self.wake.take()
        {
            self.wake_count = 0;
            self.inline.push(completion(token, 8, None, false));
        }
    }

    /// Rule 3: late news of a connection that is gone, with a buffer that must come back.
    fn maybe_send_stale(&mut self, pool: &mut Pool) {
        if self.gone.is_empty() || !self.dice.chance(self.faults.stale) {
            return;
        }
        let (slot, generation) = self.gone[self.dice.below(self.gone.len())];
        let token = Token::new(OpKind::Recv, slot, generation);
        if let Some(bid) = pool.fill(b"stale".iter().copied()) {
            self.buffers_out += 1;
            self.post(completion(token, 5, Some(bid), false));
        }
    }
}
