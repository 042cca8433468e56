//! Heads of answers. Every function appends to a buffer of the caller's.

use std::io::Write;

use super::Known;
use crate::http::{Date, OriginRules, Refusal, Request};
use crate::topic::format::{Code, Publication};
use crate::topic::history::MessageKind;

/// How one request is answered, whatever the answer; a poll that waits keeps it.
///
/// Behind an answer the connection serves another request if [`Reply::is_keep_alive`]. Behind the head of a stream, and behind
/// a refusal, it never does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The page's, if one asks: an allowed one.
    origin: Option<Box<str>>,
    is_head: bool,
    is_keep_alive: bool,
    connection_field: &'static str,
}

/// What topics take over HTTP.
pub(super) const METHODS: &str = "GET, HEAD, OPTIONS";

impl Reply {
    /// # Errors
    /// 403 for an origin that is not allowed.
    pub(super) fn to(request: &Request<'_>, origins: &OriginRules) -> Result<Self, Refusal> {
        // Visible ASCII, so the answer may repeat it.
        let origin = request.origin();
        if !origins.allows(origin, request.host()) {
            let refusal = Refusal::coded(Code::NotAllowed, "pages of this origin may not read topics here");
            return Err(refusal.in_reply_to(request.method()));
        }
        Ok(Self {
            origin: origin.map(Into::into),
            is_head: request.method() == "HEAD",
            is_keep_alive: request.is_keep_alive(),
            connection_field: request.connection_field(),
        })
    }

    /// Whether the answer has no body, and nothing waits.
    pub(crate) fn is_head(&self) -> bool {
        self.is_head
    }

    /// Whether the client will use the connection for another request.
    pub(crate) fn is_keep_alive(&self) -> bool {
        self.is_keep_alive
    }

    /// A refusal that the page that asked may read.
    pub(crate) fn refuse(&self, code: Code, why: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
        self.sign(Refusal::coded(code, why))
    }

    /// Makes a refusal the answer to this request.
    pub(super) fn sign(&self, refusal: Refusal) -> Refusal {
        let refusal = refusal.in_reply_to(if self.is_head { "HEAD" } else { "GET" });
        match &self.origin {
            None => refusal,
            Some(origin) => with_cors(refusal, origin),
        }
    }

    /// The head of a stream; `topic/format/sse.rs` has what follows. The stream ends where the connection does, which is the
    /// one way that HTTP/1.0 knows too, and needs no framing of its own around events that all subscribers share.
    pub(crate) fn stream(&self, out: &mut Vec<u8>, date: &Date) {
        self.begin(out, date, "200 OK");
        // nginx would hold events back to fill its buffers.
        out.extend_from_slice(
            b"Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n\
              Connection: close\r\n\r\n",
        );
    }

    /// The answer to a poll, its body made by `topic/format/poll.rs`.
    pub(crate) fn poll(&self, out: &mut Vec<u8>, date: &Date, body: &[u8]) {
        self.begin(out, date, "200 OK");
        out.extend_from_slice(b"Cache-Control: no-store\r\n");
        self.end(out, "application/json", body);
    }

    /// The latest message, or 304 if the client has it.
    pub(crate) fn latest(&self, out: &mut Vec<u8>, date: &Date, known: &Known, latest: &Publication<'_>) {
        let is_known = latest.position.is_some_and(|position| known.has(position));
        self.begin(out, date, if is_known { "304 Not Modified" } else { "200 OK" });
        if let Some(position) = latest.position {
            put(out, format_args!("ETag: \"{position}\"\r\n"));
        }
        out.extend_from_slice(b"Cache-Control: no-cache\r\n");
        match latest.kind {
            _ if is_known => self.end_empty(out),
            MessageKind::Text => self.end(out, "text/plain; charset=utf-8", latest.payload),
            MessageKind::Binary => self.end(out, "application/octet-stream", latest.payload),
        }
    }

    /// What may be asked here.
    pub(crate) fn options(&self, out: &mut Vec<u8>, date: &Date) {
        self.begin(out, date, "204 No Content");
        put(
            out,
            format_args!(
                "Allow: {METHODS}\r\nAccess-Control-Allow-Methods: {METHODS}\r\n\
                 Access-Control-Allow-Headers: Last-Event-ID, If-None-Match, Cache-Control\r\n\
                 Access-Control-Max-Age: 600\r\n"
            ),
        );
        self.end_empty(out);
    }

    fn begin(&self, out: &mut Vec<u8>, date: &Date, status: &str) {
        put(out, format_args!("HTTP/1.1 {status}\r\nDate: "));
        out.extend_from_slice(date.as_bytes());
        out.extend_from_slice(b"\r\nX-Content-Type-Options: nosniff\r\n");
        for (name, value) in self.origin.as_deref().into_iter().flat_map(cors) {
            put(out, format_args!("{name}: {value}\r\n"));
        }
    }

    fn end(&self, out: &mut Vec<u8>, content_type: &str, body: &[u8]) {
        put(out, format_args!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len()));
        self.end_empty(out);
        if !self.is_head {
            out.extend_from_slice(body);
        }
    }

    fn end_empty(&self, out: &mut Vec<u8>) {
        put(out, format_args!("{}\r\n", self.connection_field));
    }
}

/// A refusal that a page of this origin may read.
pub(super) fn with_cors(refusal: Refusal, origin: &str) -> Refusal {
    cors(origin).into_iter().fold(refusal, |refusal, (name, value)| refusal.and(name, value))
}

/// What lets a page of another origin read an answer.
fn cors(origin: &str) -> [(&'static str, String); 3] {
    [
        ("Access-Control-Allow-Origin", origin.to_owned()),
        ("Vary", "Origin".to_owned()),
        ("Access-Control-Expose-Headers", "ETag".to_owned()),
    ]
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes all");
}
