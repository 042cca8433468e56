//! From a request's bytes to those of the 101.

use std::net::SocketAddr;

use ringwire::Request;
use ringwire::http::{Head, read_head};

use super::decoder::runtime;
use super::replay::Replay;
use super::{Job, RINGWIRE};

/// What a browser sends, more or less.
const REQUEST: &[u8] = b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
    Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0\r\n\
    Upgrade: websocket\r\nOrigin: http://127.0.0.1:9001\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(super) fn jobs() -> Vec<Job> {
    let mut out = Vec::new();
    let runtime = runtime();
    vec![
        Job::new("handshake", RINGWIRE, 1, move || {
            out.clear();
            let Ok(Head::Complete { bytes }) = read_head(REQUEST, 0, 8192) else { return 0 };
            let request = Request::parse(&REQUEST[..bytes], SocketAddr::from(([127, 0, 0, 1], 9))).expect("a request");
            let upgrade = request.upgrade().expect("a handshake");
            upgrade.write_response(&mut out, None, &[]).expect("nothing extra");
            u64::from(out.starts_with(b"HTTP/1.1 101 "))
        }),
        Job::new("handshake", "tungstenite", 1, || {
            let mut websocket = tungstenite::accept(Replay::new(REQUEST.to_vec())).expect("a handshake");
            u64::from(websocket.get_mut().written > 100)
        }),
        Job::new("handshake", "tokio-websockets", 1, move || {
            let builder = tokio_websockets::ServerBuilder::new();
            let accepted = runtime.block_on(builder.accept(Replay::new(REQUEST.to_vec())));
            let (_, websocket) = accepted.expect("a handshake");
            u64::from(websocket.get_ref().written > 100)
        }),
    ]
}
