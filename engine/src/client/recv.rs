//! Bytes from servers, decoded where the kernel put them.

use super::conns::Conns;
use super::end::Ending;
use super::slot::Phase;
use super::{Client, ClientHandler, ConnId};
use crate::proto::{CloseCode, CloseFrame, Decoder, Event, Opcode, ProtocolError};
use crate::ring::{Completion, Ring};

impl Client {
    #[inline]
    pub(super) fn on_recv<H: ClientHandler>(&mut self, handler: &mut H, completion: Completion) {
        let (slot, generation) = (completion.token.slot(), completion.token.generation());
        match (completion.result, completion.bid()) {
            (count @ 1.., Some(bid)) => {
                if let Some(conn) = self.conns.live_mut(slot, generation) {
                    let is_heard = !conn.is_deaf && conn.phase < Phase::Dead;
                    let takes_replies = conn.phase == Phase::Open && !conn.is_raw && conn.decoder.is_idle();
                    if !completion.more() {
                        conn.recv_armed = false;
                        self.conns.mark_dirty(slot);
                    }
                    self.conns.bytes_in += if is_heard { count as u64 } else { 0 };
                    let bytes = self.ring.buffer(bid, count as usize);
                    // One small frame in one recv: the loop over frames would do the same, slower.
                    let reply = if takes_replies { Decoder::whole_reply(&self.conns.rules, bytes) } else { None };
                    match reply {
                        Some(Ok(message)) => handler.on_message(&mut self.conns, id(slot, generation), message),
                        Some(Err(error)) => fail(&mut self.conns, slot, error),
                        None => run_bytes(&mut self.conns, handler, slot, bytes),
                    }
                }
                self.ring.give_back(bid);
            }
            (result, bid) => {
                bid.into_iter().for_each(|bid| self.ring.give_back(bid));
                self.on_no_bytes(completion, result);
            }
        }
    }

    #[cold]
    fn on_no_bytes(&mut self, completion: Completion, result: i32) {
        let slot = completion.token.slot();
        let Some(conn) = self.conns.live_mut(slot, completion.token.generation()) else { return };
        if !completion.more() {
            conn.recv_armed = false;
        }
        match -result {
            // Rule 6.
            libc::ENOBUFS => self.unfed.push(slot),
            0 => self.conns.kill(slot, Ending::EndOfStream),
            libc::EAGAIN | libc::EINTR => self.unfed.push(slot),
            // What a cancel leaves.
            libc::ECANCELED => {}
            errno => self.conns.kill(slot, Ending::Lost(errno)),
        }
    }
}

#[inline]
fn id(slot: u32, generation: u32) -> ConnId {
    ConnId { shard: 0, generation, slot }
}

#[inline]
fn run_bytes<H: ClientHandler>(conns: &mut Conns, handler: &mut H, slot: u32, bytes: &mut [u8]) {
    let conn = &conns.slots[slot as usize];
    match conn.phase {
        _ if conn.is_deaf => {}
        Phase::Open if conn.is_raw => handler.on_bytes(conns, conns.id(slot), bytes),
        Phase::Open | Phase::Closing if !conn.is_raw => run_frames(conns, handler, slot, bytes),
        Phase::Opening => run_response(conns, handler, slot, bytes),
        // What comes after the end is thrown away.
        _ => {}
    }
}

/// The response to the handshake; frames may follow it at once.
#[cold]
fn run_response<H: ClientHandler>(conns: &mut Conns, handler: &mut H, slot: u32, bytes: &mut [u8]) {
    let Some(mut opening) = conns.slots[slot as usize].opening.take() else { return };
    match opening.take(bytes) {
        Ok(None) => conns.slots[slot as usize].opening = Some(opening),
        Ok(Some((head_bytes, protocol))) => {
            conns.slots[slot as usize].phase = Phase::Open;
            handler.on_open(conns, conns.id(slot), protocol);
            run_frames(conns, handler, slot, &mut bytes[head_bytes..]);
        }
        Err(error) => conns.kill(slot, Ending::Refused(error)),
    }
}

#[inline]
fn run_frames<H: ClientHandler>(conns: &mut Conns, handler: &mut H, slot: u32, mut bytes: &mut [u8]) {
    let id = conns.id(slot);
    let rules = conns.rules;
    // Callbacks get all of `conns`, while a message may lie in the decoder.
    let mut decoder = std::mem::take(&mut conns.slots[slot as usize].decoder);
    let mut pool = std::mem::take(&mut conns.pool);
    while !bytes.is_empty() {
        let consumed = match decoder.decode(&rules, &mut pool, bytes) {
            Ok(decoded) => {
                let consumed = decoded.consumed;
                match decoded.event {
                    Some(Event::Message(message)) if conns.slots[slot as usize].phase == Phase::Open => {
                        handler.on_message(conns, id, message);
                    }
                    Some(event) => on_control(conns, slot, &event),
                    None => {}
                }
                consumed
            }
            Err(error) => {
                fail(conns, slot, error);
                break;
            }
        };
        bytes = &mut bytes[consumed..];
    }
    decoder.settle(&mut pool);
    conns.pool = pool;
    let conn = &mut conns.slots[slot as usize];
    if conn.phase >= Phase::Dead {
        decoder.release(&mut conns.pool);
    } else {
        conn.decoder = decoder;
    }
}

#[cold]
fn on_control(conns: &mut Conns, slot: u32, event: &Event<'_>) {
    match event {
        // RFC6455-5.5.2-1
        Event::Ping(payload) if conns.slots[slot as usize].phase == Phase::Open => {
            // A server that pings and does not read loses its pongs.
            let _ = conns.push_frame(slot, Opcode::Pong, payload);
        }
        Event::Close(frame) => on_server_close(conns, slot, *frame),
        _ => {}
    }
}

/// The server's close frame: answered, or the answer to ours (RFC 6455 §5.5.1). TCP is the server's to end.
// RFC6455-7.1.1-1
fn on_server_close(conns: &mut Conns, slot: u32, frame: CloseFrame<'_>) {
    if conns.slots[slot as usize].phase == Phase::Open {
        conns.begin_close(slot, frame.code, frame.reason);
    }
    let ending = Ending::Closed(frame.code.unwrap_or(CloseCode::NO_STATUS), frame.reason.into());
    conns.note_end(conns.id(slot), ending);
}

/// The server broke a rule: it is told which by a close code, and nothing more is listened to.
#[cold]
fn fail(conns: &mut Conns, slot: u32, error: ProtocolError) {
    if conns.slots[slot as usize].phase == Phase::Open {
        conns.begin_close(slot, Some(error.close_code()), &error.to_string());
    }
    conns.slots[slot as usize].is_deaf = true;
    conns.note_end(conns.id(slot), Ending::Protocol(error));
}
