//! The end of a turn: whatever changed of a connection, the ops that it calls for are pushed here or, at its end, in `close`.
//! Only a fan-out pushes the sends that share its bytes itself.
//!
//! A turn's impatient sends are a flight: they leave together with the next submit, and are settled together after it. A
//! connection whose next step needs that waits in `unsettled`.

use std::cmp::Reverse;

use super::recv;
use super::{Shard, close};
use crate::conn::arena::Arena;
use crate::conn::slot::{Phase, Recv, Slot};
use crate::handler::Handler;
use crate::handler::local::Local;
use crate::ring::{Op, RecvBytes, Ring, SendBytes};

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Looks at every connection that something happened to.
    pub(super) fn flush(&mut self) {
        if !self.unfed.is_empty() {
            self.arm_unfed();
        }
        let (mut next, mut replied_bytes) = (0, 0);
        // Held input may dirty more connections, and the same again.
        while let Some(&slot) = self.local.dirty.get(next) {
            next += 1;
            let conn = &mut self.local.conns[slot];
            let is_replying = conn.is_replying();
            conn.dirty = false;
            if is_replying {
                replied_bytes += conn.segment.len();
                send_segment(&mut self.ring, &self.local.arena, self.local.flight, slot, conn);
            } else {
                self.flush_any(slot);
            }
        }
        self.local.counters.bytes_out += replied_bytes as u64;
        self.local.dirty.clear();
        self.local.arena.launch();
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
        let conn = &local.conns[slot];
        if conn.flight == local.flight && (conn.queue.is_some() || conn.phase >= Phase::Flushing) {
            self.unsettled.push(slot);
        } else if conn.phase >= Phase::Flushing {
            close::advance(ring, local, slot);
        }
    }
}

/// One send per connection (rule 2): the pending segment first, then its own queue.
fn push_send<R: Ring, D>(ring: &mut R, local: &mut Local<D>, slot: u32) {
    let conn = &mut local.conns[slot];
    if conn.phase >= Phase::Dead {
        return;
    }
    if conn.flight == local.flight {
        // A fan-out has sent this turn, and may fall short.
        queue_segment(&local.arena, conn);
    } else if !conn.segment.is_empty() {
        local.counters.bytes_out += conn.segment.len() as u64;
        send_segment(ring, &local.arena, local.flight, slot, conn);
    } else if let Some(queue) = &mut conn.queue
        && !conn.sending
    {
        if queue.is_empty() {
            return local.refill(slot);
        }
        conn.sending = true;
        let bytes = SendBytes::new(queue.take());
        ring.push(Op::Send { slot, generation: conn.generation, bytes, patient: true });
    }
}

#[inline]
fn send_segment<R: Ring, D>(ring: &mut R, arena: &Arena, flight: u32, slot: u32, conn: &mut Slot<D>) {
    debug_assert_ne!(conn.flight, flight, "one send in flight per connection (rule 2)");
    let bytes = SendBytes::new(arena.pending(conn.segment));
    conn.flight = flight;
    conn.sent = conn.segment.take();
    ring.push(Op::Send { slot, generation: conn.generation, bytes, patient: false });
}

/// Moves what is pending to the connection's own queue, because the arena is emptied before it can be sent.
#[cold]
fn queue_segment<D>(arena: &Arena, conn: &mut Slot<D>) {
    if !conn.segment.is_empty() {
        let segment = conn.segment.take();
        conn.queue.get_or_insert_default().push_front(&[], arena.pending(segment));
    }
}

/// Rule 8: a recv is armed while input is wanted, and cancelled while it is not, or while a better one could be armed.
fn push_recv<R: Ring, D>(ring: &mut R, local: &mut Local<D>, slot: u32) {
    let conn = &mut local.conns[slot];
    let generation = conn.generation;
    let is_wanted = conn.wants_input();
    if is_wanted && conn.recv == Recv::None {
        arm(ring, slot, conn);
    } else if conn.recv != Recv::None
        && (!is_wanted || conn.recv == Recv::Multishot && conn.decoder.has_long_rest())
        && !conn.recv_cancelling
        && conn.phase <= Phase::Closing
    {
        conn.recv_cancelling = true;
        ring.push(Op::CancelRecv { slot, generation });
    }
}

/// Arms the recv that fits what comes next: the rest of a large frame goes where it belongs, and the beginning of another is
/// received by itself, so that its rest can.
fn arm<R: Ring, D>(ring: &mut R, slot: u32, conn: &mut Slot<D>) {
    let generation = conn.generation;
    if conn.is_bulky && conn.phase <= Phase::Closing {
        if let Some(rest) = conn.decoder.rest() {
            conn.recv = Recv::Rest;
            return ring.push(Op::RecvRest { slot, generation, bytes: RecvBytes::new(rest) });
        }
        conn.recv = Recv::Once;
        return ring.push(Op::RecvOnce { slot, generation });
    }
    conn.recv = Recv::Multishot;
    ring.push(Op::Recv { slot, generation });
}
