//! The handshake as a whole, from bytes to bytes: with tungstenite at the other end, in any pieces, and on thousands of
//! heads that are nearly right. Single rules are tested beside the code.

mod oracle;
mod verdict;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::panic;

use ringwire::http::Routes;
use ringwire::proto::handshake::client::{ClientRequest, check_response, encode_key, write_request};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::server::{Request as TheirRequest, Response as TheirResponse};

use verdict::{BROWSER, Client, HEAD_BYTES_MAX, Outcome, SMALL, judge, routes, serve};

/// The server as a stream that a blocking client can use: it answers once a whole head was written to it.
struct Server {
    routes: Routes,
    received: Vec<u8>,
    sent: VecDeque<u8>,
}

impl Write for Server {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A byte at a time, so that whatever client is at the other end also tests that.
        for &byte in bytes {
            self.received.push(byte);
            if let Some((answer, _)) = serve(&self.routes, &self.received, self.received.len() - 1) {
                self.received.clear();
                self.sent.extend(answer);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Server {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.sent.read(buffer)
    }
}

fn connect(url: &str, protocols: &str) -> Result<TheirResponse, tungstenite::Error> {
    let server = Server { routes: routes(), received: Vec::new(), sent: VecDeque::new() };
    let mut request = url.into_client_request().unwrap();
    if !protocols.is_empty() {
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
    }
    match tungstenite::client(request, server) {
        Ok((_, response)) => Ok(response.map(|_| ())),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(error),
        Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("the server gave no answer"),
    }
}

#[test]
fn tungstenite_connects() {
    let response = connect("ws://localhost:9001/any/path?x=y", "").unwrap();
    assert!(!response.headers().contains_key("Sec-WebSocket-Protocol"));
    let response = connect("ws://localhost:9001/", "v1, v2").unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "v2");
}

#[test]
fn tungstenite_hears_why_it_may_not() {
    let Err(tungstenite::Error::Http(response)) = connect("ws://localhost:9001/page", "") else {
        panic!("a page's path is no WebSocket");
    };
    assert_eq!(response.status(), 400);
    let body = response.into_body().unwrap();
    assert!(body.ends_with(b"WebSocket paths are: *\n"), "{}", body.escape_ascii());
}

#[test]
fn our_client_connects_to_tungstenite() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..100 {
        let key = encode_key(random.u128(..).to_le_bytes());
        let protocols = &["v1", "v2"];
        let mut sent = Vec::new();
        let request = ClientRequest { host: "x", target: "/", key: &key, protocols, origin: Some("http://x") };
        write_request(&mut sent, &request).unwrap();
        let client = Client::new(&sent);
        #[allow(clippy::result_large_err)] // tungstenite's signature
        let choose = |request: &TheirRequest, mut response: TheirResponse| {
            assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "v1, v2");
            response.headers_mut().insert("Sec-WebSocket-Protocol", "v2".parse().unwrap());
            Ok(response)
        };
        let accepted = tungstenite::accept_hdr(client, choose).unwrap();
        let answer = &accepted.get_ref().received;
        let opened = check_response(answer, &key, protocols).unwrap();
        assert_eq!((opened.protocol, opened.head_bytes), (Some("v2"), answer.len()));
    }
}

#[test]
fn any_two_cuts_give_the_same_answer() {
    let routes = routes();
    // Frames in the same segment as the head are not part of it.
    let bytes = format!("{BROWSER}\u{1}\r\n\r\n");
    let bytes = bytes.as_bytes();
    let (whole, opened) = serve(&routes, BROWSER.as_bytes(), 0).unwrap();
    assert!(opened);
    for first in 0..=BROWSER.len() {
        for second in [first, (first + 1).min(bytes.len()), (first + 97).min(bytes.len())] {
            let mut searched = 0;
            let answer = [first, second, bytes.len()].into_iter().find_map(|end| {
                let answer = serve(&routes, &bytes[..end], searched);
                searched = end;
                answer
            });
            assert_eq!(answer, Some((whole.clone(), true)), "cut at {first} and {second}");
        }
    }
}

