//! How connects and sends end.

use super::conns::Conns;
use super::end::Ending;
use super::slot::Phase;
use super::{Client, ClientHandler};
use crate::ring::{Completion, OpKind, Ring};

impl Client {
    /// Rule 4: hears of the last turn's sends that fell short; the others are all out, and the arena is free again.
    #[inline]
    pub(super) fn settle(&mut self) {
        while let Some(completion) = self.ring.next_send() {
            self.conns.on_send(completion);
        }
        self.conns.arena.settle();
    }
}

impl Conns {
    /// TCP is connected, or not.
    pub(super) fn on_connected<H: ClientHandler>(&mut self, handler: &mut H, completion: Completion) {
        let slot = completion.token.slot();
        let Some(conn) = self.live_mut(slot, completion.token.generation()) else { return };
        conn.connecting = false;
        if conn.phase != Phase::Connecting {
            return;
        }
        if completion.result < 0 {
            return self.kill(slot, Ending::Lost(-completion.result));
        }
        match conn.opening.as_mut().map(|opening| std::mem::take(&mut opening.request)) {
            Some(request) => {
                conn.phase = Phase::Opening;
                // The first bytes of a connection: there is room.
                let _ = self.push_bytes(slot, &request);
            }
            None => {
                conn.phase = Phase::Open;
                handler.on_open(self, self.id(slot), None);
            }
        }
        self.mark_dirty(slot);
    }

    /// Less than all was sent, or it was sent with patience.
    #[cold]
    pub(super) fn on_send(&mut self, completion: Completion) {
        let (slot, result) = (completion.token.slot(), completion.result);
        let Some(conn) = self.live_mut(slot, completion.token.generation()) else { return };
        let sent = completion.sent();
        if conn.sending {
            self.end_queue(slot, sent)
        } else {
            self.end_segment(slot, sent)
        }
        self.mark_dirty(slot);
        if sent.is_none() {
            self.kill(slot, Ending::Lost(-result));
        }
    }

    /// Rule 5: what a short send left goes to the connection's own queue, in front, and behind it what came since.
    fn end_segment(&mut self, slot: u32, sent: Option<usize>) {
        let conn = &mut self.slots[slot as usize];
        let Some(sent) = sent.filter(|_| conn.phase < Phase::Dead) else { return };
        let older = &self.arena.in_flight(conn.sent)[sent..];
        self.bytes_out -= older.len() as u64;
        let newer = self.arena.pending(conn.segment.take());
        conn.queue.get_or_insert_default().push_front(older, newer);
    }

    fn end_queue(&mut self, slot: u32, sent: Option<usize>) {
        let conn = &mut self.slots[slot as usize];
        conn.sending = false;
        let message = conn.queue.as_mut().expect("its bytes were in flight").complete(sent.unwrap_or(0));
        debug_assert!(message.is_none(), "a client copies what it sends");
        self.bytes_out += sent.unwrap_or(0) as u64;
        if conn.phase >= Phase::Dead {
            conn.queue = None;
        }
    }

    /// What is still in flight then was between two attempts of the kernel and not to be found: it is cancelled again.
    pub(super) fn on_cancelled(&mut self, completion: Completion) {
        let Some(conn) = self.live_mut(completion.token.slot(), completion.token.generation()) else { return };
        if completion.result < 0 {
            match completion.token.kind() {
                OpKind::CancelRecv => conn.recv_cancelling = false,
                _ => conn.send_cancelling = false,
            }
        }
    }
}
