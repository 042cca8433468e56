//! Bytes from a connection, decoded where the kernel put them and handed to the application.

use std::io;

use super::Shard;
use super::close;
use super::http::Requests;
use crate::conn::slot::Phase;
use crate::handler::local::Local;
use crate::handler::{Conn, ConnError, Handler};
use crate::proto::{Event, Opcode};
use crate::ring::{Completion, Ring};

impl<R: Ring, H: Handler> Shard<R, H> {
    #[inline]
    pub(super) fn on_recv(&mut self, completion: Completion) {
        let (slot, generation) = (completion.token.slot(), completion.token.generation());
        match self.local.conns.live_mut(slot, generation) {
            Some(conn) => {
                if !completion.more {
                    conn.recv_armed = false;
                    conn.recv_cancelling = false;
                    self.local.mark_dirty(slot);
                }
                match (completion.result, completion.bid) {
                    (count @ 1.., Some(bid)) => self.on_bytes(slot, bid, count as usize),
                    (0, _) => self.on_end_of_stream(slot),
                    (result, _) => self.on_recv_error(slot, -result),
                }
            }
            None => self.local.counters.stale_completions += 1,
        }
        if let Some(bid) = completion.bid {
            self.ring.give_back(bid);
        }
    }

    #[inline]
    fn on_bytes(&mut self, slot: u32, bid: u16, count: usize) {
        let Self { ring, local, handler, .. } = self;
        local.counters.bytes_in += count as u64;
        let now = local.now;
        let conn = &mut local.conns[slot];
        conn.received_at = now;
        conn.ping_unanswered = false;
        let bytes = ring.buffer(bid, count);
        match conn.phase {
            Phase::Open | Phase::Closing => {
                if conn.congested || conn.paused || conn.input.is_some() {
                    hold(local, slot, bytes);
                } else {
                    run_messages(local, handler, slot, bytes);
                }
            }
            Phase::Http => {
                Requests { local, handler, routes: &self.routes, timeouts: self.timeouts, scratch: &mut self.scratch }
                    .run(slot, bytes)
            }
            // What comes after the end is thrown away.
            Phase::Flushing | Phase::Lingering | Phase::Dead | Phase::Releasing | Phase::Free => {}
        }
    }

    fn on_end_of_stream(&mut self, slot: u32) {
        let conn = &mut self.local.conns[slot];
        conn.peer_finished = true;
        match conn.phase {
            Phase::Open | Phase::Closing => self.lose(slot, &ConnError::Truncated),
            // A client that shut down its half may still read the response.
            Phase::Http if !conn.is_clear() => conn.phase = Phase::Flushing,
            Phase::Http | Phase::Lingering => close::kill(&mut self.local, slot),
            Phase::Flushing | Phase::Dead | Phase::Releasing | Phase::Free => {}
        }
    }

    #[cold]
    fn on_recv_error(&mut self, slot: u32, errno: i32) {
        match errno {
            // Rule 6: armed again at the end of the turn, when this turn's buffers are back.
            libc::ENOBUFS => self.local.counters.recv_buffers_exhausted += 1,
            // Ours (rule 8), or nothing at all: armed again when it is wanted.
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
            errno => self.lose(slot, &ConnError::Io(io::Error::from_raw_os_error(errno))),
        }
    }
}

/// Keeps input for later: bounded by what the kernel had already lent when the recv was cancelled.
#[cold]
fn hold<D>(local: &mut Local<D>, slot: u32, bytes: &[u8]) {
    local.conns[slot].input.get_or_insert_default().extend_from_slice(bytes);
    local.mark_dirty(slot);
}

/// Runs input that was held, if the connection may have it now.
pub(super) fn run_held<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32) {
    let conn = &mut local.conns[slot];
    let may = matches!(conn.phase, Phase::Open | Phase::Closing) && !conn.congested && !conn.paused;
    if may && let Some(mut bytes) = conn.input.take() {
        run_messages(local, handler, slot, &mut bytes);
    }
}

/// Decodes `bytes` and runs the callbacks, up to the end of the bytes, of the connection, or of its readiness.
#[inline]
pub(super) fn run_messages<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, bytes: &mut [u8]) {
    let mut decoder = std::mem::take(&mut local.conns[slot].decoder);
    let mut used = 0;
    while used < bytes.len() {
        let conn = &local.conns[slot];
        if conn.congested || conn.paused || !matches!(conn.phase, Phase::Open | Phase::Closing) {
            if conn.phase <= Phase::Closing {
                hold(local, slot, &bytes[used..]);
            }
            break;
        }
        match decoder.decode(&local.rules, &mut local.pool, &mut bytes[used..]) {
            Ok(decoded) => {
                used += decoded.consumed;
                let Some(event) = decoded.event else { break };
                run_event(local, handler, slot, event);
            }
            Err(error) => {
                close::fail(local, handler, slot, error);
                break;
            }
        }
    }
    decoder.settle(&mut local.pool);
    if local.conns[slot].phase <= Phase::Closing {
        local.conns[slot].decoder = decoder;
    } else {
        decoder.release(&mut local.pool);
    }
}

#[inline]
fn run_event<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, event: Event<'_>) {
    match event {
        Event::Message(message) => {
            if local.conns[slot].phase == Phase::Open {
                local.counters.messages_in += 1;
                handler.on_message(&mut Conn::new(local, slot), message);
            }
        }
        // RFC6455-5.5.2-2: the pong carries the ping's payload.
        Event::Ping(payload) => {
            let _ = local.send(slot, Opcode::Pong, payload);
        }
        Event::Pong(_) => {}
        Event::Close(frame) => close::on_peer_close(local, handler, slot, frame),
    }
}
