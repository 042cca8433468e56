//! What the benches may do with a shard: whole turns on a ring that is a script, so that nothing but our own code is counted.
//!
//! Every send is taken whole and at once, every recv brings what was loaded, and the clock stands still.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::queues::CommandQueue;
use super::{Shard, sim};
use crate::config::Config;
use crate::handler::{Conn, Handler, SendStatus};
use crate::proto::Message;
use crate::ring::sim::completion;
use crate::ring::{Completion, Op, OpKind, Ring, RingCounters, Token, Wait};
use crate::sys::waker::Waker;
use crate::topic::history::MessageKind;

const TOPIC: &str = "bench";

const HANDSHAKE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A shard with open WebSockets that are echoed to, and that all subscribe to one topic.
pub struct Turns {
    shard: Shard<ScriptRing, Application>,
}

impl Turns {
    /// So many connections.
    ///
    /// # Panics
    /// If the shard does not take them.
    pub fn new(connections: u32) -> Self {
        let config = Config { connections_max: connections, publish_window_max: Duration::ZERO, ..Config::default() };
        let config = config.validated().expect("an allowed configuration");
        let queue = Arc::new(CommandQueue::new(16, usize::MAX));
        let seat = sim::alone(&config, queue, Arc::new(Waker::new().expect("an eventfd")));
        let ring = ScriptRing::new(connections);
        let mut turns = Self { shard: Shard::new(ring, Application, &config, sim::routes(), seat) };
        turns.shard.begin();
        while turns.shard.ring.recvs.len() < connections as usize {
            turns.turn();
        }
        turns.load(HANDSHAKE);
        turns.receive();
        turns.turn();
        turns
    }

    /// What each connection brings from now on. Masked with a key of zero, so that it is the same again next time.
    pub fn load(&mut self, frames: &[u8]) {
        self.shard.ring.buffers.iter_mut().for_each(|buffer| *buffer = frames.to_vec());
    }

    /// A turn in which every connection brings what was loaded; returns the bytes that were sent.
    pub fn receive(&mut self) -> u64 {
        let ScriptRing { recvs, completions, buffers, .. } = &mut self.shard.ring;
        for (bid, &(slot, generation)) in recvs.iter().enumerate() {
            let token = Token::new(OpKind::Recv, slot, generation);
            completions.push_back(completion(token, buffers[bid].len() as i32, Some(bid as u16), true));
        }
        self.turn()
    }

    /// A turn in which a text is published to all; returns the bytes that were sent.
    ///
    /// # Panics
    /// If it cannot be published.
    pub fn publish(&mut self, text: &str) -> u64 {
        let message = (MessageKind::Text, text.as_bytes());
        self.shard.local.publish(TOPIC, message, None).expect("a topic without history");
        self.turn()
    }

    fn turn(&mut self) -> u64 {
        let before = self.shard.ring.sent_bytes;
        self.shard.turn().expect("a script does not fail");
        self.shard.ring.sent_bytes - before
    }
}

struct Application;

impl Handler for Application {
    type Data = ();

    fn on_open(&mut self, conn: &mut Conn<'_, ()>) {
        conn.subscribe(TOPIC).expect("a topic");
    }

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        assert_eq!(conn.send(message), SendStatus::Queued, "every send is taken");
    }
}

/// What comes, and what went.
struct ScriptRing {
    now: Instant,
    /// Descriptors of connections that were not accepted yet.
    arrivals: Range<u32>,
    completions: VecDeque<Completion>,
    /// Slot and generation of every recv that was armed.
    recvs: Vec<(u32, u32)>,
    buffers: Vec<Vec<u8>>,
    sent_bytes: u64,
}

impl ScriptRing {
    fn new(connections: u32) -> Self {
        Self {
            now: Instant::now(),
            arrivals: 0..connections,
            completions: VecDeque::new(),
            recvs: Vec::new(),
            buffers: vec![Vec::new(); connections as usize],
            sent_bytes: 0,
        }
    }
}

impl Ring for ScriptRing {
    fn push(&mut self, op: Op) {
        match op {
            Op::Accept { entry } => {
                let token = Token::new(OpKind::Accept, entry, 0);
                let accepted = self.arrivals.next().map(|slot| completion(token, slot as i32, None, false));
                self.completions.extend(accepted);
            }
            Op::Recv { slot, generation } => self.recvs.push((slot, generation)),
            Op::Send { bytes, patient: false, .. } => self.sent_bytes += u64::from(bytes.len),
            Op::ListenForWake => {}
            other => unreachable!("nothing in the script causes {other:?}"),
        }
    }

    fn submit(&mut self, _: Wait) -> io::Result<()> {
        Ok(())
    }

    fn next_completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    fn next_send(&mut self) -> Option<Completion> {
        None
    }

    fn buffer(&mut self, bid: u16, len: usize) -> &mut [u8] {
        &mut self.buffers[usize::from(bid)][..len]
    }

    fn give_back(&mut self, _: u16) {}

    fn peer_addr(&self, _: u32) -> Option<SocketAddr> {
        None
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn counters(&self) -> RingCounters {
        RingCounters::default()
    }
}
