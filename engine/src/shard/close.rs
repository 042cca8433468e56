//! How connections end: closing handshakes, violations, losses; and how their slot becomes free.
//!
//! ```text
//! Stream ────────────┐
//! Open ─► Closing ─► Flushing ─► (Lingering) ─► Dead ─► Releasing ─► Free
//!   └─────────┴──────────┴────────────┴─ lost ───┘
//! ```

use super::Shard;
use crate::conn::slot::{Linger, Phase, Recv};
use crate::handler::local::Local;
use crate::handler::{Conn, ConnError, Handler};
use crate::proto::{CloseCode, CloseFrame, ProtocolError};
use crate::ring::{Completion, Op, Ring};

impl<R: Ring, H: Handler> Shard<R, H> {
    /// The network or the peer ended the connection without a closing handshake.
    #[cold]
    pub(super) fn lose(&mut self, slot: u32, error: &ConnError) {
        lose(&mut self.local, &mut self.handler, slot, error);
    }

    /// Our half of a lingering connection has ended; if all of it was to end meanwhile, it can now.
    #[cold]
    pub(super) fn on_shut_down(&mut self, completion: Completion) {
        let slot = completion.token.slot();
        if let Some(conn) = self.local.conns.live_mut(slot, completion.token.generation()) {
            conn.linger = Linger::Done;
            self.local.mark_dirty(slot);
        }
    }

    /// A send that is still in flight then was between two attempts of the kernel and not to be found: it is cancelled again.
    #[cold]
    pub(super) fn on_send_cancelled(&mut self, completion: Completion) {
        let slot = completion.token.slot();
        if completion.result < 0
            && let Some(conn) = self.local.conns.live_mut(slot, completion.token.generation())
        {
            conn.send_cancelling = false;
            self.local.mark_dirty(slot);
        }
    }

    /// The descriptor is closed: the slot is free, and a parked accept may have it.
    pub(super) fn on_closed(&mut self, completion: Completion) {
        let slot = completion.token.slot();
        debug_assert_eq!(self.local.conns[slot].phase, Phase::Releasing);
        self.local.conns.vacate(slot);
        self.accepts.unpark(&mut self.ring, self.local.conns.occupied());
    }
}

/// The peer's close frame: answers it, or completes ours (RFC 6455 §5.5.1).
pub(super) fn on_peer_close<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, frame: CloseFrame<'_>) {
    if local.conns[slot].phase == Phase::Open {
        // RFC6455-5.5.1-3: the answer echoes what it received.
        local.append_close(slot, frame.code, frame.reason);
    }
    end(local, slot, Phase::Flushing);
    tell_close(local, handler, slot, frame.code.unwrap_or(CloseCode::NO_STATUS), frame.reason);
}

/// The peer broke a rule: it is told which by a close code, and nothing more is read.
#[cold]
pub(super) fn fail<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, error: ProtocolError) {
    local.counters.protocol_errors += 1;
    let (code, reason) = (error.close_code(), error.to_string());
    if local.conns[slot].phase == Phase::Open {
        local.append_close(slot, Some(code), &reason);
    }
    end_lingering(local, slot);
    tell_error(local, handler, slot, &ConnError::Protocol(error));
    tell_close(local, handler, slot, code, &reason);
}

/// Ends a connection of which nothing more is to be expected.
pub(super) fn lose<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, error: &ConnError) {
    if local.conns[slot].phase >= Phase::Dead {
        return;
    }
    kill(local, slot);
    tell_error(local, handler, slot, error);
    tell_close(local, handler, slot, CloseCode::ABNORMAL, "");
}

/// Moves an open connection into a phase in which it only sends; the close timeout bounds it.
pub(super) fn end<D>(local: &mut Local<D>, slot: u32, phase: Phase) {
    let conn = &mut local.conns[slot];
    conn.phase = phase;
    conn.paused = false;
    conn.input = None;
    local.unsubscribe_all(slot);
    local.wheel.set(slot, local.close_ticks);
    local.mark_dirty(slot);
}

/// Ends a connection whose peer may still send: it gets all that is queued, and what it sends is thrown away.
pub(super) fn end_lingering<D>(local: &mut Local<D>, slot: u32) {
    local.conns[slot].linger = Linger::Wanted;
    end(local, slot, Phase::Flushing);
}

/// Ends a connection at once; what is queued is lost. Whoever calls this tells the application.
pub(super) fn kill<D>(local: &mut Local<D>, slot: u32) {
    local.unsubscribe_all(slot);
    local.drop_pending(slot);
    local.wheel.clear(slot);
    let conn = &mut local.conns[slot];
    conn.phase = Phase::Dead;
    conn.input = None;
    if conn.recv != Recv::Rest {
        conn.decoder.release(&mut local.pool);
    }
    local.mark_dirty(slot);
}

fn tell_error<H: Handler>(local: &mut Local<H::Data>, handler: &mut H, slot: u32, error: &ConnError) {
    if !local.conns[slot].close_told {
        handler.on_error(&mut Conn::new(local, slot), error);
    }
}

/// Tells the application of the end, once.
pub(super) fn tell_close<H: Handler>(
    local: &mut Local<H::Data>,
    handler: &mut H,
    slot: u32,
    code: CloseCode,
    reason: &str,
) {
    if !std::mem::replace(&mut local.conns[slot].close_told, true) {
        local.open_count -= 1;
        handler.on_close(&mut Conn::new(local, slot), code, reason);
    }
}

/// Takes a connection that is past its messages one step further, as soon as nothing of the step before is in flight.
pub(super) fn advance<R: Ring, D>(ring: &mut R, local: &mut Local<D>, slot: u32) {
    let conn = &mut local.conns[slot];
    if conn.phase == Phase::Flushing && conn.is_clear() {
        if conn.linger == Linger::Wanted && !conn.peer_finished {
            conn.phase = Phase::Lingering;
            conn.linger = Linger::Asked;
            let generation = conn.generation;
            ring.push(Op::Shutdown { slot, generation });
            local.wheel.set(slot, local.close_ticks);
        } else {
            kill(local, slot);
        }
    }
    if local.conns[slot].phase == Phase::Dead {
        release(ring, local, slot);
    }
}

/// The descriptor is closed when no op refers to it or to the connection's memory any more (rules 1 and 11).
fn release<R: Ring, D>(ring: &mut R, local: &mut Local<D>, slot: u32) {
    let conn = &mut local.conns[slot];
    let generation = conn.generation;
    if conn.is_idle() {
        conn.phase = Phase::Releasing;
        conn.queue = None;
        conn.decoder.release(&mut local.pool);
        return ring.push(Op::Close { slot, generation });
    }
    if conn.recv != Recv::None && !std::mem::replace(&mut conn.recv_cancelling, true) {
        ring.push(Op::CancelRecv { slot, generation });
    }
    if conn.sending && !std::mem::replace(&mut conn.send_cancelling, true) {
        ring.push(Op::CancelSend { slot, generation });
    }
}
