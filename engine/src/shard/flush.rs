//! The end of a turn: whatever changed, the ops that it calls for are pushed here and nowhere else.

use super::recv;
use super::{Shard, close};
use crate::conn::slot::{Phase, Sending};
use crate::handler::Handler;
use crate::handler::local::Local;
use crate::ring::{Op, Ring, SendBytes};

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Looks at every connection that something happened to.
    pub(super) fn flush(&mut self) {
        let Self { ring, local, handler, .. } = self;
        let mut next = 0;
        // Held input may dirty more connections, and this one again.
        while let Some(&slot) = local.dirty.get(next) {
            next += 1;
            local.conns[slot].dirty = false;
            if local.conns[slot].input.is_some() {
                recv::run_held(local, handler, slot);
            }
            push_send(ring, local, slot);
            push_recv(ring, local, slot);
            if local.conns[slot].phase >= Phase::Flushing {
                close::advance(ring, local, slot);
            }
        }
        local.dirty.clear();
        local.arena.trim();
    }
}

/// One send per connection (rule 2): the pending segment first, then its own queue.
#[inline]
fn push_send<R: Ring, D>(ring: &mut R, local: &mut Local<D>, slot: u32) {
    let conn = &mut local.conns[slot];
    if conn.sending != Sending::Nothing || conn.phase >= Phase::Dead {
        return;
    }
    let generation = conn.generation;
    if !conn.segment.is_empty() {
        conn.sending = Sending::Segment;
        let bytes = SendBytes::new(local.arena.bytes(conn.segment));
        ring.push(Op::Send { slot, generation, bytes, patient: false });
    } else if let Some(queue) = &mut conn.queue {
        conn.sending = Sending::Queue;
        ring.push(Op::Send { slot, generation, bytes: SendBytes::new(queue.take()), patient: true });
    }
}

/// Rule 8: a recv is armed while input is wanted, and cancelled while it is not.
#[inline]
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
