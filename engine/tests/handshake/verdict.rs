//! A server without a network, and all that can be known about its answer to arbitrary bytes: shared by the tests and
//! the fuzz target.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use ringwire::http::{Date, Head, Page, Refusal, Request, Routed, Routes, WebSocketRoute};
use ringwire::http::{find_head_end, read_head, write_page};

use crate::oracle;

/// The limit in all of these tests, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 8192;
/// What a browser sends.
pub(crate) const BROWSER: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nConnection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nUpgrade: websocket\r\n\
    Origin: http://127.0.0.1:9001\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-US,en;q=0.9\r\nCookie: id=7\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: v1, v2\r\n\r\n";
/// As little as can be, in other spellings.
pub(crate) const SMALL: &str = "GET / HTTP/1.1\r\nhost:x\r\nupgrade:WebSocket\r\nconnection:keep-alive,UPGRADE\r\n\
    sec-websocket-version:13\r\nsec-websocket-key:AAAAAAAAAAAAAAAAAAAAAA==\r\ncontent-length:0\r\n\r\n";

fn remote() -> SocketAddr {
    ([127, 0, 0, 1], 40_000).into()
}

/// A page, and WebSocket everywhere else.
pub(crate) fn routes() -> Routes {
    let any = WebSocketRoute::new("*").unwrap().protocols(["v2"]).unwrap();
    let page = Page::new("/page", "text/html", &b"<p>hello</p>"[..]).unwrap();
    Routes::builder().websocket(any).page(page).build().unwrap()
}

/// What a server says to `bytes`: the answer and whether it opens a WebSocket. `None` while the head is not whole.
pub(crate) fn serve(routes: &Routes, bytes: &[u8], searched: usize) -> Option<(Vec<u8>, bool)> {
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
        Ok(Routed::Topics(_)) => unreachable!("these routes have no topics"),
        Ok(Routed::Page(page)) => {
            write_page(page, &request, &mut out, &Date::from_unix(0));
            Some((out, false))
        }
        Err(refusal) => refused(refusal),
    }
}

/// What became of a head.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Partial,
    Refused,
    Opened,
}

/// Serves `bytes`, whole and cut in two, and checks what comes of it against everything that can be known.
pub(crate) fn judge(routes: &Routes, bytes: &[u8], cut: usize) -> Outcome {
    let answer = serve(routes, bytes, 0);
    let in_two = serve(routes, &bytes[..cut], 0).or_else(|| serve(routes, bytes, cut));
    assert_eq!(in_two, answer, "cut at {cut}");
    match answer {
        None => Outcome::Partial,
        Some((answer, false)) => {
            assert_is_answer(&answer);
            Outcome::Refused
        }
        Some((answer, true)) => {
            let head = &bytes[..find_head_end(bytes, 0).expect("what was opened has an end")];
            assert_eq!(oracle::objection(head), None);
            assert_tungstenite_agrees(head, &answer);
            Outcome::Opened
        }
    }
}

/// A page, or a refusal that closes the connection; as long as it says, or without its body for HEAD.
fn assert_is_answer(answer: &[u8]) {
    let text = str::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let lengths = values(answer, "Content-Length");
    match head[9..12].parse().unwrap() {
        200 => {}
        304 => {
            assert!(lengths.is_empty() && body.is_empty(), "{text}");
            return;
        }
        400..600 => assert!(values(answer, "Connection")[0].ends_with("close"), "{text}"),
        status => panic!("status {status}: {text}"),
    }
    assert!(body.is_empty() || lengths == [body.len().to_string()], "{text}");
}

/// Where tungstenite opens the connection too, it must answer the key alike. Where it does not, it must be for one of
/// the things in which it is stricter than RFC 6455 §4.2.1: it reads one `Connection` and one `Upgrade`, the latter not
/// as a list, wants the spare bits of the key to be zero, and takes fewer characters in a target than browsers send.
fn assert_tungstenite_agrees(head: &[u8], answer: &[u8]) {
    if let Some(theirs) = tungstenite_answers(head) {
        let accept = "Sec-WebSocket-Accept";
        assert_eq!(values(answer, accept), values(&theirs, accept));
        return;
    }
    let (upgrade, connection) = (values(head, "Upgrade"), values(head, "Connection"));
    let key = &values(head, "Sec-WebSocket-Key")[0];
    let target = head.trim_ascii_start().split(|&byte| byte == b' ').nth(1).unwrap();
    let is_plain = target.starts_with(b"/")
        && target.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/?=&.-_%".contains(byte))
        && upgrade.len() == 1
        && upgrade[0].eq_ignore_ascii_case("websocket")
        && connection.len() == 1
        && connection[0].is_ascii()
        && key.trim_end_matches('=').ends_with(['A', 'Q', 'g', 'w']);
    assert!(!is_plain);
}

/// The values of all headers called `name`.
fn values(head: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    let fields = text.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).collect()
}

/// What tungstenite's server answers, if it opens the connection.
fn tungstenite_answers(head: &[u8]) -> Option<Vec<u8>> {
    let client = Client::new(head);
    Some(tungstenite::accept(client).ok()?.get_ref().received.clone())
}

/// A client that has sent its bytes, as a stream; what the server answers is kept.
pub(crate) struct Client {
    sends: VecDeque<u8>,
    /// The answer.
    pub(crate) received: Vec<u8>,
}

impl Client {
    /// A client that sends `bytes` and then nothing.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { sends: bytes.iter().copied().collect(), received: Vec::new() }
    }
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
