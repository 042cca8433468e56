//! The handshake as a whole, from bytes to bytes: with tungstenite at the other end, in any pieces, and on thousands of
//! heads that are nearly right. Single rules are tested beside the code.

mod oracle;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use ringwire::http::{Date, Head, Page, Refusal, Request, Routed, Routes, WebSocketRoute, find_head_end, read_head};
use ringwire::proto::handshake::client::{ClientRequest, check_response, encode_key, write_request};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::server::{Request as TheirRequest, Response as TheirResponse};

const HEAD_BYTES_MAX: usize = 8192;
const BROWSER: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
    Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nUpgrade: websocket\r\n\
    Origin: http://127.0.0.1:9001\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-US,en;q=0.9\r\nCookie: id=7\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: v1, v2\r\n\r\n";
const SMALL: &str = "GET / HTTP/1.1\r\nhost:x\r\nupgrade:WebSocket\r\nconnection:keep-alive,UPGRADE\r\n\
    sec-websocket-version:13\r\nsec-websocket-key:AAAAAAAAAAAAAAAAAAAAAA==\r\ncontent-length:0\r\n\r\n";

fn remote() -> SocketAddr {
    ([127, 0, 0, 1], 40_000).into()
}

fn routes() -> Routes {
    let any = WebSocketRoute::new("*").unwrap().protocols(["v2"]).unwrap();
    let page = Page::new("/page", "text/html", &b"<p>hello</p>"[..]).unwrap();
    Routes::builder().websocket(any).page(page).build().unwrap()
}

/// What a server says to `bytes`: the answer and whether it opens a WebSocket. `None` while the head is not whole.
fn serve(routes: &Routes, bytes: &[u8], searched: usize) -> Option<(Vec<u8>, bool)> {
    let mut out = Vec::new();
    let refused = |refusal: Refusal| {
        let mut out = Vec::new();
        refusal.write_to(&mut out, &Date::from_unix(0));
        Some((out, false))
    };
    let head = match read_head(bytes, searched, HEAD_BYTES_MAX) {
        Ok(Head::Partial) => return None,
        Ok(Head::Complete { bytes: length }) => &bytes[..length],
        Err(refusal) => return refused(refusal),
    };
    let request = match Request::parse(head, remote()) {
        Ok(request) => request,
        Err(refusal) => return refused(refusal),
    };
    match routes.route(&request) {
        Ok(Routed::WebSocket { route, upgrade }) => {
            upgrade.write_response(&mut out, route.choose_protocol(&upgrade), &[]).unwrap();
            Some((out, true))
        }
        Ok(Routed::Page(page)) => {
            ringwire::http::write_page(page, &request, &mut out, &Date::from_unix(0));
            Some((out, false))
        }
        Err(refusal) => refused(refusal),
    }
}

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

/// A client that has sent its bytes, as a stream; what the server answers is kept.
struct Client {
    sends: VecDeque<u8>,
    received: Vec<u8>,
}

impl Read for Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.sends.read(buffer)
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.received.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite's server answers, if it opens the connection.
fn tungstenite_answers(head: &[u8]) -> Option<Vec<u8>> {
    let client = Client { sends: head.iter().copied().collect(), received: Vec::new() };
    Some(tungstenite::accept(client).ok()?.get_ref().received.clone())
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
        let client = Client { sends: sent.into(), received: Vec::new() };
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
    let (mut accepted, mut refused, mut partial) = (0, 0, 0);
    let routes = routes();
    for seed in 0..60_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = random.choice([BROWSER, SMALL]).unwrap_or_default().as_bytes().to_vec();
        for _ in 0..random.usize(1..4) {
            mutate(&mut random, &mut bytes);
        }
        let outcome = serve(&routes, &bytes, 0);
        match &outcome {
            None => partial += 1,
            Some((answer, false)) => {
                refused += 1;
                assert_is_closing_refusal(answer, seed);
            }
            Some((answer, true)) => {
                accepted += 1;
                let head = &bytes[..find_head_end(&bytes, 0).unwrap()];
                assert_eq!(oracle::objection(head), None, "seed {seed}: {}", head.escape_ascii());
                assert_tungstenite_agrees(head, answer, seed);
            }
        }
        let cut = random.usize(..=bytes.len());
        let in_two = serve(&routes, &bytes[..cut], 0).or_else(|| serve(&routes, &bytes, cut));
        // A first byte that starts no request is refused before the rest has come; otherwise the cut changes nothing.
        assert_eq!(in_two, outcome, "seed {seed}: cut at {cut} of {}", bytes.escape_ascii());
    }
    // If one of these were rare, the test would not test it.
    assert!(accepted > 5_000 && refused > 20_000 && partial > 200, "{accepted} {refused} {partial}");
}

fn assert_is_closing_refusal(answer: &[u8], seed: u64) {
    let text = str::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status: u16 = head[9..12].parse().unwrap();
    assert!((400..600).contains(&status), "seed {seed}: {text}");
    assert!(head.contains("close\r\n"), "seed {seed}: {text}");
    assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "seed {seed}: {text}");
}

/// Where tungstenite opens the connection too, it must answer the key alike. Where it does not, it must be for one of
/// the things in which it is stricter than RFC 6455 §4.2.1: it reads one `Connection` and one `Upgrade`, the latter not
/// as a list, and wants the spare bits of the key to be zero.
fn assert_tungstenite_agrees(head: &[u8], answer: &[u8], seed: u64) {
    if let Some(theirs) = tungstenite_answers(head) {
        let accept = "Sec-WebSocket-Accept";
        assert_eq!(values(answer, accept), values(&theirs, accept), "seed {seed}");
        return;
    }
    let (upgrade, connection) = (values(head, "Upgrade"), values(head, "Connection"));
    let key = &values(head, "Sec-WebSocket-Key")[0];
    let is_plain = upgrade.len() == 1
        && upgrade[0].eq_ignore_ascii_case("websocket")
        && connection.len() == 1
        && connection[0].is_ascii()
        && key.trim_end_matches('=').ends_with(['A', 'Q', 'g', 'w']);
    assert!(!is_plain, "seed {seed}: {}", head.escape_ascii());
}

/// The values of all headers called `name`.
fn values(head: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    let fields = text.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).collect()
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
