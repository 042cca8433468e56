//! Fragmented messages: control frames between fragments, empty fragments, characters cut anywhere.

use ringwire::proto::{CloseCode, Opcode, ProtocolError, Role};

use crate::support::{Owned, decode, decode_chunks, frame, rules};

const ROLE: Role = Role::Server;
const LIMIT: usize = 1 << 20;

fn text(text: &str) -> Owned {
    Owned::Text(text.to_owned())
}

/// RFC6455-5.4-3
#[test]
fn control_frames_between_fragments_come_first() {
    let stream = [
        frame(ROLE, false, Opcode::Text, "Grü".as_bytes()),
        frame(ROLE, true, Opcode::Ping, b"a"),
        frame(ROLE, false, Opcode::Continuation, "ße".as_bytes()),
        frame(ROLE, true, Opcode::Pong, &[b'b'; 125]),
        frame(ROLE, true, Opcode::Ping, b""),
        frame(ROLE, true, Opcode::Continuation, b"!"),
    ]
    .concat();
    let expected = [
        Owned::Ping(b"a".to_vec()),
        Owned::Pong(vec![b'b'; 125]),
        Owned::Ping(Vec::new()),
        Owned::Text("Grüße!".to_owned()),
    ];
    for size in 1..=stream.len() {
        let outcome = decode_chunks(rules(ROLE, LIMIT), &stream, std::iter::repeat(size));
        assert_eq!((outcome.events, outcome.error), (expected.to_vec(), None), "chunks of {size}");
        assert!(outcome.is_between_messages);
    }
}

/// RFC6455-5.4-4
#[test]
fn empty_messages_and_fragments() {
    let stream = [
        frame(ROLE, true, Opcode::Text, b""),
        frame(ROLE, true, Opcode::Binary, b""),
        frame(ROLE, false, Opcode::Text, b""),
        frame(ROLE, false, Opcode::Continuation, b""),
        frame(ROLE, true, Opcode::Continuation, b""),
        frame(ROLE, false, Opcode::Binary, b""),
        frame(ROLE, true, Opcode::Continuation, b"x"),
        frame(ROLE, false, Opcode::Text, b"y"),
        frame(ROLE, true, Opcode::Continuation, b""),
    ]
    .concat();
    let expected = [text(""), Owned::Binary(vec![]), text(""), Owned::Binary(b"x".to_vec()), text("y")];
    for size in 1..=stream.len() {
        let outcome = decode_chunks(rules(ROLE, LIMIT), &stream, std::iter::repeat(size));
        assert_eq!((outcome.events, outcome.error), (expected.to_vec(), None), "chunks of {size}");
    }
}

/// RFC6455-8.1-2: a character may be cut by a frame boundary, and by a chunk boundary at the same time.
#[test]
fn characters_cut_by_frames() {
    let sentence = "aß€🦀b";
    for cut in 0..=sentence.len() {
        let (head, tail) = sentence.as_bytes().split_at(cut);
        let stream = [frame(ROLE, false, Opcode::Text, head), frame(ROLE, true, Opcode::Continuation, tail)].concat();
        for size in 1..=stream.len() {
            let outcome = decode_chunks(rules(ROLE, LIMIT), &stream, std::iter::repeat(size));
            assert_eq!((outcome.events, outcome.error), (vec![text(sentence)], None), "{cut} {size}");
        }
        let unfinished = frame(ROLE, true, Opcode::Text, head);
        let is_whole = sentence.is_char_boundary(cut);
        assert_eq!(decode(rules(ROLE, LIMIT), &unfinished).error.is_none(), is_whole, "{cut}");
    }
}

/// RFC6455-5.5.1-3
#[test]
fn nothing_is_read_after_close() {
    let close = frame(ROLE, true, Opcode::Close, b"\x03\xe9bye");
    let expected = vec![Owned::Close(Some(CloseCode::GOING_AWAY), "bye".to_owned())];
    let message = frame(ROLE, true, Opcode::Text, b"late");
    for after in [&message[..], b"\xff\xff\xff\xff", &close[..], &message[..4]] {
        let stream = [&close[..], after].concat();
        for size in 1..=stream.len() {
            let outcome = decode_chunks(rules(ROLE, LIMIT), &stream, std::iter::repeat(size));
            assert_eq!((&outcome.events, outcome.error), (&expected, None), "chunks of {size}");
        }
    }
}

/// RFC6455-5.5.1-3: a close frame may come in the middle of a fragmented message, which then never ends.
#[test]
fn close_between_fragments() {
    let stream = [
        frame(ROLE, false, Opcode::Binary, b"begun"),
        frame(ROLE, true, Opcode::Close, b""),
        frame(ROLE, true, Opcode::Continuation, b"never read"),
    ]
    .concat();
    for size in 1..=stream.len() {
        let outcome = decode_chunks(rules(ROLE, LIMIT), &stream, std::iter::repeat(size));
        assert_eq!((outcome.events, outcome.error), (vec![Owned::Close(None, String::new())], None));
    }
}

/// RFC6455-10.4-1: fragments add up.
#[test]
fn the_limit_holds_over_fragments() {
    let fragment = frame(ROLE, false, Opcode::Continuation, &[1; 40]);
    let stream = [
        frame(ROLE, false, Opcode::Binary, &[1; 40]),
        frame(ROLE, true, Opcode::Ping, &[2; 125]),
        fragment.clone(),
        fragment,
    ]
    .concat();
    let outcome = decode(rules(ROLE, 120), &stream);
    assert_eq!((outcome.events.len(), outcome.error), (1, None));
    assert!(!outcome.is_between_messages);
    let outcome = decode(rules(ROLE, 119), &stream);
    assert_eq!(outcome.error, Some(ProtocolError::MessageTooBig { bytes_max: 119 }));
}

#[test]
fn many_tiny_fragments_make_one_message() {
    let mut stream = frame(ROLE, false, Opcode::Binary, b"");
    for i in 0..65_535_u32 {
        stream.extend(frame(ROLE, false, Opcode::Continuation, &[i as u8]));
    }
    stream.extend(frame(ROLE, true, Opcode::Continuation, b""));
    let outcome = decode_chunks(rules(ROLE, LIMIT), &stream, std::iter::repeat(4096));
    let expected = (0..65_535_u32).map(|i| i as u8).collect();
    assert_eq!((outcome.events, outcome.error), (vec![Owned::Binary(expected)], None));
}
