//! What each peer of a simulated run will do, and what the application does with its connection.

use std::time::Duration;

use crate::proto::frame::{Header, Role};
use crate::proto::{CloseCode, Opcode, mask};
use crate::ring::sim::dice::Dice;

/// What the application does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Every message goes back.
    Echo,
    /// Every message goes to all who have this conduct; to the sender too, or not.
    Broadcast { to_self: bool },
    /// The same with a subscription and a topic of its own; those who broadcast have [`TOPIC`] for both.
    Follow { pattern: &'static str, topic: &'static str, to_self: bool },
    /// A message is answered by so many of so many bytes, as fast as the peer takes them.
    Flood { count: usize, bytes: usize },
    /// As an echo, but the connection is paused while it is behind, and for a moment at times.
    Pause,
    /// Paused in `on_open`, and never resumed.
    Hold,
    /// As an echo, and closed with the code after so many messages.
    Close { after: usize, code: CloseCode },
}

/// Where broadcasts go.
pub(crate) const TOPIC: &str = "all";

impl Conduct {
    /// What it subscribes to, where it publishes, and whether to itself too.
    pub(crate) fn following(self) -> Option<(&'static str, &'static str, bool)> {
        match self {
            Self::Broadcast { to_self } => Some((TOPIC, TOPIC, to_self)),
            Self::Follow { pattern, topic, to_self } => Some((pattern, topic, to_self)),
            _ => None,
        }
    }
}

/// How a peer means to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A close frame behind the last message.
    Close(CloseCode),
    /// Waits for the server to close.
    Wait,
    /// A reset after so many bytes.
    Reset(usize),
    /// Ends its half without a close frame, and reads on.
    HalfClose,
    /// After so many bytes it neither reads nor writes, ever.
    Vanish(usize),
    /// A frame that no client may send.
    Violate,
    /// Half of a request head, and silence.
    HalfHead,
    /// A request that cannot be served.
    BadRequest,
}

/// A peer's part.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) begin: Duration,
    pub(crate) conduct: Conduct,
    pub(crate) messages: Vec<Vec<u8>>,
    /// What it writes, frame by frame, the request head first.
    pub(crate) units: Vec<Vec<u8>>,
    /// Begins to send messages when it was answered.
    pub(crate) waits: bool,
    /// Sends no messages before this.
    pub(crate) speaks_at: Duration,
    pub(crate) ending: Ending,
    /// Longest time between two of its acts.
    pub(crate) pace: Duration,
    /// Most bytes of one write, and of one read.
    pub(crate) write_max: usize,
    pub(crate) read_max: usize,
}

impl Plan {
    /// The part of peer `index`.
    pub(crate) fn roll(dice: &mut Dice, index: usize) -> Self {
        let conduct = roll_conduct(dice);
        let count = if let Conduct::Flood { .. } = conduct { dice.between(1, 2) } else { dice.between(0, 8) };
        let messages: Vec<Vec<u8>> = (0..count).map(|number| message(dice, index, number)).collect();
        let ending = roll_ending(dice, conduct, count);
        let units = units(dice, index, &messages, ending);
        let whole = units.iter().map(Vec::len).sum::<usize>();
        let ending = match ending {
            Ending::Reset(_) => Ending::Reset(dice.between(0, whole)),
            Ending::Vanish(_) => Ending::Vanish(dice.between(0, whole)),
            ending => ending,
        };
        Self {
            begin: Duration::from_micros(dice.between(0, 3000) as u64),
            conduct,
            messages,
            units,
            waits: dice.chance(600),
            speaks_at: Duration::ZERO,
            ending,
            pace: Duration::from_micros(dice.pick(&[20, 300, 3000])),
            write_max: dice.pick(&[20, 150, 4000, 4000]),
            read_max: dice.pick(&[30, 300, 5000, 5000]),
        }
    }
}

impl Plan {
    /// Makes it one who publishes, more often than not.
    pub(crate) fn tell_followers(&mut self, dice: &mut Dice) {
        if !matches!(self.conduct, Conduct::Close { .. }) && dice.chance(700) {
            self.conduct = Conduct::Broadcast { to_self: dice.chance(800) };
        }
    }

    /// Makes it one of many who publish and subscribe.
    pub(crate) fn join_the_crowd(&mut self, dice: &mut Dice) {
        if !matches!(self.conduct, Conduct::Close { .. }) {
            let to_self = dice.chance(800);
            self.conduct = if dice.chance(800) { Conduct::Broadcast { to_self } } else { roll_follower(dice, to_self) };
        }
        // All are there before the first says something.
        self.begin = Duration::ZERO;
        self.speaks_at = Duration::from_millis(20);
        self.pace = Duration::from_micros(20);
    }
}

