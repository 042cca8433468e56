//! A topic as Server-Sent Events: one response that does not end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Heard, Refusal, Route, Trouble};
use crate::http::{Part, ResponseReader, write_get};

/// Of a refusal's body, what is kept in all.
const REFUSAL_BYTES_MAX: usize = 4096;

/// Follows one topic.
#[derive(Debug)]
pub struct Sse {
    reader: ResponseReader,
    events: EventReader,
    /// Of the response; 0 before it.
    status: u16,
    /// Body of a refusal.
    body: Vec<u8>,
    decoded: Vec<u8>,
}

impl Sse {
    /// `event_bytes_max` bounds one event.
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            reader: ResponseReader::default(),
            events: EventReader::new(event_bytes_max),
            status: 0,
            body: Vec::new(),
            decoded: Vec::new(),
        }
    }

    /// The request.
    pub fn begin(&self, route: &Route, out: &mut Vec<u8>) {
        let target = format!("/topics/{}", crate::http::encoded(&route.topic));
        write_get(out, &route.host, &target, &["Accept: text/event-stream\r\n"]);
    }

    /// Takes what came.
    ///
    /// # Errors
    /// [`Trouble`]: what follows cannot be understood.
    pub fn on_bytes(&mut self, bytes: &[u8], hear: &mut dyn FnMut(Heard<'_>)) -> Result<(), Trouble> {
        let Self { reader, events, status, body, decoded } = self;
        let mut trouble = None;
        reader.read(bytes, &mut |part| match part {
            Part::Head(head) => *status = head.status,
            Part::Body(bytes) if *status == 200 => {
                let outcome = events.read(bytes, &mut |kind, data| on_event(kind, data, decoded, hear));
                trouble = trouble.or(outcome.err());
            }
            Part::Body(bytes) => {
                let room = REFUSAL_BYTES_MAX - body.len();
                body.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Part::End => {
                hear(if *status == 200 { Heard::Answered } else { Heard::Refused(Refusal::of(*status, body)) })
            }
        })?;
        trouble.map_or(Ok(()), Err)
    }
}

fn on_event(kind: &[u8], data: &[u8], decoded: &mut Vec<u8>, hear: &mut dyn FnMut(Heard<'_>)) {
    match kind {
        b"" | b"message" => hear(Heard::Update(data)),
        b"binary" => {
            decoded.clear();
            // What is no base64 is an update too, a damaged one.
            let _ = STANDARD.decode_vec(data, decoded);
            hear(Heard::Update(decoded));
        }
        b"subscribed" => hear(Heard::Placed),
        // What was lost is missed by the ledger.
        _ => {}
    }
}

/// Reads the events of a stream (WHATWG HTML §9.2.6).
#[derive(Debug)]
pub struct EventReader {
    bytes_max: usize,
    /// What came of the line.
    line: Vec<u8>,
    /// The line before ended with CR: an LF belongs to it.
    had_cr: bool,
    kind: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
}

impl EventReader {
    /// `bytes_max` bounds a line and the data of one event.
    pub fn new(bytes_max: usize) -> Self {
        let (line, kind, data) = Default::default();
        Self { bytes_max, line, had_cr: false, kind, data, has_data: false }
    }

    /// Takes what came, and hands each event's kind and data to `hear`.
    ///
    /// # Errors
    /// [`Trouble::TooLong`].
    pub fn read(&mut self, mut bytes: &[u8], hear: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Trouble> {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.had_cr) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r');
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + self.data.len() + piece.len() > self.bytes_max {
                return Err(Trouble::TooLong);
            }
            let Some(end) = end else {
                self.line.extend_from_slice(piece);
                break;
            };
            self.had_cr = bytes[end] == b'\r';
            if self.line.is_empty() {
                self.take_line(piece, hear);
            } else {
                self.line.extend_from_slice(piece);
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, hear);
                self.line = line;
                self.line.clear();
            }
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], hear: &mut dyn FnMut(&[u8], &[u8])) {
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                hear(&self.kind, self.data.strip_suffix(b"\n").unwrap_or(&self.data));
            }
            self.kind.clear();
            self.data.clear();
            return;
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (field, value) = colon.map_or((line, &b""[..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                self.has_data = true;
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => {
                self.kind.clear();
                self.kind.extend_from_slice(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_refusal_is_not_kept() {
        let mut sse = Sse::new(100);
        let mut feed = |bytes: &str| sse.on_bytes(bytes.as_bytes(), &mut |heard| panic!("it never ends: {heard:?}"));
        feed("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        (0..10_000).for_each(|_| feed(&format!("3e8\r\n{}\r\n", "x".repeat(1000))).unwrap());
        assert_eq!(sse.body.len(), REFUSAL_BYTES_MAX);
        assert!(sse.body.capacity() <= 2 * REFUSAL_BYTES_MAX, "{}", sse.body.capacity());
    }
}
