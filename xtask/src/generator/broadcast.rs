//! Everybody to everybody, in rounds: each client sends one message, and the next when it has all of the round.
//!
//! All clients must get the same frames, and from one shard in the same order. So the first to get a part of a round
//! fills the round's reference; for the others the check is one comparison with it. The reference itself is checked frame by frame
//! when it is whole. A client whose order differs, as several shards allow, has its round checked frame by frame too.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::connect::{open_all, read_some, write_some};
use super::frames::{Frames, NUMBERED_BYTES};
use super::poll::Poll;
use super::{Goal, Load, Options};

const READ_BYTES: usize = 256 * 1024;

pub(super) struct Broadcast {
    clients: Vec<Client>,
    poll: Poll,
    frames: Frames,
    /// The current round and the one that the quickest clients are in; nobody can be further apart.
    rounds: [Round; 2],
    read: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    round: u32,
    /// Bytes of the round that have come.
    offset: usize,
    /// Those bytes, if they differ from the reference.
    own: Option<Vec<u8>>,
}

#[derive(Default)]
struct Round {
    number: u32,
    reference: Vec<u8>,
}

impl Broadcast {
    pub(super) fn open(options: &Options) -> Result<Self> {
        ensure!(options.bytes >= NUMBERED_BYTES, "a broadcast message needs {NUMBERED_BYTES} bytes for its numbers");
        ensure!(options.connections <= 0x1_0000, "at most 65,536 clients can be told apart");
        ensure!(options.depth == 1, "in a broadcast each client has one message under way");
        let streams = open_all(options)?;
        let poll = Poll::new(&streams, options.sleeps)?;
        let client = |stream| Client { stream, round: 0, offset: 0, own: None };
        Ok(Self {
            clients: streams.into_iter().map(client).collect(),
            poll,
            frames: Frames::new(options.opcode, options.bytes),
            rounds: [Round::default(), Round { number: 1, ..Round::default() }],
            read: vec![0; READ_BYTES],
        })
    }

    /// Clients send one small message at a time: there is always room for it.
    fn send(&mut self, index: usize) -> Result<()> {
        let client = &mut self.clients[index];
        let frame = self.frames.client(index, client.round);
        let written = write_some(&mut client.stream, frame)?;
        ensure!(written == frame.len(), "client {index} had no room for one message");
        Ok(())
    }

    /// Reads once, and checks; whether the client has completed its round. More than one it cannot: the next needs its
    /// own message too. But a part of the next may have come already.
    fn receive(&mut self, index: usize) -> Result<bool> {
        let Some(count) = read_some(&mut self.clients[index].stream, &mut self.read)? else { return Ok(false) };
        let whole = self.clients.len() * self.frames.server_bytes();
        let mut start = 0;
        let mut completed = false;
        while start < count {
            let client = &mut self.clients[index];
            let end = count.min(start + whole - client.offset);
            let round = &mut self.rounds[client.round as usize % 2];
            round.begin(client.round);
            let extended = client.take(round, &self.read[start..end]);
            start = end;
            if client.offset == whole {
                ensure!(!completed, "two rounds came for one message");
                completed = true;
                self.end_round(index, extended)?;
            }
        }
        Ok(completed)
    }

    fn end_round(&mut self, index: usize, extended: bool) -> Result<()> {
        let count = self.clients.len();
        let client = &mut self.clients[index];
        if let Some(own) = client.own.take() {
            check_round(&mut self.frames, &own, client.round, count)?;
        } else if extended {
            check_round(&mut self.frames, &self.rounds[client.round as usize % 2].reference, client.round, count)?;
        }
        client.offset = 0;
        client.round = client.round.wrapping_add(1);
        Ok(())
    }
}

impl Round {
    /// Makes this the round `number`, if it is still an earlier one.
    fn begin(&mut self, number: u32) {
        if self.number != number {
            self.number = number;
            self.reference.clear();
        }
    }
}

impl Client {
    /// Compares with the round's reference, or extends it; whether it was extended.
    fn take(&mut self, round: &mut Round, bytes: &[u8]) -> bool {
        let start = self.offset;
        self.offset += bytes.len();
        if let Some(own) = &mut self.own {
            own.extend_from_slice(bytes);
            return false;
        }
        let known = bytes.len().min(round.reference.len() - start);
        if bytes[..known] != round.reference[start..start + known] {
            self.own = Some([&round.reference[..start], bytes].concat());
            return false;
        }
        round.reference.extend_from_slice(&bytes[known..]);
        known < bytes.len()
    }
}

/// One message of each client, each exactly once, each as it was sent.
fn check_round(frames: &mut Frames, stream: &[u8], number: u32, clients: usize) -> Result<()> {
    let mut seen = vec![false; clients];
    for frame in stream.chunks(frames.server_bytes()) {
        let sender = frames.sender_of(frame).filter(|&sender| sender < clients);
        let sender = sender.with_context(|| format!("round {number}: no sender in {frame:02x?}"))?;
        if frame != frames.server(sender, number) {
            bail!("round {number}: the message of client {sender} came as {frame:02x?}");
        }
        ensure!(!std::mem::replace(&mut seen[sender], true), "round {number}: client {sender}'s message came twice");
    }
    Ok(())
}

impl Load for Broadcast {
    fn run(&mut self, goal: Goal) -> Result<u64> {
        let count = self.clients.len();
        let first = self.clients[0].round;
        let mut last = match goal {
            Goal::Messages(messages) => Some(first.wrapping_add(messages.div_ceil(count as u64).max(1) as u32 - 1)),
            Goal::Until(_) => None,
        };
        for index in 0..count {
            self.send(index)?;
        }
        let mut running = count;
        let mut newest = first;
        while running > 0 {
            let ready = self.poll.wait((running * count) as u64)?;
            if last.is_none() && goal.is_reached(0) {
                last = Some(newest);
            }
            for &index in &ready {
                if !self.receive(index).with_context(|| format!("client {index}"))? {
                    continue;
                }
                if Some(self.clients[index].round.wrapping_sub(1)) == last {
                    running -= 1;
                } else {
                    newest = newest.max(self.clients[index].round);
                    self.send(index)?;
                }
            }
            self.poll.recycle(ready);
        }
        let rounds = self.clients[0].round.wrapping_sub(first);
        Ok(u64::from(rounds) * (count * count) as u64)
    }

    fn take_idle(&mut self) -> Duration {
        self.poll.take_idle()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Opcode;
    use super::*;

    fn round_of(frames: &mut Frames, senders: &[usize]) -> Vec<u8> {
        senders.iter().flat_map(|&sender| frames.server(sender, 7).to_vec()).collect()
    }

    #[test]
    fn a_whole_round_passes_in_any_order() {
        let mut frames = Frames::new(Opcode::Binary, 20);
        let stream = round_of(&mut frames, &[2, 0, 1]);
        check_round(&mut frames, &stream, 7, 3).unwrap();
    }

    #[test]
    fn a_repeated_missing_foreign_or_changed_message_is_found() {
        let mut frames = Frames::new(Opcode::Binary, 20);
        for senders in [[0, 0, 1], [0, 1, 3]] {
            let stream = round_of(&mut frames, &senders);
            assert!(check_round(&mut frames, &stream, 7, 3).is_err());
        }
        let mut stream = round_of(&mut frames, &[0, 1, 2]);
        assert!(check_round(&mut frames, &stream, 8, 3).is_err());
        *stream.last_mut().unwrap() ^= 1;
        assert!(check_round(&mut frames, &stream, 7, 3).is_err());
    }
}