fn roll_conduct(dice: &mut Dice) -> Conduct {
    match dice.below(10) {
        0..3 => Conduct::Echo,
        3 => Conduct::Broadcast { to_self: true },
        4 => roll_follower(dice, true),
        5 => match dice.chance(500) {
            true => Conduct::Broadcast { to_self: false },
            false => roll_follower(dice, false),
        },
        6 => Conduct::Flood { count: dice.between(1, 30), bytes: dice.pick(&[10, 300, 2000]) },
        8 if dice.chance(200) => Conduct::Hold,
        7 => Conduct::Close { after: dice.between(1, 4), code: CloseCode(4000 + dice.below(100) as u16) },
        _ => Conduct::Pause,
    }
}

fn roll_follower(dice: &mut Dice, to_self: bool) -> Conduct {
    let pattern = dice.pick(&["all.a", "all.*", "all.>", "*", "*.*.b", ">"]);
    let topic = dice.pick(&[TOPIC, "all.a", "all.b", "all.a.b"]);
    Conduct::Follow { pattern, topic, to_self }
}

fn roll_ending(dice: &mut Dice, conduct: Conduct, count: usize) -> Ending {
    if let Conduct::Close { after, .. } = conduct
        && after <= count
    {
        return Ending::Wait;
    }
    match dice.below(16) {
        0..9 => Ending::Close(dice.pick(&[CloseCode::NORMAL, CloseCode::GOING_AWAY, CloseCode(3005)])),
        9 | 10 => Ending::Reset(0),
        11 => Ending::HalfClose,
        12 => Ending::Vanish(0),
        13 => Ending::HalfHead,
        14 => Ending::BadRequest,
        _ => Ending::Violate,
    }
}

/// Its first bytes say whose and which it is.
fn message(dice: &mut Dice, index: usize, number: usize) -> Vec<u8> {
    let len = match dice.below(8) {
        0..5 => dice.between(0, 40),
        5 => dice.pick(&[115, 120, 130, 250]),
        6 => dice.between(200, 900),
        _ => dice.between(500, 4000),
    };
    let mut message = format!("{index}:{number}:").into_bytes();
    message.extend((0..len).map(|at| b'a' + (at % 23) as u8));
    message
}

fn units(dice: &mut Dice, index: usize, messages: &[Vec<u8>], ending: Ending) -> Vec<Vec<u8>> {
    let path = if ending == Ending::BadRequest { "/nowhere" } else { "/ws" };
    let head = format!(
        "GET {path}?peer={index} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    if ending == Ending::HalfHead {
        return vec![head.as_bytes()[..dice.between(1, head.len() - 1)].to_vec()];
    }
    let mut units = vec![head.into_bytes()];
    if ending == Ending::BadRequest {
        return units;
    }
    for message in messages {
        if dice.chance(150) {
            units.push(frame(dice, true, Opcode::Ping, b"are you there?"));
        }
        let opcode = dice.pick(&[Opcode::Text, Opcode::Binary]);
        if dice.chance(200) {
            let cut = dice.between(0, message.len());
            units.push(frame(dice, false, opcode, &message[..cut]));
            units.push(frame(dice, true, Opcode::Continuation, &message[cut..]));
        } else {
            units.push(frame(dice, true, opcode, message));
        }
    }
    match ending {
        Ending::Close(code) => units.push(close_frame(dice, code)),
        Ending::Violate => units.push(frame(dice, true, Opcode::Continuation, b"of nothing")),
        _ => {}
    }
    units
}

/// A masked frame.
pub(crate) fn frame(dice: &mut Dice, fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let key = (dice.below(1 << 16) as u32).wrapping_mul(0x9E37_79B9).to_le_bytes();
    let header = Header { fin, rsv: 0, opcode, mask: Some(key), payload_bytes: payload.len() as u64 };
    let mut bytes = header.encode().as_bytes().to_vec();
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    mask::unmask(&mut bytes[start..], key, 0);
    debug_assert!(Header::parse(&bytes, Role::Server).is_ok());
    bytes
}

/// A masked close frame.
pub(crate) fn close_frame(dice: &mut Dice, code: CloseCode) -> Vec<u8> {
    frame(dice, true, Opcode::Close, &u16::from(code).to_be_bytes())
}
