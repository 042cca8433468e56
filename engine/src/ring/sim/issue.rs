//! What the kernel does with an op when it is submitted.

use super::completion;
use super::pool::Pool;
use super::world::{Into, Receiving, SendState, Sending, World};
use crate::ring::{Completion, Op, OpKind, RecvBytes, SendBytes, Token};

impl World {
    /// The shard pushes an op: what it must not ask for is found here, at the one who asks.
    pub(super) fn check_push(&mut self, op: Op) {
        match op {
            Op::Send { slot, generation, bytes, patient } => {
                assert!(bytes.len > 0, "an empty send");
                let sending = &mut self.descriptors[slot as usize].sending;
                assert!(sending.is_none(), "rule 2: two sends in flight on descriptor {slot}");
                let (token, copy) = (Token::new(OpKind::Send, slot, generation), read(bytes).to_vec());
                *sending = Some(Sending { token, bytes, copy, patient, state: SendState::Pushed });
            }
            Op::Accept { .. } => assert!(self.listening, "an accept after StopAccepting"),
            Op::StopAccepting => assert!(self.listening, "accepting is stopped once"),
            _ => {}
        }
    }

    /// Takes a batch of submissions, in order.
    pub(super) fn issue_all(&mut self, ops: impl Iterator<Item = Op>, pool: &mut Pool) {
        // Completions of multishot recvs are posted at once, those of other ops at the end of the batch.
        for op in ops {
            self.issue(op, pool);
        }
        for completion in std::mem::take(&mut self.inline) {
            self.post(completion);
        }
    }

    fn issue(&mut self, op: Op, pool: &mut Pool) {
        match op {
            Op::Accept { entry } => self.issue_accept(entry),
            Op::Recv { slot, generation } => self.issue_recv(slot, generation, Into::Buffers, pool),
            Op::RecvOnce { slot, generation } => self.issue_recv(slot, generation, Into::OneBuffer, pool),
            Op::RecvRest { slot, generation, bytes } => self.issue_recv(slot, generation, Into::Memory(bytes), pool),
            Op::Send { slot, .. } => self.issue_send(slot),
            Op::CancelRecv { slot, generation } => {
                let found = self.cancel_recv(slot, generation);
                self.complete(OpKind::CancelRecv, slot, generation, if found { 0 } else { -libc::ENOENT });
            }
            Op::CancelSend { slot, generation } => {
                let found = self.cancel_send(slot, generation);
                self.complete(OpKind::CancelSend, slot, generation, if found { 0 } else { -libc::ENOENT });
            }
            Op::Shutdown { slot, generation } => {
                let socket = self.descriptors[slot as usize].socket.expect("a shutdown of a closed descriptor");
                self.shutdowns.push((Token::new(OpKind::Shutdown, slot, generation), socket));
            }
            Op::Close { slot, generation } => self.issue_close(slot, generation),
            Op::StopAccepting => self.issue_stop_accepting(),
            Op::ListenForWake => {
                let token = Token::new(OpKind::Wake, 0, 0);
                assert!(self.wake.replace(token).is_none(), "two reads of the eventfd");
            }
            Op::WakeShard { .. } => self.complete(OpKind::WakeShard, 0, 0, 0),
        }
    }

    fn issue_accept(&mut self, entry: u32) {
        assert!(!self.accepts.contains(&entry), "accept entry {entry} is in flight twice");
        self.accepts.push_back(entry);
        self.progress_accepts();
    }

    fn issue_recv(&mut self, slot: u32, generation: u32, into: Into, pool: &mut Pool) {
        let descriptor = &mut self.descriptors[slot as usize];
        assert!(descriptor.socket.is_some(), "a recv on a closed descriptor");
        assert!(descriptor.recv.is_none(), "two recvs on descriptor {slot}");
        if let Into::Memory(bytes) = into {
            assert!(bytes.len > 0, "an empty recv");
            memory(bytes).fill(UNTOUCHED);
        }
        descriptor.recv = Some(Receiving { token: Token::new(OpKind::Recv, slot, generation), into });
        self.progress_recv(slot, pool);
    }

    fn issue_send(&mut self, slot: u32) {
        let descriptor = &mut self.descriptors[slot as usize];
        assert!(descriptor.socket.is_some(), "a send on a closed descriptor");
        descriptor.sending.as_mut().expect("noted at its push").state = SendState::Waiting;
        self.progress_send(slot);
        let sending = self.descriptors[slot as usize].sending.as_ref();
        if sending.is_some_and(|sending| sending.state == SendState::Waiting && !sending.patient) {
            self.complete_send(slot, -libc::EAGAIN);
        }
    }

