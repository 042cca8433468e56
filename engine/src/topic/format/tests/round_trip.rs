//! Random publications, in every format, read again as a client reads them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use serde_json::{Value, json};

use super::super::poll::{self, Answer};
use super::super::{Format, Publication, sse, v1};
use super::{in_format, publication};
use crate::proto::frame::{Header, Role};
use crate::proto::{CloseCode, Opcode};
use crate::topic::history::MessageKind::{Binary, Text};
use crate::topic::history::{Epoch, History, HistoryLimits, Offset, Position};

const RUNS: usize = 20_000;

/// A text of letters that any of the formats treats in its own way.
fn text(random: &mut Rng, letters: &[char]) -> String {
    (0..random.usize(..60)).map(|_| *random.choice(letters).expect("letters")).collect()
}

const SPECIAL: [char; 14] =
    ['a', ' ', ':', '"', '\\', '\n', '\r', '\t', '\0', '\u{1f}', '\u{7f}', '\u{2028}', '\u{feff}', '🦀'];

/// An event as a page gets it.
#[derive(Debug, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: String,
}

/// The algorithm of WHATWG HTML §9.2.6, on a stream that was decoded already.
fn events(stream: &str) -> Vec<Event> {
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut id, mut kind, mut data) = (Vec::new(), String::new(), String::new(), String::new());
    for line in stream.split_terminator('\n') {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                events.push(Event { id: id.clone(), kind: kind.clone(), data: data.to_owned() });
            }
            (kind, data) = (String::new(), String::new());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => kind = value.to_owned(),
            "data" => data = data + value + "\n",
            "id" if !value.contains('\0') => id = value.to_owned(),
            _ => {}
        }
    }
    events
}

#[test]
fn a_stream_gives_every_payload_back() {
    let mut random = Rng::with_seed(1);
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    sse::retry(&mut stream, 1000);
    for offset in 1..=RUNS {
        let sent = text(&mut random, &SPECIAL);
        let is_binary = random.u8(..4) == 0;
        let position = format!("{:x}-{offset}", random.u64(..));
        let kind = if is_binary { Binary } else { Text };
        let publication = publication("größe.a:b", &position, kind, sent.as_bytes());
        let is_pattern = random.bool();
        let format = if is_pattern { Format::PatternEvents } else { Format::Events };
        format.encode(&publication, &mut stream);
        if random.bool() {
            sse::comment(&mut stream);
        }
        expected.push(Event {
            id: if is_pattern { format!("größe.a:b:{position}:1763818920123") } else { position },
            kind: if is_binary { "binary".to_owned() } else { String::new() },
            data: if is_binary { STANDARD.encode(&sent) } else { sent.replace("\r\n", "\n").replace('\r', "\n") },
        });
    }
    assert_eq!(events(str::from_utf8(&stream).expect("text")), expected);
}

#[test]
fn without_a_position_the_last_id_stays() {
    let mut stream = in_format(Format::Events, &publication("a", "1-1", Text, b"one"));
    stream.extend(in_format(Format::Events, &publication("a", "", Text, b"two")));
    let ids: Vec<_> = events(str::from_utf8(&stream).expect("text")).into_iter().map(|event| event.id).collect();
    assert_eq!(ids, ["1-1", "1-1"]);
    assert_eq!(in_format(Format::Events, &publication("a", "", Text, b"")), b"data: \n\n");
}

#[test]
fn answers_give_every_payload_back() {
    let mut random = Rng::with_seed(2);
    for run in 0..RUNS / 10 {
        let is_pattern = run % 2 == 0;
        let format = if is_pattern { Format::PatternPollItem } else { Format::PollItem };
        let sent: Vec<_> = (0..random.usize(..4)).map(|_| (random.bool(), text(&mut random, &SPECIAL))).collect();
        let mut items = Vec::new();
        for (is_binary, payload) in &sent {
            let kind = if *is_binary { Binary } else { Text };
            format.encode(&publication("a.\"b\\", "1f-2", kind, payload.as_bytes()), &mut items);
            // Not to be polled.
            format.encode(&publication("a", "", kind, payload.as_bytes()), &mut items);
        }
        let mut body = Vec::new();
        let answer = Answer { position: None, gap: run % 3 == 0, time_ms: u64::MAX };
        poll::answer(&mut body, answer, [&items[..]]);
        let value: Value = serde_json::from_slice(&body).expect("JSON");
        let expected = sent.iter().map(|(is_binary, payload)| {
            let mut item = json!({ "position": "1f-2", "time": 1_763_818_920_123_u64 });
            if is_pattern {
                item["topic"] = "a.\"b\\".into();
            }
            match is_binary {
                true => item["data64"] = STANDARD.encode(payload).into(),
                false => item["data"] = payload.as_str().into(),
            }
            item
        });
        let expected: Vec<_> = expected.collect();
        assert_eq!(value, json!({ "messages": expected, "gap": run % 3 == 0, "time": u64::MAX }));
    }
}

