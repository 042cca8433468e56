//! A client that sends whatever bytes a test likes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use ringwire::proto::{EncodedHeader, Opcode};

use super::connect;

const MASK_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A TCP connection with what was read of it and not yet used.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

/// A frame that the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) fin: bool,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Close code and reason of a close frame; panics with the frame when it is none.
    #[track_caller]
    pub(crate) fn close(&self) -> (Option<u16>, &str) {
        assert_eq!(self.opcode, 8, "a close frame was expected: {self:?}");
        let code = self.payload.first_chunk().map(|&code| u16::from_be_bytes(code));
        (code, str::from_utf8(self.payload.get(2..).unwrap_or_default()).expect("a reason is UTF-8"))
    }
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| line.split_once(": ").is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(|text| line(text)).and_then(|line| line.split_once(": ")).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The head of an opening handshake.
pub(crate) fn upgrade_head(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// A masked frame; `opcode` as a number, so that reserved ones can be had from [`Raw::write`] with a bit more.
pub(crate) fn frame(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let header = EncodedHeader::client(opcode, payload.len() as u64, MASK_KEY);
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    bytes.extend_from_slice(header.as_bytes());
    if !fin {
        bytes[0] &= 0x7f;
    }
    bytes.extend(payload.iter().zip(MASK_KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// A whole text message.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    frame(Opcode::Text, true, payload.as_bytes())
}

/// A close frame.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(Opcode::Close, true, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

impl Raw {
    /// A TCP connection and nothing more.
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self { stream: connect(addr), buffer: Vec::new() }
    }

    /// An open WebSocket at `/`.
    #[track_caller]
    pub(crate) fn open(addr: SocketAddr) -> Self {
        Self::open_at(addr, "/")
    }

    /// An open WebSocket at `path`.
    #[track_caller]
    pub(crate) fn open_at(addr: SocketAddr, path: &str) -> Self {
        Self::open_with(addr, path, "")
    }

    /// An open WebSocket at `path`, asked for with `more` header lines.
    #[track_caller]
    pub(crate) fn open_with(addr: SocketAddr, path: &str, more: &str) -> Self {
        let mut raw = Self::connect(addr);
        raw.write(upgrade_head(path, more).as_bytes());
        let response = raw.response();
        assert_eq!(response.status, 101, "{}", response.head);
        raw
    }

    #[track_caller]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes bytes");
    }

    #[track_caller]
    pub(crate) fn send_text(&mut self, payload: &str) {
        self.write(&text(payload));
    }

    /// Ends our half.
    pub(crate) fn finish_writing(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("a connected socket");
    }

    /// The next frame; `None` at a clean end of the stream.
    ///
    /// # Errors
    /// Those of the socket, a reset and a time-out among them.
    pub(crate) fn try_frame(&mut self) -> io::Result<Option<Frame>> {
        if !self.fill(2)? {
            return Ok(None);
        }
        let (first, second) = (self.buffer[0], self.buffer[1]);
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let (start, length) = match second {
            126 => (4, None),
            127 => (10, None),
            length => (2, Some(usize::from(length))),
        };
        let cut = || io::Error::new(ErrorKind::UnexpectedEof, "the stream ended in a frame");
        if !self.fill(start)? {
            return Err(cut());
        }
        let long = || self.buffer[2..start].iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        let end = start + length.unwrap_or_else(long);
        if !self.fill(end)? {
            return Err(cut());
        }
        let payload = self.buffer[start..end].to_vec();
        self.buffer.drain(..end);
        Ok(Some(Frame { opcode: first & 0x0f, fin: first & 0x80 != 0, payload }))
    }

    /// The next frame.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        self.try_frame().expect("no reset, no time-out").expect("not the end of the stream")
    }

    /// The next frame, which must be text.
    #[track_caller]
    pub(crate) fn text(&mut self) -> String {
        let frame = self.frame();
        assert_eq!((frame.opcode, frame.fin), (1, true), "a text was expected: {frame:?}");
        String::from_utf8(frame.payload).expect("text is UTF-8")
    }

    /// Asserts a clean end of the stream.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let frame = self.try_frame();
        assert!(matches!(frame, Ok(None)), "the end of the stream was expected: {frame:?}");
    }

    /// The next HTTP response; a body only where `Content-Length` announces one.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The response to a request with `method`.
    #[track_caller]
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        self.try_response(method).expect("no reset, no time-out, no early end")
    }

    /// The same.
    ///
    /// # Errors
    /// Those of the socket, and an end in the middle.
    pub(crate) fn try_response(&mut self, method: &str) -> io::Result<Response> {
        let cut = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            io::Error::new(ErrorKind::UnexpectedEof, format!("the stream ended in a response: {text:?}"))
        };
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill(self.buffer.len() + 1)? {
                return Err(cut(&self.buffer));
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).expect("a head is ASCII");
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status");
        let mut response = Response { status, head, body: Vec::new() };
        let length = response.header("Content-Length").map_or(0, |value| value.parse().expect("a number"));
        if method != "HEAD" && length > 0 {
            if !self.fill(length)? {
                return Err(cut(response.head.as_bytes()));
            }
            response.body = self.buffer.drain(..length).collect();
        }
        Ok(response)
    }

    /// What comes up to and with `end`; `None` when the stream ended in it.
    pub(crate) fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end.as_bytes()) {
                let bytes = self.buffer.drain(..at + end.len()).collect();
                return Some(String::from_utf8(bytes).expect("text"));
            }
            if !self.fill(self.buffer.len() + 1).expect("no reset, no time-out") {
                return None;
            }
        }
    }

    /// Reads until `count` bytes are there; false when the stream ended before the first of what is missing.
    fn fill(&mut self, count: usize) -> io::Result<bool> {
        while self.buffer.len() < count {
            let start = self.buffer.len();
            self.buffer.resize(start + (count - start).max(64 * 1024), 0);
            let outcome = self.stream.read(&mut self.buffer[start..]);
            self.buffer.truncate(start + outcome.as_ref().map_or(0, |&read| read));
            match outcome {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
