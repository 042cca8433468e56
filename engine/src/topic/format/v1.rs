//! What a client of `ringwire.v1` hears unasked. Every function appends the payload of one WebSocket message.

use super::{Object, Publication};
use crate::proto::CloseCode;
use crate::topic::history::MessageKind;

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

/// As text: so many messages of this topic were dropped for this connection since the last time.
pub(crate) fn lost(out: &mut Vec<u8>, topic: &str, count: u64) {
    Object::begin(out).plain("event", Some("lost")).string("topic", topic).bare("count", Some(count)).end();
}

/// As text: the server is about to close the connection with this code; `message` says why, for people.
pub(crate) fn closing(out: &mut Vec<u8>, code: CloseCode, message: &str) {
    let event = Object::begin(out).plain("event", Some("closing"));
    event.bare("code", Some(code.0)).string("message", message).end();
}
