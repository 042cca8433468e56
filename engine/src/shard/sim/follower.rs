//! A simulated reader of topics over HTTP: a stream of events, or polls one after the other. It breaks off at random, comes back
//! behind the last message that it had, and remembers all that it heard.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::app::Journal;
use crate::ring::sim::dice::Dice;
use crate::ring::sim::socket::Read;
use crate::ring::sim::world::{SocketId, World};

/// How long it waits for more before it leaves: longer than anything takes of which somebody is in the middle.
const PATIENCE: Duration = Duration::from_secs(1);

/// What it asks for, and how it behaves.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) polls: bool,
    /// A name or pattern.
    pub(crate) text: &'static str,
    begin: Duration,
    pace: Duration,
    read_max: usize,
    /// How often it comes back.
    returns: usize,
}

impl Errand {
    pub(crate) fn roll(dice: &mut Dice) -> Self {
        Self {
            polls: dice.chance(500),
            text: dice.pick(&["all", "all.a", "all.b", "all.*", "all.>", ">"]),
            begin: Duration::from_micros(dice.between(0, 4000) as u64),
            pace: Duration::from_micros(dice.pick(&[20, 300, 3000])),
            read_max: dice.pick(&[30, 300, 5000, 5000]),
            returns: dice.between(0, 6),
        }
    }

    pub(crate) fn is_pattern(&self) -> bool {
        self.text.contains(['*', '>'])
    }
}

/// A message as it was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Not told where one topic is followed.
    pub(crate) topic: Option<String>,
    /// None without history.
    pub(crate) offset: Option<u64>,
    pub(crate) payload: Vec<u8>,
    /// Counts the connections that it had.
    pub(crate) life: usize,
}

/// Somebody with an errand.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) errand: Errand,
    journal: Rc<RefCell<Journal>>,
    dice: Dice,
    socket: Option<SocketId>,
    /// What is still to be written.
    request: Vec<u8>,
    /// What was read and not yet understood.
    buffer: Vec<u8>,
    /// Of a stream: the head of the response is read.
    streams: bool,
    pub(crate) heard: Vec<Heard>,
    /// The last position of each topic.
    positions: BTreeMap<String, String>,
    pub(crate) life: usize,
    next: Option<Duration>,
    busy_at: Duration,
    /// Of polls: publications when the one that runs was asked, and when the last was that brought nothing more.
    asked_at: usize,
    told_to: Option<usize>,
    /// Publications that it must have heard of: it was connected and heard nothing for long.
    pub(crate) patient_to: Option<usize>,
}

#[derive(serde::Deserialize)]
struct Answer {
    messages: Vec<Item>,
    gap: bool,
    position: Option<String>,
}

#[derive(serde::Deserialize)]
struct Item {
    topic: Option<String>,
    position: String,
    data: Option<String>,
    data64: Option<String>,
}

impl Follower {
    pub(crate) fn new(errand: Errand, journal: Rc<RefCell<Journal>>, dice: Dice) -> Self {
        Self {
            next: Some(errand.begin),
            busy_at: errand.begin,
            errand,
            journal,
            dice,
            socket: None,
            request: Vec::new(),
            buffer: Vec::new(),
            streams: false,
            heard: Vec::new(),
            positions: BTreeMap::new(),
            life: 0,
            asked_at: 0,
            told_to: None,
            patient_to: None,
        }
    }

