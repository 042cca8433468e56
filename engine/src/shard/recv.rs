//! Bytes from a connection, decoded where the kernel put them and handed to the application.

use std::io;

use super::Shard;
use super::close;
use super::http::Requests;
use crate::conn::slot::{Phase, Recv};
use crate::handler::local::Local;
use crate::handler::{Conn, ConnError, Handler};
use crate::proto::{Decoder, Event, Message, Opcode};
use crate::ring::{Completion, Ring};

impl<R: Ring, H: Handler> Shard<R, H> {
    #[inline]
    pub(super) fn on_recv(&mut self, completion: Completion) {
        match (completion.result, completion.bid()) {
            (count @ 1.., Some(bid)) => {
                self.on_bytes(completion, bid, count as usize);
                self.ring.give_back(bid);
            }
            (result, bid) => self.on_other_recv(completion, result, bid),
        }
    }

    #[inline(never)]
    fn on_other_recv(&mut self, completion: Completion, result: i32, bid: Option<u16>) {
        match result {
            // Without a buffer of ours: into a decoder's memory.
            1.. => self.on_rest(completion, result as usize),
            _ => self.on_no_bytes(completion, result),
        }
        bid.into_iter().for_each(|bid| self.ring.give_back(bid));
    }

    #[inline]
    fn on_bytes(&mut self, completion: Completion, bid: u16, count: usize) {
        let Self { ring, local, handler, .. } = self;
        let slot = completion.token.slot();
        local.counters.bytes_in += count as u64;
        let Some(conn) = local.conns.live_mut(slot, completion.token.generation()) else {
            local.counters.stale_completions += 1;
            return;
        };
        conn.received_at = local.now;
        if completion.more() && conn.is_ready() && conn.decoder.is_idle() {
            let bytes = ring.buffer(bid, count);
            // One small frame in one recv, nothing pending before it: the loop below would do the same, slower.
            match Decoder::whole_message(&local.rules, bytes) {
                Some(Ok(message)) => on_message(local, handler, slot, message),
                Some(Err(error)) => close::fail(local, handler, slot, error),
                None => run_messages(local, handler, slot, bytes),
            }
        } else {
            self.on_other_bytes(completion, bid, count);
        }
    }

    /// Bytes of anything but a ready connection between two messages.
    #[inline(never)]
    fn on_other_bytes(&mut self, completion: Completion, bid: u16, count: usize) {
        self.note_input(completion);
        let Self { ring, local, handler, .. } = self;
        let slot = completion.token.slot();
        let conn = &local.conns[slot];
        let (phase, takes_messages) = (conn.phase, conn.takes_messages());
        let bytes = ring.buffer(bid, count);
        match phase {
            Phase::Open | Phase::Closing if takes_messages => run_messages(local, handler, slot, bytes),
            Phase::Open | Phase::Closing => hold(local, slot, bytes),
            Phase::Http => {
                let (routes, timeouts, scratch) = (&*self.routes, self.timeouts, &mut self.scratch);
                Requests { local, handler, routes, timeouts, scratch }.run(slot, bytes);
            }
            // What comes after the end, or to where nothing is listened to, is thrown away.
            Phase::Stream | Phase::Flushing | Phase::Lingering | Phase::Dead | Phase::Releasing | Phase::Free => {}
        }
    }

    /// More of a large frame, which stands in the decoder's memory.
    fn on_rest(&mut self, completion: Completion, count: usize) {
        let slot = completion.token.slot();
        self.local.counters.bytes_in += count as u64;
        let Some(conn) = self.local.conns.live_mut(slot, completion.token.generation()) else {
            self.local.counters.stale_completions += 1;
            return;
        };
        conn.received_at = self.local.now;
        self.note_input(completion);
        let conn = &mut self.local.conns[slot];
        if conn.phase > Phase::Closing {
            return;
        }
        conn.decoder.fill(count);
        if conn.takes_messages() {
            run_messages(&mut self.local, &mut self.handler, slot, &mut []);
        } else {
            hold(&mut self.local, slot, &[]);
        }
    }

    /// A peer that sends is alive, and what comes next may need another recv.
    fn note_input(&mut self, completion: Completion) {
        let Self { local, timeouts, .. } = self;
        let slot = completion.token.slot();
        let conn = &mut local.conns[slot];
        if std::mem::take(&mut conn.ping_unanswered) && conn.phase == Phase::Open {
            // The timer waits for the pong: the next ping may be due sooner.
            timeouts.liveness.begin(local, slot);
        }
        let conn = &mut local.conns[slot];
        if !completion.more() {
            // The beginning of a message tells anew whether it is large.
            conn.is_bulky &= conn.recv != Recv::Once;
            conn.note_recv_ended();
        }
        local.mark_dirty(slot);
    }

    #[cold]
    fn on_no_bytes(&mut self, completion: Completion, result: i32) {
        let slot = completion.token.slot();
        let Some(conn) = self.local.conns.live_mut(slot, completion.token.generation()) else {
            self.local.counters.stale_completions += 1;
            return;
        };
        if !completion.more() {
            conn.note_recv_ended();
            self.local.mark_dirty(slot);
        }
        match result {
            0.. => self.on_end_of_stream(slot),
            result => self.on_recv_error(slot, -result),
        }
    }

