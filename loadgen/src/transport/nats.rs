//! A subject of NATS over a WebSocket: the text protocol of its clients (docs.nats.io, "Client Protocol"), which is one stream of bytes
//! however it is cut into WebSocket messages.

use super::{Heard, Refusal, Route, Trouble};

/// A line that is no message: what a server says of itself is the longest.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What a client answers to `PING`.
const PONG: &[u8] = b"PONG\r\n";

/// One connection that follows one subject.
#[derive(Debug)]
pub struct Nats {
    /// What came of something that is not whole.
    held: Vec<u8>,
    bytes_max: usize,
}

impl Nats {
    /// A message has `bytes_max` at the most.
    pub fn new(bytes_max: usize) -> Self {
        Self { held: Vec::new(), bytes_max }
    }

    /// Subscribes. The server answers the `PING` when it has.
    pub fn begin(route: &Route, out: &mut Vec<u8>) {
        connect(out);
        out.extend_from_slice(format!("SUB {} 1\r\nPING\r\n", route.topic).as_bytes());
    }

    /// Takes a WebSocket's message; what is to be answered is appended to `out`.
    ///
    /// # Errors
    /// [`Trouble`]: the connection is of no use any more.
    pub fn on_message(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<(), Trouble> {
        if self.held.is_empty() {
            let used = self.take(bytes, out, hear)?;
            self.held.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let used = self.take(&held, out, hear)?;
        held.drain(..used);
        self.held = held;
        Ok(())
    }

    /// Takes all that is whole; how many bytes that was.
    fn take(&self, bytes: &[u8], out: &mut Vec<u8>, hear: &mut dyn FnMut(Heard<'_>)) -> Result<usize, Trouble> {
        let mut used = 0;
        while let Some(end) = memchr::memchr(b'\n', &bytes[used..]) {
            let begin = used;
            used += end + 1;
            let line = bytes[begin..used].strip_suffix(b"\r\n").ok_or(Trouble::Answer)?;
            match line.split(|byte| *byte == b' ').next().unwrap_or_default() {
                b"MSG" => {
                    let count = payload_bytes(line).ok_or(Trouble::Answer)?;
                    if count > self.bytes_max {
                        return Err(Trouble::TooLong);
                    }
                    // Its own line feed comes behind it.
                    let Some(payload) = bytes.get(used..used + count + 2) else { return Ok(begin) };
                    hear(Heard::Update(&payload[..count]));
                    used += count + 2;
                }
                b"PING" => out.extend_from_slice(PONG),
                b"PONG" => hear(Heard::Placed),
                b"-ERR" => hear(Heard::Refused(refusal(line))),
                b"INFO" | b"+OK" => {}
                _ => return Err(Trouble::Answer),
            }
        }
        if bytes.len() - used > LINE_BYTES_MAX { Err(Trouble::TooLong) } else { Ok(used) }
    }
}

/// The first words of a client.
pub fn connect(out: &mut Vec<u8>) {
    out.extend_from_slice(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"0\"}\r\n");
}

/// A publication.
pub fn publish(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("PUB {topic} {}\r\n", payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// The length that ends `MSG subject sid [reply-to] length`.
fn payload_bytes(line: &[u8]) -> Option<usize> {
    std::str::from_utf8(line).ok()?.rsplit(' ').next()?.parse().ok()
}

/// What `-ERR 'Some Words'` says.
fn refusal(line: &[u8]) -> Refusal {
    let text = String::from_utf8_lossy(line);
    let message = text.trim_start_matches("-ERR").trim().trim_matches('\'').to_owned();
    Refusal { code: "-ERR".to_owned(), message }
}
