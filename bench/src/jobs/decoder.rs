//! Messages out of a stream of masked frames.
//!
//! Peers read from a stream, as their interfaces have it, and Ringwire from the buffers that a ring lends: the copy into the peer's own
//! buffer is part of how it works.

use fastwebsockets::{FragmentCollector, OpCode, WebSocket};
use futures_util::StreamExt;
use ringwire::proto::{Decoder, Event, Pool, Role, Rules};

use super::replay::Replay;
use super::{Job, RINGWIRE, frame};

const RULES: Rules = Rules { role: Role::Server, message_bytes_max: 1 << 20 };

/// A stream, its messages, and the bytes that come at a time.
struct Case {
    group: &'static str,
    messages: u64,
    stream: Vec<u8>,
    piece_bytes: usize,
}

fn cases() -> Vec<Case> {
    let small = || frame(1, true, &[b'x'; 20]).repeat(500);
    let fragment = |opcode, is_last| frame(opcode, is_last, &[b'x'; 20]);
    let fragmented = [fragment(1, false), fragment(0, false), fragment(0, false), fragment(0, true)].concat();
    let large = frame(2, true, &[b'x'; 16 * 1024]).repeat(8);
    // As recv buffers cut a stream: small frames fall on both sides of a cut now and then, large ones always.
    let piece_bytes = 16 * 1024;
    vec![
        Case { group: "decoder, 20 B", messages: 500, stream: small(), piece_bytes },
        Case { group: "decoder, 20 B in pieces of 7", messages: 500, stream: small(), piece_bytes: 7 },
        Case { group: "decoder, 4 fragments of 20 B", messages: 100, stream: fragmented.repeat(100), piece_bytes },
        Case { group: "decoder, 16 KiB", messages: 8, stream: large, piece_bytes },
    ]
}

pub(super) fn jobs() -> Vec<Job> {
    let jobs = cases().into_iter().flat_map(|Case { group, messages, stream, piece_bytes }| {
        let mut jobs = vec![Job::new(group, RINGWIRE, messages, ringwire(stream.clone(), piece_bytes))];
        if piece_bytes > 7 {
            jobs.push(Job::new(group, "tungstenite", messages, tungstenite(stream.clone(), messages)));
            jobs.push(Job::new(group, "fastwebsockets", messages, fastwebsockets(stream.clone(), messages)));
            jobs.push(Job::new(group, "tokio-websockets", messages, tokio_websockets(stream, messages)));
        }
        jobs
    });
    jobs.collect()
}

fn ringwire(mut stream: Vec<u8>, piece_bytes: usize) -> impl FnMut() -> u64 {
    let (mut decoder, mut pool) = (Decoder::new(), Pool::default());
    move || {
        let mut messages = 0;
        for mut piece in stream.chunks_mut(piece_bytes) {
            while !piece.is_empty() {
                let decoded = decoder.decode(&RULES, &mut pool, piece).expect("frames");
                messages += u64::from(matches!(decoded.event, Some(Event::Message(_))));
                let consumed = decoded.consumed;
                piece = &mut piece[consumed..];
            }
            decoder.settle(&mut pool);
        }
        messages
    }
}

fn tungstenite(stream: Vec<u8>, messages: u64) -> impl FnMut() -> u64 {
    use tungstenite::protocol::{Role, WebSocket};
    let mut websocket = WebSocket::from_raw_socket(Replay::new(stream), Role::Server, None);
    move || (0..messages).map(|_| u64::from(websocket.read().is_ok_and(|message| !message.is_empty()))).sum()
}

fn fastwebsockets(stream: Vec<u8>, messages: u64) -> impl FnMut() -> u64 {
    let websocket = WebSocket::after_handshake(Replay::new(stream), fastwebsockets::Role::Server);
    let mut websocket = FragmentCollector::new(websocket);
    let runtime = runtime();
    move || {
        runtime.block_on(async {
            let mut count = 0;
            for _ in 0..messages {
                let frame = websocket.read_frame().await.expect("a frame");
                count += u64::from(matches!(frame.opcode, OpCode::Text | OpCode::Binary));
            }
            count
        })
    }
}

fn tokio_websockets(stream: Vec<u8>, messages: u64) -> impl FnMut() -> u64 {
    let mut websocket = tokio_websockets::ServerBuilder::new().serve(Replay::new(stream));
    let runtime = runtime();
    move || {
        runtime.block_on(async {
            let mut count = 0;
            for _ in 0..messages {
                let message = websocket.next().await.expect("a message").expect("a valid one");
                count += u64::from(!message.as_payload().is_empty());
            }
            count
        })
    }
}

/// Outside of tokio's cooperative budget, as its servers are at their fastest, nothing here ever waits.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime without IO")
}
