//! tungstenite's answer to a stream, and where ours may differ.
//!
//! It judges a frame when all of it has come and we judge as early as we can, so when we have refused, it gets
//! enough more bytes to end the frame. Where we differ on purpose:
//!
//! - Lengths that are not minimal (those of control frames, too), or have their top bit set: it takes them, we refuse
//!   them (§5.2).
//! - Close code 1014: registered with IANA since; it refuses it, we take it.
//! - A frame with several faults: it looks at the size first, and at a close reason before the close code.
//! - It holds control frames to the message limit too, so the limits that are compared are 125 and above.

use std::io::{self, Cursor, Read, Write};

use ringwire::proto::{CloseCode, ProtocolError, Role, Rules};
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket, protocol};

use crate::support::{Outcome, Owned};

/// Holds our `outcome` of `bytes` against tungstenite's.
///
/// # Panics
///
/// When they differ where they should not.
pub(crate) fn assert_same(rules: Rules, bytes: &[u8], outcome: &Outcome) {
    let mut padded = bytes.to_vec();
    if outcome.error.is_some() {
        // Ends a frame within the limit, and a header that was cut.
        padded.resize(bytes.len() + rules.message_bytes_max + 256, 0);
    }
    let theirs = verdict(rules, &padded);
    let ours = outcome.error.map(|error| error.close_code().0);
    let common = theirs.events.iter().zip(&outcome.events).filter(|(a, b)| a == b).count();
    if is_stricter(outcome, &theirs) {
        assert_eq!(common, outcome.events.len(), "events differ before {:?}", outcome.error);
    } else if is_bad_gateway(outcome) {
        assert_eq!((common, theirs.close_code), (outcome.events.len() - 1, Some(1002)));
    } else {
        assert_eq!((&outcome.events, ours), (&theirs.events, theirs.close_code), "{:?}", outcome.error);
    }
}

/// What tungstenite made of a stream; no close code when it ended or closed without a fault.
struct Verdict {
    events: Vec<Owned>,
    close_code: Option<u16>,
}

fn verdict(rules: Rules, bytes: &[u8]) -> Verdict {
    let role = match rules.role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    let limit = Some(rules.message_bytes_max);
    let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit).read_buffer_size(4096);
    let mut socket = WebSocket::from_raw_socket(Incoming(Cursor::new(bytes)), role, Some(config));
    let mut events = Vec::new();
    let close_code = loop {
        events.push(match socket.read() {
            Ok(Message::Text(text)) => Owned::Text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Owned::Binary(bytes.to_vec()),
            Ok(Message::Ping(payload)) => Owned::Ping(payload.to_vec()),
            Ok(Message::Pong(payload)) => Owned::Pong(payload.to_vec()),
            Ok(Message::Close(close)) => break closed(close, &mut events),
            Ok(Message::Frame(_)) => unreachable!("never read"),
            Err(error) => break code_of(&error),
        });
    };
    Verdict { events, close_code }
}

/// A close code that may not be sent becomes this very frame.
fn closed(close: Option<CloseFrame>, events: &mut Vec<Owned>) -> Option<u16> {
    let (code, reason) = match &close {
        Some(close) if close.reason.as_str() == "Protocol violation" => return Some(close.code.into()),
        Some(close) => (Some(CloseCode(close.code.into())), close.reason.as_str()),
        None => (None, ""),
    };
    events.push(Owned::Close(code, reason.to_owned()));
    None
}

fn code_of(error: &Error) -> Option<u16> {
    match error {
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(1002),
        Error::Utf8(_) => Some(1007),
        Error::Capacity(_) => Some(1009),
        error => panic!("not the peer's fault: {error}"),
    }
}

/// Whether we refuse what tungstenite takes, or name another of several faults.
fn is_stricter(outcome: &Outcome, theirs: &Verdict) -> bool {
    match outcome.error {
        Some(ProtocolError::NonMinimalLength | ProtocolError::LengthOverflow | ProtocolError::OversizedControl(_)) => {
            true
        }
        Some(ProtocolError::InvalidCloseCode(_)) => theirs.close_code == Some(1007),
        Some(error) => error.close_code() == CloseCode::PROTOCOL_ERROR && theirs.close_code == Some(1009),
        None => false,
    }
}

fn is_bad_gateway(outcome: &Outcome) -> bool {
    matches!(outcome.events.last(), Some(Owned::Close(Some(CloseCode::BAD_GATEWAY), _)))
}

/// Reads from memory; what is written is of no interest.
struct Incoming<'a>(Cursor<&'a [u8]>);

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Incoming<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
