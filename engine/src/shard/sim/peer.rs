//! A simulated client: writes what its plan says in pieces, reads in pieces, answers pings and close frames.

use std::collections::VecDeque;
use std::time::Duration;

use super::plan::{self, Ending, Plan};
use crate::proto::{CloseCode, Decoder, Event, Opcode, Pool, Role, Rules};
use crate::ring::sim::dice::Dice;
use crate::ring::sim::socket::Read;
use crate::ring::sim::world::{SocketId, World};

/// How long a peer waits when nothing happens.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a connection ended, as the peer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server ended its half in order.
    InOrder,
    /// A reset arrived.
    Reset,
    /// It broke off by itself.
    Own,
    /// Nobody listened.
    NotServed,
}

/// A client and what it saw.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) plan: Plan,
    dice: Dice,
    pub(crate) socket: Option<SocketId>,
    units: VecDeque<Vec<u8>>,
    /// Bytes written, in all and of the first unit.
    written: usize,
    unit_written: usize,
    /// What came before the end of the response's head.
    head: Vec<u8>,
    pub(crate) status: Option<u16>,
    decoder: Decoder,
    pool: Pool,
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) close_seen: Option<CloseCode>,
    /// The code of the close frame of ours that was written whole.
    pub(crate) close_sent: Option<CloseCode>,
    close_queued: Option<CloseCode>,
    half_closed: bool,
    deaf: bool,
    pub(crate) end: Option<End>,
    next: Option<Duration>,
    /// When it wrote or read last.
    busy_at: Duration,
}

impl Peer {
    pub(crate) fn new(plan: Plan, dice: Dice) -> Self {
        let close_queued = if let Ending::Close(code) = plan.ending { Some(code) } else { None };
        Self {
            dice,
            socket: None,
            units: plan.units.iter().cloned().collect(),
            written: 0,
            unit_written: 0,
            head: Vec::new(),
            status: None,
            decoder: Decoder::new(),
            pool: Pool::default(),
            received: Vec::new(),
            close_seen: None,
            close_sent: None,
            close_queued,
            half_closed: false,
            deaf: false,
            end: None,
            next: Some(plan.begin),
            busy_at: plan.begin,
            plan,
        }
    }

