//! Echo: every connection keeps `depth` messages under way and checks each byte that comes back.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};

use super::connect::{open_all, read_some, write_some};
use super::frames::Frames;
use super::incoming::Incoming;
use super::poll::Poll;
use super::{Goal, Load, Options};

const READ_BYTES: usize = 256 * 1024;

pub(super) struct Echo {
    peers: Vec<Peer>,
    poll: Poll,
    frames: Frames,
    depth: usize,
    read: Vec<u8>,
    burst: Vec<u8>,
}

struct Peer {
    stream: TcpStream,
    /// Number of the next message that goes out.
    sent: u32,
    incoming: Incoming,
    /// What the socket had no room for.
    backlog: Vec<u8>,
}

impl Echo {
    pub(super) fn open(options: &Options) -> Result<Self> {
        let streams = open_all(options)?;
        let poll = Poll::new(&streams, options.sleeps)?;
        let peer = |stream| Peer { stream, sent: 0, incoming: Incoming::default(), backlog: Vec::new() };
        Ok(Self {
            peers: streams.into_iter().map(peer).collect(),
            poll,
            frames: Frames::new(options.opcode, options.bytes).bare(options.bare),
            depth: options.depth,
            read: vec![0; READ_BYTES],
            burst: Vec::new(),
        })
    }

    /// What this connection received, compared; the number of messages that it completed.
    fn receive(&mut self, index: usize) -> Result<usize> {
        let peer = &mut self.peers[index];
        let Some(count) = read_some(&mut peer.stream, &mut self.read)? else { return Ok(0) };
        peer.incoming.take(&self.read[..count], &mut self.frames, index, peer.sent)
    }

    /// Sends `count` messages in one write.
    fn send(&mut self, index: usize, count: usize) -> Result<()> {
        let peer = &mut self.peers[index];
        let bytes = if count == 1 {
            self.frames.client(index, peer.sent)
        } else {
            self.burst.clear();
            for number in 0..count as u32 {
                self.burst.extend_from_slice(self.frames.client(index, peer.sent.wrapping_add(number)));
            }
            &self.burst
        };
        peer.sent = peer.sent.wrapping_add(count as u32);
        if !peer.backlog.is_empty() {
            peer.backlog.extend_from_slice(bytes);
            return Ok(());
        }
        let written = write_some(&mut peer.stream, bytes)?;
        if written < bytes.len() {
            peer.backlog.extend_from_slice(&bytes[written..]);
            self.poll.watch_output(&peer.stream, index, true)?;
        }
        Ok(())
    }

    fn send_backlog(&mut self, index: usize) -> Result<()> {
        let peer = &mut self.peers[index];
        if peer.backlog.is_empty() {
            return Ok(());
        }
        let written = write_some(&mut peer.stream, &peer.backlog)?;
        peer.backlog.drain(..written);
        if peer.backlog.is_empty() {
            self.poll.watch_output(&peer.stream, index, false)?;
        }
        Ok(())
    }
}

impl Load for Echo {
    fn run(&mut self, goal: Goal) -> Result<u64> {
        for index in 0..self.peers.len() {
            self.send(index, self.depth)?;
        }
        let mut sent = (self.peers.len() * self.depth) as u64;
        let mut received = 0;
        while received < sent {
            let ready = self.poll.wait(sent - received)?;
            let more = !goal.is_reached(sent);
            for &index in &ready {
                self.send_backlog(index).with_context(|| format!("connection {index}"))?;
                let completed = self.receive(index).with_context(|| format!("connection {index}"))?;
                received += completed as u64;
                if completed > 0 && more {
                    self.send(index, completed).with_context(|| format!("connection {index}"))?;
                    sent += completed as u64;
                }
            }
            self.poll.recycle(ready);
        }
        Ok(received)
    }

    fn take_idle(&mut self) -> Duration {
        self.poll.take_idle()
    }
}