#[test]
fn every_character_comes_back_in_v1() {
    let all: String = (0..=u32::from(char::MAX)).filter_map(char::from_u32).collect();
    assert_comes_back(&all);
    for character in (0..0x3000).filter_map(char::from_u32) {
        assert_comes_back(&character.to_string());
    }
    let mut random = Rng::with_seed(3);
    for _ in 0..RUNS {
        assert_comes_back(&text(&mut random, &SPECIAL));
    }
}

fn assert_comes_back(text: &str) {
    let mut json = Vec::new();
    v1::message(&mut json, &publication("a.b", "1f-2", Text, text.as_bytes()));
    assert!(json.iter().all(|byte| *byte >= 0x20), "control characters are escaped");
    let value: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(value, json!({ "event": "message", "topic": "a.b", "position": "1f-2", "data": text }));
}

#[test]
fn a_binary_head_ends_at_the_first_line_feed() {
    for topic in ["a", "with\nfeed", "\"quoted\""] {
        let mut out = Vec::new();
        v1::message(&mut out, &publication(topic, "", Binary, b"\n\x00payload"));
        let end = out.iter().position(|byte| *byte == b'\n').expect("a line feed");
        let head: Value = serde_json::from_slice(&out[..end]).expect("JSON");
        assert_eq!(head, json!({ "event": "message", "topic": topic }));
        assert_eq!(&out[end + 1..], b"\n\x00payload");
    }
}

/// The payloads of frames that stand behind one another.
fn frames(mut bytes: &[u8]) -> Vec<(Opcode, &[u8])> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (header, header_bytes) = Header::parse(bytes, Role::Client).expect("a header").expect("a whole one");
        let (payload, rest) = bytes[header_bytes..].split_at(header.payload_bytes as usize);
        assert!(header.fin);
        frames.push((header.opcode, payload));
        bytes = rest;
    }
    frames
}

#[test]
fn frames_hold_payloads_and_events() {
    // Around the lengths at which headers grow.
    for len in [0, 1, 50, 100, 125, 126, 127, 65_000, 65_535, 65_536] {
        for (kind, byte) in [(Text, b'x'), (Binary, b'\n')] {
            let payload = vec![byte; len];
            let publication = publication("a.b", "1f-2", kind, &payload);
            let raw = [in_format(Format::Frames, &publication), in_format(Format::Frames, &publication)].concat();
            assert_eq!(frames(&raw), [(kind.opcode(), &payload[..]); 2]);
            let mut events = in_format(Format::Json, &publication);
            Format::Json.lost("a.b", 3, &mut events);
            Format::Json.closing(CloseCode::RESUME, "because", &mut events);
            let found = frames(&events);
            let mut event = Vec::new();
            v1::message(&mut event, &publication);
            assert_eq!(found[0], (kind.opcode(), &event[..]));
            assert_eq!(found[1], (Opcode::Text, &br#"{"event":"lost","topic":"a.b","count":3}"#[..]));
            assert_eq!(found[2], (Opcode::Text, &br#"{"event":"closing","code":4000,"message":"because"}"#[..]));
        }
    }
}

#[test]
fn only_some_formats_tell_of_what_they_lost() {
    for (format, tells) in [
        (Format::Frames, false),
        (Format::Json, true),
        (Format::Events, true),
        (Format::PatternEvents, true),
        (Format::PollItem, false),
        (Format::PatternPollItem, false),
    ] {
        let (mut lost, mut closing) = (Vec::new(), Vec::new());
        format.lost("a", 1, &mut lost);
        format.closing(CloseCode::RESUME, "because", &mut closing);
        assert_eq!((!lost.is_empty(), !closing.is_empty()), (tells, tells), "{format:?}");
    }
}

#[test]
fn what_a_history_holds_is_a_publication() {
    let head = Position { epoch: Epoch(0x1f3a), offset: Offset(16) };
    let mut history =
        History::new(HistoryLimits::new(8, 1 << 20, Duration::from_secs(60), 1024).expect("limits"), head);
    history.append(Binary, Arc::from(&b"\0"[..]), 5);
    let held = Publication::held("a", &history, history.latest().expect("one"));
    assert_eq!(held, Publication { time_ms: 5, ..publication("a", "1f3a-17", Binary, b"\0") });
}