    /// When it acts next.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.next
    }

    /// Breaks off whatever it does.
    pub(crate) fn leave(&mut self, world: &mut World) {
        if self.end.is_none() {
            if let Some(socket) = self.socket {
                world.reset(socket);
            }
            self.finish(End::Own);
        }
    }

    /// Does what is due.
    pub(crate) fn act(&mut self, world: &mut World) {
        let micros = self.plan.pace.as_micros() as usize;
        self.next = Some(world.now() + Duration::from_micros(self.dice.between(1, micros) as u64));
        let Some(socket) = self.socket else {
            self.socket = world.connect();
            if self.socket.is_none() {
                self.finish(End::NotServed);
            }
            return;
        };
        self.write(world, socket);
        if self.end.is_none() && !self.deaf {
            self.read(world, socket);
        }
        if self.end.is_none() {
            self.run_ending(world, socket);
        }
    }

    fn finish(&mut self, end: End) {
        self.end = Some(end);
        self.next = None;
        self.decoder.release(&mut self.pool);
    }

    fn write(&mut self, world: &mut World, socket: SocketId) {
        let mut room = self.dice.between(1, self.plan.write_max);
        if let Ending::Reset(after) | Ending::Vanish(after) = self.plan.ending {
            room = room.min(after - self.written);
        }
        while room > 0
            && let Some(unit) = self.units.front()
        {
            let is_head = self.written < self.plan.units[0].len();
            let is_early = self.plan.waits && self.status.is_none() || world.now() < self.plan.speaks_at;
            if !is_head && is_early {
                return;
            }
            let rest = &unit[self.unit_written..];
            let Some(count) = world.write(socket, &rest[..rest.len().min(room)]) else {
                // Broken: what can still be read is read.
                self.units.clear();
                self.unit_written = 0;
                return;
            };
            if count == 0 {
                return;
            }
            self.busy_at = world.now();
            self.unit_written += count;
            self.written += count;
            room -= count;
            if self.unit_written == unit.len() {
                self.units.pop_front();
                self.unit_written = 0;
                if self.units.is_empty() {
                    self.close_sent = self.close_queued;
                }
            }
        }
    }

    fn read(&mut self, world: &mut World, socket: SocketId) {
        let max = self.dice.between(1, self.plan.read_max);
        match world.read(socket, max) {
            Read::Bytes(bytes) => {
                self.busy_at = world.now();
                self.take(bytes);
            }
            Read::Nothing => {}
            Read::End => {
                if !self.half_closed && !world.is_broken(socket) {
                    world.close(socket);
                }
                self.finish(End::InOrder);
            }
            Read::Reset => self.finish(End::Reset),
        }
    }

    fn take(&mut self, bytes: Vec<u8>) {
        if self.status == Some(101) {
            return self.take_frames(bytes);
        }
        self.head.extend(bytes);
        if self.status.is_none()
            && let Some(end) = self.head.windows(4).position(|window| window == b"\r\n\r\n")
        {
            let status = std::str::from_utf8(&self.head[9..12]).ok().and_then(|status| status.parse().ok());
            self.status = Some(status.expect("a response begins with its status"));
            if self.status == Some(101) {
                let rest = self.head.split_off(end + 4);
                self.take_frames(rest);
            }
        }
    }

    fn take_frames(&mut self, mut bytes: Vec<u8>) {
        const RULES: Rules = Rules { role: Role::Client, message_bytes_max: 1 << 20 };
        let mut bytes = &mut bytes[..];
        let mut decoder = std::mem::take(&mut self.decoder);
        while !bytes.is_empty() {
            assert!(self.close_seen.is_none(), "bytes behind the server's close frame");
            let decoded = decoder.decode(&RULES, &mut self.pool, bytes).expect("the server keeps to the protocol");
            let consumed = decoded.consumed;
            match decoded.event {
                Some(Event::Message(message)) => self.received.push(message.as_bytes().to_vec()),
                Some(Event::Ping(payload)) => {
                    let pong = plan::frame(&mut self.dice, true, Opcode::Pong, payload);
                    self.interject(pong);
                }
                Some(Event::Close(frame)) => self.on_close(frame.code.unwrap_or(CloseCode::NO_STATUS)),
                Some(Event::Pong(payload)) => assert_eq!(payload, b"are you there?"),
                None => {}
            }
            bytes = &mut bytes[consumed..];
        }
        decoder.settle(&mut self.pool);
        self.decoder = decoder;
    }

    /// Writes a control frame as soon as the frame that is begun is complete.
    fn interject(&mut self, frame: Vec<u8>) {
        let closes_now = self.units.len() == 1 && self.unit_written > 0 && self.close_queued.is_some();
        if self.close_sent.is_none() && !closes_now && self.plan.ending != Ending::HalfClose {
            let at = usize::from(self.unit_written > 0);
            self.units.insert(at.min(self.units.len()), frame);
        }
    }

    /// Answers the server's close frame, and forgets what it had still to say.
    fn on_close(&mut self, code: CloseCode) {
        self.close_seen = Some(code);
        let is_last = self.units.len() == 1 && self.unit_written > 0;
        if self.close_sent.is_some() || is_last && self.close_queued.is_some() || self.half_closed {
            return;
        }
        self.units.truncate(usize::from(self.unit_written > 0));
        self.units.push_back(plan::close_frame(&mut self.dice, code));
        self.close_queued = Some(code);
    }

    fn run_ending(&mut self, world: &mut World, socket: SocketId) {
        match self.plan.ending {
            Ending::Reset(after) if self.written >= after => {
                world.reset(socket);
                return self.finish(End::Own);
            }
            Ending::Vanish(after) if self.written >= after => {
                self.deaf = true;
                self.next = None;
                return;
            }
            Ending::HalfClose if self.units.is_empty() && !self.half_closed => {
                self.half_closed = true;
                world.end(socket);
            }
            _ => {}
        }
        let quiet = world.now() - self.busy_at;
        if quiet > PATIENCE {
            self.leave(world);
        } else if quiet > Duration::from_millis(50) {
            self.next = Some(world.now() + Duration::from_millis(100));
        }
    }
}
