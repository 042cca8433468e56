//! The end of a turn: whatever changed of a connection, the ops that it calls for are pushed here or, at its end, in `close`.
//! Only a fan-out pushes the sends that share its bytes itself.

use std::cmp::Reverse;

use super::recv;
use super::{Shard, close};
use crate::conn::arena::Arena;
use crate::conn::slot::{Phase, Sending, Slot};
use crate::handler::Handler;
use crate::handler::local::Local;
use crate::ring::{Op, Ring, SendBytes};

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Looks at every connection that something happened to.
    pub(super) fn flush(&mut self) {
        if !self.unfed.is_empty() {
            self.arm_unfed();
        }
        let mut next = 0;
        // Held input may dirty more connections, and the same again.
        while let Some(&slot) = self.local.dirty.get(next) {
            next += 1;
            let conn = &mut self.local.conns[slot];
            let is_replying = conn.is_replying();
            conn.dirty = false;
            if is_replying {
                send_segment(&mut self.ring, &self.local.arena, slot, conn);
            } else {
                self.flush_any(slot);
            }
        }
        self.local.dirty.clear();
        self.local.arena.trim();
    }

    /// Recvs take their buffers in the order in which they are armed, and one connection may have input for all of them: who
    /// waits longest comes first, or would find none left again and again (rule 6).
    #[cold]
    fn arm_unfed(&mut self) {
        let Self { ring, local, unfed, .. } = self;
        unfed.sort_by_key(|&slot| Reverse(local.now.wrapping_sub(local.conns[slot].received_at)));
        unfed.drain(..).for_each(|slot| push_recv(ring, local, slot));
    }

    fn flush_any(&mut self, slot: u32) {
        let Self { ring, local, handler, .. } = self;
        if local.conns[slot].input.is_some() {
            recv::run_held(local, handler, slot);
        }
        push_send(ring, local, slot);
        push_recv(ring, local, slot);
        if local.conns[slot].phase >= Phase::Flushing {
            close::advance(ring, local, slot);
        }
    }
}

/// One send per connection (rule 2): the pending segment first, then its own queue.
fn push_send<R: Ring, D>(ring: &mut R, local: &mut Local<D>, slot: u32) {
    let conn = &mut local.conns[slot];
    if conn.sending != Sending::Nothing || conn.phase >= Phase::Dead {
        return;
    }
    if !conn.segment.is_empty() {
        send_segment(ring, &local.arena, slot, conn);
    } else if let Some(queue) = &mut conn.queue {
        conn.sending = Sending::Queue;
        let bytes = SendBytes::new(queue.take());
        ring.push(Op::Send { slot, generation: conn.generation, bytes, patient: true });
    }
}

#[inline]
fn send_segment<R: Ring, D>(ring: &mut R, arena: &Arena, slot: u32, conn: &mut Slot<D>) {
    conn.sending = Sending::Segment;
    let bytes = SendBytes::new(arena.bytes(conn.segment));
    ring.push(Op::Send { slot, generation: conn.generation, bytes, patient: false });
}

/// Rule 8: a recv is armed while input is wanted, and cancelled while it is not.
fn push_recv<R: Ring, D>(ring: &mut R, local: &mut Local<D>, slot: u32) {
    let conn = &mut local.conns[slot];
    let generation = conn.generation;
    match (conn.wants_input(), conn.recv_armed) {
        (true, false) => {
            conn.recv_armed = true;
            ring.push(Op::Recv { slot, generation });
        }
        (false, true) if !conn.recv_cancelling && conn.phase <= Phase::Closing => {
            conn.recv_cancelling = true;
            ring.push(Op::CancelRecv { slot, generation });
        }
        _ => {}
    }
}