    /// When it acts next.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.next
    }

    /// Does what is due.
    pub(crate) fn act(&mut self, world: &mut World) {
        let micros = self.errand.pace.as_micros() as usize;
        self.next = Some(world.now() + Duration::from_micros(self.dice.between(1, micros) as u64));
        let Some(socket) = self.socket else { return self.connect(world) };
        if self.life <= self.errand.returns && self.dice.chance(5) {
            world.reset(socket);
            return self.come_back();
        }
        if self.write(world, socket) {
            self.read(world, socket);
        }
        let quiet = world.now() - self.busy_at;
        if quiet > PATIENCE {
            self.note_patience();
            self.leave(world);
        } else if quiet > Duration::from_millis(50) && self.next.is_some() {
            self.next = Some(world.now() + Duration::from_millis(100));
        }
    }

    /// Breaks off for good.
    pub(crate) fn leave(&mut self, world: &mut World) {
        if let Some(socket) = self.socket.take() {
            world.reset(socket);
        }
        self.next = None;
    }

    fn connect(&mut self, world: &mut World) {
        self.socket = world.connect();
        if self.socket.is_none() {
            self.next = None;
            return;
        }
        self.life += 1;
        self.busy_at = world.now();
        (self.buffer, self.streams, self.told_to) = (Vec::new(), false, None);
        self.ask();
    }

    /// The connection is gone: once more, or never again.
    fn come_back(&mut self) {
        self.socket = None;
        if self.life > self.errand.returns {
            self.next = None;
        }
    }

    /// The request for everything behind what it has.
    fn ask(&mut self) {
        self.asked_at = self.journal.borrow().log.len();
        let mut query = String::from("since=0");
        for (topic, position) in &self.positions {
            let of = if self.errand.is_pattern() { format!("{topic}:") } else { String::new() };
            query.push_str(&format!("&after={of}{position}"));
        }
        let path = self.errand.text.replace('>', "%3E");
        let (more, accept) = match self.errand.polls {
            true => ("&wait=100ms", ""),
            false => ("", "Accept: text/event-stream\r\n"),
        };
        self.request = format!("GET /topics/{path}?{query}{more} HTTP/1.1\r\nHost: sim\r\n{accept}\r\n").into_bytes();
    }

    /// Writes of the request what there is room for; false when the connection is broken.
    fn write(&mut self, world: &mut World, socket: SocketId) -> bool {
        if self.request.is_empty() {
            return true;
        }
        match world.write(socket, &self.request) {
            Some(count) => drop(self.request.drain(..count)),
            None => self.come_back(),
        }
        self.socket.is_some()
    }

    fn read(&mut self, world: &mut World, socket: SocketId) {
        let max = self.dice.between(1, self.errand.read_max);
        match world.read(socket, max) {
            Read::Bytes(bytes) => {
                self.buffer.extend(bytes);
                if self.errand.polls { self.take_answer(world) } else { self.take_events(world) }
            }
            Read::Nothing => {}
            Read::End => {
                if !world.is_broken(socket) {
                    world.close(socket);
                }
                self.come_back();
            }
            Read::Reset => self.come_back(),
        }
    }

    /// What stands before `end` in the buffer.
    fn until(&mut self, end: &str) -> Option<String> {
        let at = self.buffer.windows(end.len()).position(|window| window == end.as_bytes())?;
        let bytes = self.buffer.drain(..at + end.len()).collect();
        Some(String::from_utf8(bytes).expect("a head, and events, are UTF-8"))
    }

    fn take_events(&mut self, world: &World) {
        if !self.streams {
            let Some(head) = self.until("\r\n\r\n") else { return };
            self.streams = head.starts_with("HTTP/1.1 200 ");
            if !self.streams {
                // Its body tells why, and then it ends.
                self.errand.returns = 0;
                return;
            }
        }
        while let Some(event) = self.until("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let payload = match (field("event"), field("data")) {
                (None, Some(data)) => data.as_bytes().to_vec(),
                (Some("binary"), Some(data)) => STANDARD.decode(data).expect("base64"),
                (Some("subscribed"), Some(data)) => {
                    assert!(data.contains("\"gap\":false"), "{data}");
                    continue;
                }
                (None, None) | (Some("closing" | "lost"), _) => continue,
                other => panic!("{other:?}"),
            };
            let id = field("id");
            let (topic, position) = match id {
                Some(id) if self.errand.is_pattern() => {
                    let mut parts = id.split(':');
                    (parts.next().map(str::to_owned), parts.next().filter(|position| !position.is_empty()))
                }
                position => (None, position),
            };
            self.busy_at = world.now();
            self.hear(topic, position.map(str::to_owned), payload);
        }
    }

    fn take_answer(&mut self, world: &World) {
        let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return };
        let head = String::from_utf8(self.buffer[..at].to_vec()).expect("a head is ASCII");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        let end = at + 4 + length.parse::<usize>().expect("a number");
        if self.buffer.len() < end {
            return;
        }
        let mut body: Vec<u8> = self.buffer.drain(..end).skip(at + 4).collect();
        if !head.starts_with("HTTP/1.1 200 ") {
            self.errand.returns = 0;
            return;
        }
        let answer: Answer = simd_json::serde::from_slice(&mut body).expect("JSON");
        assert!(!answer.gap, "nothing is too old");
        if answer.messages.is_empty() {
            self.told_to = Some(self.asked_at);
        }
        for Item { topic, position, data, data64 } in answer.messages {
            let payload = match (data, data64) {
                (Some(text), None) => text.into_bytes(),
                (None, Some(bytes)) => STANDARD.decode(bytes).expect("base64"),
                other => panic!("{other:?}"),
            };
            self.busy_at = world.now();
            self.hear(topic, Some(position), payload);
        }
        let last = self.positions.get(self.errand.text);
        assert!(last.is_none() || last == answer.position.as_ref(), "{last:?} {:?}", answer.position);
        self.ask();
    }

    fn hear(&mut self, topic: Option<String>, position: Option<String>, payload: Vec<u8>) {
        let offset = position.as_ref().map(|position| {
            let (_, offset) = position.split_once('-').expect("a position");
            offset.parse().expect("a number")
        });
        if let Some(position) = position {
            self.positions.insert(topic.clone().unwrap_or(self.errand.text.to_owned()), position);
        }
        self.heard.push(Heard { topic, offset, payload, life: self.life });
    }

    /// It leaves a connection on which all was said, unless somebody speaks just now.
    fn note_patience(&mut self) {
        let journal = self.journal.borrow();
        let is_over = journal.log.last().is_none_or(|last| last.turn + 10 < journal.turn);
        self.patient_to = match self.errand.polls {
            // What came after it was asked may still be on its way.
            true => self.told_to,
            false => (is_over && self.streams && self.buffer.is_empty()).then_some(journal.log.len()),
        };
    }
}