#[test]
fn a_head_that_never_ends_is_refused_at_the_limit() {
    let routes = routes();
    let mut bytes = b"GET / HTTP/1.1\r\nHost: x\r\n".to_vec();
    let answer = loop {
        let searched = bytes.len();
        bytes.extend_from_slice(b"X: y\r\n");
        if let Some((answer, _)) = serve(&routes, &bytes, searched) {
            break answer;
        }
    };
    assert!((HEAD_BYTES_MAX..HEAD_BYTES_MAX + 6).contains(&bytes.len()));
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", answer.escape_ascii());
}

/// One random edit, of the kind that finds parsers out.
fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    const PIECES: [&str; 22] = [
        "\r\n",
        "\n",
        "\r",
        "\0",
        " ",
        "\t",
        ":",
        ",",
        ";",
        "\"",
        "%",
        "%00",
        "==",
        "13",
        "upgrade",
        "websocket",
        "x",
        "\r\n ",
        "\u{7f}",
        "é",
        "Content-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\n",
    ];
    if bytes.is_empty() {
        return;
    }
    let at = random.usize(..bytes.len());
    match random.u8(..7) {
        0 => bytes[at] = random.u8(..),
        1 => bytes[at] ^= 0x20,
        2 => drop(bytes.remove(at)),
        3 | 4 => {
            let piece = random.choice(PIECES).unwrap_or_default();
            bytes.splice(at..at, piece.bytes());
        }
        other => {
            // A line goes, or comes again at its end.
            let start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |before| before + 1);
            let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length + 1);
            let line = bytes[start..end].to_vec();
            bytes.splice(start..end, if other == 5 { Vec::new() } else { line.repeat(2) });
        }
    }
}

#[test]
fn heads_that_are_nearly_right() {
    let (mut opened, mut refused, mut partial) = (0, 0, 0);
    let routes = routes();
    for seed in 0..60_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = random.choice([BROWSER, SMALL]).unwrap_or_default().as_bytes().to_vec();
        for _ in 0..random.usize(1..4) {
            mutate(&mut random, &mut bytes);
        }
        let cut = random.usize(..=bytes.len());
        let outcome = panic::catch_unwind(|| judge(&routes, &bytes, cut));
        match outcome.unwrap_or_else(|_| panic!("seed {seed}: {}", bytes.escape_ascii())) {
            Outcome::Opened => opened += 1,
            Outcome::Refused => refused += 1,
            Outcome::Partial => partial += 1,
        }
    }
    // If one of these were rare, the test would not test it.
    assert!(opened > 5_000 && refused > 20_000 && partial > 200, "{opened} {refused} {partial}");
}

#[test]
fn the_oracle_objects() {
    assert_eq!(oracle::objection(BROWSER.as_bytes()), None);
    assert_eq!(oracle::objection(SMALL.as_bytes()), None);
    for (from, to) in [
        ("GET", "POST"),
        ("/chat?room=1", "/a b"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("Host: 127.0.0.1:9001\r\n", ""),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade", "Connection: close"),
        ("Version: 13", "Version: 12"),
        ("ZQ==", "ZQ="),
        ("v1, v2", "v1, v1"),
        ("Pragma:", "Pragma :"),
        ("no-cache\r\n", "no-cache\n"),
        ("Cookie: id", "Content-Length: 1\r\nCookie: id"),
        ("Cookie: id", "Transfer-Encoding: chunked\r\nCookie: id"),
    ] {
        let head = BROWSER.replacen(from, to, 1);
        assert_ne!(head, BROWSER);
        assert!(oracle::objection(head.as_bytes()).is_some(), "{from:?} as {to:?}");
        assert!(!serve(&routes(), head.as_bytes(), 0).unwrap().1, "{from:?} as {to:?}");
    }
}

#[test]
fn arbitrary_bytes_never_panic() {
    let routes = routes();
    for seed in 0..20_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let length = random.usize(..200);
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        if random.bool() {
            bytes.splice(0..0, *b"GET /");
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        let (_, opened) = serve(&routes, &bytes, 0).expect("the head is whole");
        assert!(!opened, "seed {seed}");
    }
}
