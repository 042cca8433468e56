//! How sends end: a turn's impatient ones as one, a patient one with its completion.

use std::io;

use super::Shard;
use crate::conn::slot::Phase;
use crate::handler::{Conn, ConnError, Handler};
use crate::ring::{Completion, Ring};

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Rule 4: hears of the last turn's sends that fell short; the others are all out, and the arena is free again.
    #[inline]
    pub(super) fn settle(&mut self) {
        while let Some(completion) = self.ring.next_send() {
            self.on_send(completion);
        }
        self.local.arena.settle();
        self.local.flight = self.local.flight.wrapping_add(1);
        self.local.run_waiting();
        while let Some(slot) = self.unsettled.pop() {
            self.local.mark_dirty(slot);
            self.drain(slot);
        }
    }

    /// Less than all was sent, or it was sent with patience.
    #[cold]
    pub(super) fn on_send(&mut self, completion: Completion) {
        let (slot, generation, result) = (completion.token.slot(), completion.token.generation(), completion.result);
        let Some(conn) = self.local.conns.live_mut(slot, generation) else {
            // An impatient one: a slot is given up only after a patient one completed.
            self.local.counters.stale_completions += 1;
            return;
        };
        let sent = completion.sent();
        if conn.sending {
            self.end_queue(slot, sent)
        } else {
            self.end_segment(slot, sent)
        }
        self.local.mark_dirty(slot);
        if sent.is_none() && self.local.conns[slot].phase < Phase::Dead {
            self.lose(slot, &ConnError::Io(io::Error::from_raw_os_error(-result)));
        }
        self.drain(slot);
    }

    /// Rule 5: what a short send left goes to the connection's own queue, in front, and behind it what came since.
    fn end_segment(&mut self, slot: u32, sent: Option<usize>) {
        let local = &mut self.local;
        let conn = &mut local.conns[slot];
        assert_eq!(conn.flight, local.flight, "a send fell short after it was taken to be over (rule 4)");
        let Some(sent) = sent.filter(|_| conn.phase < Phase::Dead) else { return };
        local.counters.short_sends += 1;
        let older = &local.arena.in_flight(conn.sent)[sent..];
        local.counters.bytes_out -= older.len() as u64;
        let newer = local.arena.pending(conn.segment.take());
        conn.queue.get_or_insert_default().push_front(older, newer);
        local.update_congestion(slot);
    }

    fn end_queue(&mut self, slot: u32, sent: Option<usize>) {
        let conn = &mut self.local.conns[slot];
        conn.sending = false;
        let queue = conn.queue.as_mut().expect("its bytes were in flight");
        if let Some(buffer) = queue.complete(sent.unwrap_or(0)) {
            self.local.pool.take_buffer(buffer);
        }
        self.local.counters.bytes_out += sent.unwrap_or(0) as u64;
        // A congested peer that reads is alive, though we do not listen to it.
        if (conn.congested || conn.phase == Phase::Stream) && sent.is_some_and(|sent| sent > 0) {
            conn.received_at = self.local.now;
            conn.ping_unanswered = false;
        }
        if conn.phase >= Phase::Dead {
            conn.queue = None;
        } else if queue.len() <= self.local.limits.send_queue_bytes_low {
            self.local.refill(slot);
        }
    }

    /// Tells the application when its queue fell below the low mark.
    fn drain(&mut self, slot: u32) {
        let conn = &mut self.local.conns[slot];
        if conn.congested && conn.queued_bytes() <= self.local.limits.send_queue_bytes_low {
            conn.congested = false;
            if conn.phase == Phase::Open {
                self.handler.on_drain(&mut Conn::new(&mut self.local, slot));
            }
        }
    }
}
