//! Directed tests play one scene each: a shard on a simulated ring without faults, and clients that do what the test says.

use std::time::Duration;

use crate::config::Config;
use crate::handler::replays::ROOM_BYTES;
use crate::proto::{CloseCode, Decoder, Event, Opcode, Pool, Role, Rules};
use crate::ring::Ring;
use crate::ring::sim::SimRing;
use crate::ring::sim::dice::Dice;
use crate::ring::sim::faults::Faults;
use crate::ring::sim::socket::Read;
use crate::ring::sim::world::{Sizes, SocketId};
use crate::shard::command::Command;
use crate::shard::sim::{Conduct, Record, Scenario, Simulation, close_frame, frame};

/// Room enough for everything.
pub(super) const SIZES: Sizes = Sizes {
    descriptors: 16,
    submissions: 64,
    completions: 256,
    buffers: 8,
    buffer_bytes: 4096,
    socket_bytes: (1 << 20, 1 << 20),
};

/// No timer goes off but those that a test asks for.
pub(super) fn config() -> Config {
    Config { idle_timeout: None, ping_interval: None, publish_window_max: Duration::ZERO, ..Config::default() }
}

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Message(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(Option<CloseCode>),
}

/// A client without a will of its own.
pub(super) struct Client {
    pub(super) socket: SocketId,
    pub(super) peer: usize,
}

/// A scene.
pub(super) struct Stage<R: Ring = SimRing> {
    pub(super) sim: Simulation<R>,
    pub(super) dice: Dice,
}

impl Stage {
    pub(super) fn new(config: Config, sizes: Sizes) -> Self {
        Self::with_faults(config, sizes, Faults::NONE)
    }

    pub(super) fn with_faults(config: Config, sizes: Sizes, faults: Faults) -> Self {
        let config = config.validated().expect("a configuration that is allowed");
        let scenario = Scenario {
            config,
            sizes,
            faults,
            plans: Vec::new(),
            errands: Vec::new(),
            replay_room: ROOM_BYTES,
            shutdown: None,
        };
        let mut dice = Dice::from_seed(1);
        let sim = Simulation::new(scenario, faults, &mut dice, |ring| ring);
        // So that a turn does not jump to the next timer.
        sim.world.borrow_mut().wait_max = Some(Duration::from_millis(1));
        Self { sim, dice }
    }
}

impl<R: Ring> Stage<R> {
    /// Connects; nothing is sent yet.
    pub(super) fn connect(&mut self, conduct: Conduct) -> Client {
        let mut journal = self.sim.journal.borrow_mut();
        journal.conducts.push(conduct);
        journal.records.push(Record::default());
        let socket = self.sim.world.borrow_mut().connect().expect("somebody listens");
        Client { socket, peer: journal.records.len() - 1 }
    }

    /// A WebSocket whose handshake is done.
    pub(super) fn open(&mut self, conduct: Conduct) -> Client {
        let client = self.connect(conduct);
        self.write(&client, &head(&client));
        self.turns(6);
        let response = self.read(&client);
        assert!(response.starts_with(b"HTTP/1.1 101 ") && response.ends_with(b"\r\n\r\n"), "{response:?}");
        client
    }

    pub(super) fn write(&mut self, client: &Client, bytes: &[u8]) {
        let written = self.sim.world.borrow_mut().write(client.socket, bytes);
        assert_eq!(written, Some(bytes.len()), "the socket has room");
    }

    /// Writes a message.
    pub(super) fn send(&mut self, client: &Client, message: &[u8]) {
        let frame = frame(&mut self.dice, true, Opcode::Binary, message);
        self.write(client, &frame);
    }

    /// Writes a close frame.
    pub(super) fn close(&mut self, client: &Client, code: CloseCode) {
        let frame = close_frame(&mut self.dice, code);
        self.write(client, &frame);
    }

    pub(super) fn turns(&mut self, count: usize) {
        (0..count).for_each(|_| self.sim.turn());
    }

    /// Turns until so much virtual time has passed.
    pub(super) fn turns_for(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end && !self.sim.shard.is_finished() {
            self.sim.turn();
        }
    }

    /// Everything that can be read now.
    pub(super) fn read(&mut self, client: &Client) -> Vec<u8> {
        match self.sim.world.borrow_mut().read(client.socket, usize::MAX) {
            Read::Bytes(bytes) => bytes,
            Read::Nothing | Read::End | Read::Reset => Vec::new(),
        }
    }

    /// Whether the server ended its half, all of it read.
    pub(super) fn is_ended(&mut self, client: &Client) -> bool {
        self.sim.world.borrow_mut().read(client.socket, 0) == Read::End
    }

    /// Whole frames that can be read now.
    pub(super) fn frames(&mut self, client: &Client) -> Vec<Frame> {
        frames(self.read(client))
    }

    /// Turns until nothing happens any more, reading all the while.
    pub(super) fn frames_to_the_end(&mut self, client: &Client) -> Vec<Frame> {
        let mut bytes = Vec::new();
        for _ in 0..200 {
            bytes.extend(self.read(client));
            self.sim.turn();
        }
        bytes.extend(self.read(client));
        frames(bytes)
    }

    /// Asks the shard for something from outside.
    pub(super) fn command(&mut self, command: Command) {
        self.sim.town.borrow_mut().command(&mut self.sim.world.borrow_mut(), command);
    }

    /// Virtual time since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.sim.world.borrow().now()
    }

    /// The codes that `on_close` was told, and what `on_error` was.
    pub(super) fn told(&self, client: &Client) -> (Vec<CloseCode>, Vec<String>) {
        let journal = self.sim.journal.borrow();
        let record = &journal.records[client.peer];
        (record.closed.clone(), record.errors.clone())
    }

    /// Takes a look at what is left when everybody is gone.
    pub(super) fn end(mut self) {
        let sockets = self.sim.world.borrow().socket_count();
        for socket in 0..sockets {
            self.sim.world.borrow_mut().reset(socket);
        }
        self.sim.world.borrow_mut().wait_max = None;
        self.sim.see_off();
        self.sim.stop();
    }
}

/// A handshake's request.
pub(super) fn head(client: &Client) -> Vec<u8> {
    format!(
        "GET /ws?peer={} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        client.peer
    )
    .into_bytes()
}

/// The frames in these bytes.
pub(super) fn frames(mut bytes: Vec<u8>) -> Vec<Frame> {
    const RULES: Rules = Rules { role: Role::Client, message_bytes_max: 1 << 24 };
    let (mut decoder, mut pool, mut frames) = (Decoder::new(), Pool::default(), Vec::new());
    let mut bytes = &mut bytes[..];
    while !bytes.is_empty() {
        let decoded = decoder.decode(&RULES, &mut pool, bytes).expect("the server keeps to the protocol");
        let consumed = decoded.consumed;
        frames.extend(decoded.event.map(|event| match event {
            Event::Message(message) => Frame::Message(message.as_bytes().to_vec()),
            Event::Ping(_) => Frame::Ping,
            Event::Pong(payload) => Frame::Pong(payload.to_vec()),
            Event::Close(frame) => Frame::Close(frame.code),
        }));
        bytes = &mut bytes[consumed..];
    }
    frames
}
