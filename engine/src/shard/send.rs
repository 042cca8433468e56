//! The end of a send: all of it, part of it, or an error.

use std::io;

use super::Shard;
use crate::conn::arena::Segment;
use crate::conn::slot::{Phase, Sending};
use crate::handler::{Conn, ConnError, Handler};
use crate::ring::{Completion, Ring};

impl<R: Ring, H: Handler> Shard<R, H> {
    #[inline]
    pub(super) fn on_send(&mut self, completion: Completion) {
        let (slot, generation) = (completion.token.slot(), completion.token.generation());
        let Some(conn) = self.local.conns.live_mut(slot, generation) else {
            // A slot is given up only after its send completed, so this cannot be a send of ours.
            self.local.counters.stale_completions += 1;
            return;
        };
        let segment = conn.segment;
        if conn.is_ready_but_sending() && completion.result as usize == segment.len() {
            conn.sending = Sending::Nothing;
            conn.segment = Segment::default();
            self.local.arena.release(segment);
        } else {
            self.on_send_slow(slot, completion.result);
        }
    }

    /// Everything but a complete send of an open connection with nothing behind it.
    #[cold]
    fn on_send_slow(&mut self, slot: u32, result: i32) {
        let sent = match result {
            0.. => Some(result as usize),
            // The socket is full: nothing was taken.
            _ if matches!(-result, libc::EAGAIN | libc::EINTR | libc::ENOBUFS) => Some(0),
            _ => None,
        };
        match self.local.conns[slot].sending {
            Sending::Segment => self.end_segment(slot, sent),
            Sending::Queue => self.end_queue(slot, sent),
            Sending::Nothing => unreachable!("a send completed that was not in flight (rule 2)"),
        }
        self.local.mark_dirty(slot);
        if sent.is_none() && self.local.conns[slot].phase < Phase::Dead {
            self.lose(slot, &ConnError::Io(io::Error::from_raw_os_error(-result)));
        }
        self.drain(slot);
    }

    /// Rule 5: what a short send left goes to the connection's own queue, in front; the arena is free again.
    fn end_segment(&mut self, slot: u32, sent: Option<usize>) {
        let local = &mut self.local;
        let conn = &mut local.conns[slot];
        let segment = std::mem::take(&mut conn.segment);
        conn.sending = Sending::Nothing;
        let sent = sent.unwrap_or(segment.len());
        if sent < segment.len() && conn.phase < Phase::Dead {
            local.counters.short_sends += 1;
            conn.queue.get_or_insert_default().push_front(&local.arena.bytes(segment)[sent..]);
        }
        local.arena.release(segment);
        local.update_congestion(slot);
    }

    fn end_queue(&mut self, slot: u32, sent: Option<usize>) {
        let conn = &mut self.local.conns[slot];
        conn.sending = Sending::Nothing;
        let queue = conn.queue.as_mut().expect("its bytes were in flight");
        queue.complete(sent.unwrap_or(0));
        // A congested peer that reads is alive, though we do not listen to it.
        if conn.congested && sent.is_some_and(|sent| sent > 0) {
            conn.received_at = self.local.now;
            conn.ping_unanswered = false;
        }
        if queue.is_empty() || conn.phase >= Phase::Dead {
            conn.queue = None;
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
