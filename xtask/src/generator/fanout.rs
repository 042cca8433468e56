//! Fan-out: the first connection publishes, and all of them, itself too, get every publication in its order.
//!
//! The next publication goes out when all subscribers have the oldest under way. With one under way, each is a fan-out of its
//! own, and the server has nothing to gather.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::connect::{open_all, read_some, write_some};
use super::frames::{Frames, NUMBERED_BYTES};
use super::incoming::Incoming;
use super::poll::Poll;
use super::{Goal, Load, Options};

const READ_BYTES: usize = 64 * 1024;
const PUBLISHER: usize = 0;

pub(super) struct Fanout {
    subscribers: Vec<Subscriber>,
    poll: Poll,
    frames: Frames,
    depth: usize,
    /// Number of the next publication.
    published: u32,
    /// How many subscribers lack each publication under way, oldest first.
    lacking: VecDeque<usize>,
    read: Vec<u8>,
}

struct Subscriber {
    stream: TcpStream,
    incoming: Incoming,
}

impl Fanout {
    pub(super) fn open(options: &Options) -> Result<Self> {
        ensure!(options.bytes >= NUMBERED_BYTES, "a publication needs {NUMBERED_BYTES} bytes for its number");
        let streams = open_all(options)?;
        let poll = Poll::new(&streams, options.sleeps)?;
        let subscriber = |stream| Subscriber { stream, incoming: Incoming::default() };
        Ok(Self {
            subscribers: streams.into_iter().map(subscriber).collect(),
            poll,
            frames: Frames::new(options.opcode, options.bytes).bare(options.bare),
            depth: options.depth,
            published: 0,
            lacking: VecDeque::new(),
            read: vec![0; READ_BYTES],
        })
    }

    fn publish(&mut self) -> Result<()> {
        let number = self.published;
        let frame = self.frames.client(PUBLISHER, number);
        let written = write_some(&mut self.subscribers[PUBLISHER].stream, frame)?;
        ensure!(written == frame.len(), "the publisher had no room for one message");
        self.published = number.wrapping_add(1);
        self.lacking.push_back(self.subscribers.len());
        Ok(())
    }

    /// Reads once and checks.
    fn receive(&mut self, index: usize) -> Result<()> {
        let subscriber = &mut self.subscribers[index];
        let Some(count) = read_some(&mut subscriber.stream, &mut self.read)? else { return Ok(()) };
        let oldest = self.published.wrapping_sub(self.lacking.len() as u32);
        let first = subscriber.incoming.number().wrapping_sub(oldest) as usize;
        let completed = subscriber.incoming.take(&self.read[..count], &mut self.frames, PUBLISHER, self.published)?;
        self.lacking.range_mut(first..first + completed).for_each(|lacking| *lacking -= 1);
        Ok(())
    }
}

impl Load for Fanout {
    /// A goal in messages is one of publications.
    fn run(&mut self, goal: Goal) -> Result<u64> {
        for _ in 0..self.depth {
            self.publish()?;
        }
        let mut count = self.depth as u64;
        while let Some(&missing) = self.lacking.front() {
            let ready = self.poll.wait(missing as u64)?;
            for &index in &ready {
                self.receive(index).with_context(|| format!("subscriber {index}"))?;
            }
            self.poll.recycle(ready);
            while self.lacking.front() == Some(&0) {
                self.lacking.pop_front();
                if !goal.is_reached(count) {
                    self.publish()?;
                    count += 1;
                }
            }
        }
        Ok(count * self.subscribers.len() as u64)
    }

    fn take_idle(&mut self) -> Duration {
        self.poll.take_idle()
    }
}
