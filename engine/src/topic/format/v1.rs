//! What a client of `ringwire.v1` hears unasked. Every function appends the payload of one WebSocket message.

use super::{Object, Publication};
use crate::proto::frame::{EncodedHeader, Header};
use crate::proto::{CloseCode, Role};
use crate::topic::history::MessageKind;

/// What [`message`] begins with.
const BEGINNING: &str = "{\"event\":\"message\"";

/// A topic's message, as a message of the same kind. Binary: a head, a line feed, the payload.
pub(crate) fn message(out: &mut Vec<u8>, publication: &Publication<'_>) {
    let head = Object::begin(out)
        .plain("event", Some("message"))
        .string("topic", publication.name)
        .plain("position", publication.position);
    match publication.kind {
        MessageKind::Text => {
            head.payload(publication).end();
        }
        MessageKind::Binary => {
            let out = head.end();
            out.push(b'\n');
            out.extend_from_slice(publication.payload);
        }
    }
}

/// The same message for who follows it by `pattern`, and is told so: appends what it begins with, and returns what comes behind that
/// of `frame`, which is [`message`] in a frame.
pub(crate) fn matched<'f>(frame: &'f [u8], pattern: &str, out: &mut Vec<u8>) -> &'f [u8] {
    let (header, header_bytes) = Header::parse(frame, Role::Client).ok().flatten().expect("we framed it");
    let rest = &frame[header_bytes + BEGINNING.len()..];
    let start = out.len();
    let fields = Object::begin(out).plain("event", Some("message")).string("pattern", pattern);
    let out = fields.leave_open();
    let header = EncodedHeader::server(header.opcode, (out.len() - start + rest.len()) as u64);
    out.extend_from_slice(&header);
    out[start..].rotate_right(header.len());
    rest
}

/// As text: so many messages of this topic were dropped for this connection since the last time.
pub(crate) fn lost(out: &mut Vec<u8>, topic: &str, count: u64) {
    Object::begin(out).plain("event", Some("lost")).string("topic", topic).bare("count", Some(count)).end();
}

/// As text: the server is about to close the connection with this code; `message` says why, for people.
pub(crate) fn closing(out: &mut Vec<u8>, code: CloseCode, message: &str) {
    let event = Object::begin(out).plain("event", Some("closing"));
    event.bare("code", Some(code.0)).string("message", message).end();
}
