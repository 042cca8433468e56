//! The end of a turn: what changed of a connection becomes ops.

use super::Client;
use super::slot::Phase;
use crate::ring::{Op, Ring, SendBytes};

impl Client {
    pub(super) fn flush(&mut self) {
        self.connect_new();
        self.arm_unfed();
        let mut next = 0;
        while let Some(&slot) = self.conns.dirty.get(next) {
            next += 1;
            self.conns.slots[slot as usize].dirty = false;
            self.push_send(slot);
            self.push_recv(slot);
        }
        self.conns.dirty.clear();
        self.conns.arena.launch();
        self.release_leaving();
    }

    /// One send per connection (rule 2): the turn's frames, or what an earlier turn left.
    #[inline]
    fn push_send(&mut self, slot: u32) {
        let conn = &mut self.conns.slots[slot as usize];
        let generation = conn.generation;
        if !conn.segment.is_empty() {
            let bytes = SendBytes::new(self.conns.arena.pending(conn.segment));
            conn.sent = conn.segment.take();
            self.conns.bytes_out += u64::from(bytes.len);
            self.ring.push(Op::Send { slot, generation, bytes, patient: false });
        } else if let Some(queue) = &mut conn.queue
            && !conn.sending
            && conn.phase < Phase::Dead
        {
            if queue.is_empty() {
                conn.queue = None;
                return;
            }
            conn.sending = true;
            let bytes = SendBytes::new(queue.take());
            self.ring.push(Op::Send { slot, generation, bytes, patient: true });
        }
    }

    #[inline]
    fn push_recv(&mut self, slot: u32) {
        let conn = &mut self.conns.slots[slot as usize];
        if !conn.recv_armed && (Phase::Opening..Phase::Dead).contains(&conn.phase) {
            conn.recv_armed = true;
            self.ring.push(Op::Recv { slot, generation: conn.generation });
        }
    }

    /// Rule 6: recvs that met `ENOBUFS` are armed again when buffers came back.
    fn arm_unfed(&mut self) {
        while let Some(slot) = self.unfed.pop() {
            self.push_recv(slot);
        }
    }

    fn connect_new(&mut self) {
        for (slot, socket, target) in std::mem::take(&mut self.conns.new) {
            let conn = &mut self.conns.slots[slot as usize];
            match self.ring.adopt(slot, socket) {
                // It may have been aborted since: then it only needs its end.
                Ok(()) if conn.phase == Phase::Connecting => {
                    conn.connecting = true;
                    self.ring.push_connect(slot, conn.generation, target);
                }
                Ok(()) => {}
                Err(error) => self.conns.fail_new(slot, &error),
            }
        }
    }

    /// Dead connections give their descriptors back when no op refers to them any more (rules 1 and 11).
    fn release_leaving(&mut self) {
        let Self { ring, conns, .. } = self;
        let slots = &mut conns.slots;
        conns.leaving.retain(|&slot| {
            let conn = &mut slots[slot as usize];
            let generation = conn.generation;
            if conn.is_idle() {
                conn.phase = Phase::Releasing;
                conn.queue = None;
                ring.push(Op::Close { slot, generation });
                return false;
            }
            if conn.recv_armed && !std::mem::replace(&mut conn.recv_cancelling, true) {
                ring.push(Op::CancelRecv { slot, generation });
            }
            if conn.sending && !std::mem::replace(&mut conn.send_cancelling, true) {
                ring.push(Op::CancelSend { slot, generation });
            }
            if conn.connecting && !std::mem::replace(&mut conn.send_cancelling, true) {
                ring.push_cancel_connect(slot, generation);
            }
            true
        });
    }
}