    /// A cancel that found nothing to cancel may be tried again: the recv had just ended, or goes on.
    pub(super) fn on_recv_cancelled(&mut self, completion: Completion) {
        let slot = completion.token.slot();
        if completion.result < 0
            && let Some(conn) = self.local.conns.live_mut(slot, completion.token.generation())
        {
            conn.recv_cancelling = false;
            self.local.mark_dirty(slot);
        }
    }

    fn on_end_of_stream(&mut self, slot: u32) {
        let conn = &mut self.local.conns[slot];
        conn.peer_finished = true;
        match conn.phase {
            // What came before the end is run first, when the connection may have it.
            Phase::Open | Phase::Closing if conn.input.is_some() => {}
            Phase::Open | Phase::Closing => self.lose(slot, &ConnError::Truncated),
            // A client that shut down its half may still read the response, of which the last send may yet fall short.
            Phase::Http if !conn.is_clear() || conn.flight == self.local.flight => {
                close::end(&mut self.local, slot, Phase::Flushing);
            }
            Phase::Http | Phase::Stream | Phase::Lingering => close::kill(&mut self.local, slot),
            Phase::Flushing | Phase::Dead | Phase::Releasing | Phase::Free => {}
        }
    }

    fn on_recv_error(&mut self, slot: u32, errno: i32) {
        match errno {
            // Rule 6: armed again at the end of the turn, when this turn's buffers are back.
            libc::ENOBUFS => {
                self.local.counters.recv_buffers_exhausted += 1;
                self.unfed.push(slot);
            }
            // Ours (rule 8), or nothing at all: armed again when it is wanted.
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
            errno => self.lose(slot, &ConnError::Io(io::Error::from_raw_os_error(errno))),
        }
    }
}

/// Keeps input for later: bounded by what the kernel had already lent when the recv was cancelled.
#[cold]
fn hold<D>(local: &mut Local<D>, slot: u32, bytes: &[u8]) {
    let input = local.conns[slot].input.get_or_insert_default();
    // As it comes in whole recv buffers, doubling would hold twice what is there.
    input.reserve_exact(bytes.len());
    input.extend_from_slice(bytes);
    local.mark_dirty(slot);
}

/// Runs input that was held, if the connection may have it now.
pub(super) fn run_held<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32) {
    let conn = &mut local.conns[slot];
    let may = matches!(conn.phase, Phase::Open | Phase::Closing) && !conn.congested && !conn.paused;
    if may && let Some(mut bytes) = conn.input.take() {
        run_messages(local, handler, slot, &mut bytes);
        let conn = &local.conns[slot];
        if conn.peer_finished && conn.input.is_none() && conn.phase <= Phase::Closing {
            close::lose(local, handler, slot, &ConnError::Truncated);
        }
    }
}

/// Runs what came with the handshake, unless `on_open` made the connection wait.
pub(super) fn run_first<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, bytes: &mut [u8]) {
    if local.conns[slot].takes_messages() {
        run_messages(local, handler, slot, bytes);
    } else {
        hold(local, slot, bytes);
    }
}

/// Decodes `bytes` and runs the callbacks, up to the end of the bytes, of the connection, or of its readiness.
pub(super) fn run_messages<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, bytes: &mut [u8]) {
    let mut decoder = std::mem::take(&mut local.conns[slot].decoder);
    let mut used = 0;
    while used < bytes.len() || decoder.is_filled() {
        let conn = &local.conns[slot];
        if conn.phase > Phase::Closing || !conn.takes_messages() {
            if conn.phase <= Phase::Closing {
                hold(local, slot, &bytes[used..]);
            }
            break;
        }
        match decoder.decode(&local.rules, &mut local.pool, &mut bytes[used..]) {
            Ok(decoded) => {
                used += decoded.consumed;
                let is_assembled = decoded.is_assembled;
                let Some(event) = decoded.event else { break };
                if is_assembled {
                    local.handover.offer(&event);
                }
                run_event(local, handler, slot, event);
                if is_assembled {
                    local.hand_over(&mut decoder);
                }
            }
            Err(error) => {
                close::fail(local, handler, slot, error);
                break;
            }
        }
    }
    decoder.settle(&mut local.pool);
    let conn = &mut local.conns[slot];
    if conn.phase <= Phase::Closing {
        conn.decoder = decoder;
        if conn.decoder.has_long_rest() {
            conn.is_bulky = true;
            local.mark_dirty(slot);
        }
    } else {
        decoder.release(&mut local.pool);
    }
}

fn run_event<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, event: Event<'_>) {
    match event {
        Event::Message(message) if local.conns[slot].phase == Phase::Open => on_message(local, handler, slot, message),
        // We sent a close frame, and want no more messages.
        Event::Message(_) | Event::Pong(_) => {}
        // §5.5.2: the pong carries the ping's payload.
        Event::Ping(payload) => {
            let _ = local.send(slot, Opcode::Pong, payload);
        }
        Event::Close(frame) => close::on_peer_close(local, handler, slot, frame),
    }
}

#[inline(always)]
fn on_message<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, message: Message<'_>) {
    local.counters.messages_in += 1;
    handler.on_message(&mut Conn::new(local, slot), message);
}