    /// Completes the recv with `ECANCELED` if there is one; a cancel by `user_data` finds only its own generation.
    fn cancel_recv(&mut self, slot: u32, generation: u32) -> bool {
        if self.dice.chance(self.faults.missed_cancel) {
            return false;
        }
        let recv = &mut self.descriptors[slot as usize].recv;
        let found = recv.take_if(|recv| generation == recv.token.generation());
        if let Some(recv) = found {
            check_untouched(recv.into);
            self.inline.push(completion(recv.token, -libc::ECANCELED, None, false));
        }
        found.is_some()
    }

    /// The same of the send; one that is under way is not found.
    fn cancel_send(&mut self, slot: u32, generation: u32) -> bool {
        if self.dice.chance(self.faults.missed_cancel) {
            return false;
        }
        let sending = self.descriptors[slot as usize].sending.as_ref();
        let waits = sending
            .is_some_and(|sending| sending.state == SendState::Waiting && sending.token.generation() == generation);
        if waits {
            self.complete_send(slot, -libc::ECANCELED);
        }
        waits
    }

    fn issue_close(&mut self, slot: u32, generation: u32) {
        let descriptor = &mut self.descriptors[slot as usize];
        let id = descriptor.socket.take().expect("a close of a closed descriptor");
        assert!(descriptor.recv.is_none(), "descriptor {slot} is closed under its recv");
        assert!(descriptor.sending.is_none(), "descriptor {slot} is closed under its send");
        // A worker thread looks the descriptor up when it gets to it, and would shut down the next holder.
        let shutting = self.shutdowns.iter().any(|(token, _)| token.slot() == slot);
        assert!(!shutting, "descriptor {slot} is closed under its shutdown");
        let output = self.sockets[id].to_peer.bytes.len();
        let kept = self.dice.between(0, output);
        self.sockets[id].close_server(kept);
        self.descriptor_hint = slot as usize;
        self.complete(OpKind::Close, slot, generation, 0);
    }

    fn issue_stop_accepting(&mut self) {
        self.listening = false;
        let count = self.accepts.len() as i32;
        for entry in std::mem::take(&mut self.accepts) {
            self.complete(OpKind::Accept, entry, 0, -libc::ECANCELED);
        }
        self.complete(OpKind::StopAccepting, 0, 0, count);
        for id in std::mem::take(&mut self.backlog) {
            self.sockets[id].close_server(0);
            self.sockets[id].broken = true;
        }
    }

    pub(super) fn complete(&mut self, kind: OpKind, slot: u32, generation: u32, result: i32) {
        let token = Token::new(kind, slot, generation);
        self.inline.push(completion(token, result, None, false));
    }

    /// Rule 4: an impatient send that took all completes without a word.
    pub(super) fn complete_send(&mut self, slot: u32, result: i32) {
        let sending = &mut self.descriptors[slot as usize].sending;
        let send = sending.as_mut().expect("it is in flight");
        send.state = SendState::Posted;
        let token = send.token;
        if send.patient || result != send.bytes.len as i32 {
            self.inline.push(completion(token, result, None, false));
        } else {
            end_send(sending);
        }
    }

    /// The shard hears of a completion: from here on it may do with the memory as it likes.
    pub(super) fn check_reaped(&mut self, completion: Completion) {
        let (slot, generation) = (completion.token.slot(), completion.token.generation());
        match completion.token.kind() {
            OpKind::Send => {
                end_send(&mut self.descriptors[slot as usize].sending);
            }
            OpKind::Close => self.gone.push((slot, generation)),
            _ => {}
        }
    }
}

/// What memory is set to while a recv into it is in flight.
const UNTOUCHED: u8 = 0xA5;

/// A recv into the shard's memory is over.
pub(super) fn check_untouched(into: Into) {
    if let Into::Memory(bytes) = into {
        let is_untouched = memory(bytes).iter().all(|byte| *byte == UNTOUCHED);
        assert!(is_untouched, "rule 1: memory changed while a recv into it was in flight");
    }
}

/// Where the kernel writes when it receives.
pub(super) fn memory(bytes: RecvBytes) -> &'static mut [u8] {
    // SAFETY: rule 1 is what the shard under test promises: the memory is initialised, lives, and is nobody else's until the recv is
    // over; no caller here keeps the slice beyond its statement.
    unsafe { std::slice::from_raw_parts_mut(bytes.start, bytes.len as usize) }
}

fn end_send(sending: &mut Option<Sending>) {
    let sending = sending.take().expect("a send ends once");
    assert!(read(sending.bytes) == sending.copy, "rule 1: bytes changed while their send was in flight");
}

/// What the kernel reads when it sends.
pub(super) fn read(bytes: SendBytes) -> &'static [u8] {
    // SAFETY: rule 1 is what the shard under test promises: the bytes live and stay until the send is over, which an impatient
    // one is with its submit and any other with its completion; no caller here keeps the slice beyond its statement.
    unsafe { std::slice::from_raw_parts(bytes.start, bytes.len as usize) }
}
