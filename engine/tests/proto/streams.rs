//! Streams of frames from a seed: mostly valid, and when not, wrong in one of the ways that peers are.

use fastrand::Rng;
use ringwire::proto::{Header, Opcode, Role};

use crate::support::frame;

/// A seed's stream: a few messages and control frames, and perhaps one thing wrong with them.
pub(crate) fn stream(rng: &mut Rng, receiver: Role, payload_bytes_max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.usize(1..6) {
        message(rng, receiver, payload_bytes_max, &mut bytes);
        control(rng, receiver, &mut bytes);
    }
    if rng.u8(..4) == 0 {
        bytes.extend(frame(receiver, true, Opcode::Close, &close_payload(rng)));
    }
    match rng.u8(..4) {
        0 => flip(rng, &mut bytes),
        1 => bytes.truncate(rng.usize(..=bytes.len())),
        2 => splice(rng, receiver, &mut bytes),
        _ => {}
    }
    bytes
}

/// A message in one frame or several, with control frames between them.
fn message(rng: &mut Rng, receiver: Role, payload_bytes_max: usize, bytes: &mut Vec<u8>) {
    let (mut opcode, payload) = if rng.bool() {
        (Opcode::Text, text(rng, payload_bytes_max).into_bytes())
    } else {
        (Opcode::Binary, (0..length(rng, payload_bytes_max)).map(|_| rng.u8(..)).collect())
    };
    let mut rest = &payload[..];
    while rng.u8(..3) == 0 {
        let (fragment, after) = rest.split_at(rng.usize(..=rest.len()));
        bytes.extend(frame(receiver, false, opcode, fragment));
        control(rng, receiver, bytes);
        (rest, opcode) = (after, Opcode::Continuation);
    }
    bytes.extend(frame(receiver, true, opcode, rest));
}

fn control(rng: &mut Rng, receiver: Role, bytes: &mut Vec<u8>) {
    let opcode = match rng.u8(..6) {
        0 => Opcode::Ping,
        1 => Opcode::Pong,
        _ => return,
    };
    let payload: Vec<u8> = (0..length(rng, 125)).map(|_| rng.u8(..)).collect();
    bytes.extend(frame(receiver, true, opcode, &payload));
}

/// Small lengths often, the boundaries of the length forms now and then.
fn length(rng: &mut Rng, max: usize) -> usize {
    let length = match rng.u8(..4) {
        0 => rng.usize(..8),
        1 => rng.usize(..64),
        2 => [0, 125, 126, 127, 255, 256][rng.usize(..6)],
        _ => rng.usize(..=max),
    };
    length.min(max)
}

fn text(rng: &mut Rng, bytes_max: usize) -> String {
    let length = length(rng, bytes_max);
    let mut text = String::new();
    while text.len() + 4 <= length {
        match rng.u8(..6) {
            0 => text.push(rng.char('\u{80}'..'\u{800}')),
            1 => text.push(rng.char('\u{800}'..)),
            _ => text.push(rng.alphanumeric()),
        }
    }
    text
}

fn close_payload(rng: &mut Rng) -> Vec<u8> {
    let code = match rng.u8(..3) {
        0 => rng.u16(..),
        1 => rng.u16(995..1020),
        _ => rng.u16(3000..5000),
    };
    let mut payload = [&code.to_be_bytes()[..], text(rng, 123).as_bytes()].concat();
    if rng.u8(..4) == 0 {
        payload.truncate(rng.usize(..=payload.len()));
    }
    payload
}

/// One to three bits.
fn flip(rng: &mut Rng, bytes: &mut [u8]) {
    for _ in 0..rng.u8(1..4) {
        let at = rng.usize(..bytes.len());
        bytes[at] ^= 1 << rng.u8(..8);
    }
}

/// A frame that is wrong by itself, or bytes without any sense, at a random place.
fn splice(rng: &mut Rng, receiver: Role, bytes: &mut Vec<u8>) {
    let wrong = match rng.u8(..3) {
        0 => (0..rng.usize(1..20)).map(|_| rng.u8(..)).collect(),
        1 => {
            let opcode = [Opcode::Continuation, Opcode::Text, Opcode::Close, Opcode::Ping][rng.usize(..4)];
            frame(receiver, rng.bool(), opcode, &[rng.u8(..)])
        }
        _ => {
            let mask = rng.bool().then(|| [rng.u8(..), 1, 2, 3]);
            let payload_bytes = rng.u64(..1 << 63) >> rng.u32(..60);
            Header { fin: rng.bool(), rsv: rng.u8(..8) & rng.u8(..8), opcode: Opcode::Binary, mask, payload_bytes }
                .encode()
                .to_vec()
        }
    };
    let at = rng.usize(..=bytes.len());
    bytes.splice(at..at, wrong);
}
