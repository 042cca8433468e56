//! What comes unasked. Every function appends the payload of one message; none knows the connection, so a publication is
//! encoded once for all of its subscribers.

use std::fmt::Display;

use super::json::Object;

/// A topic's text message, as a text message.
pub(crate) fn text<P: Display>(out: &mut Vec<u8>, topic: &str, position: Option<P>, payload: &str) {
    message(out, topic, position).string("data", payload).end();
}

/// A topic's binary message, as a binary message: a head, a line feed, the payload.
pub(crate) fn binary<P: Display>(out: &mut Vec<u8>, topic: &str, position: Option<P>, payload: &[u8]) {
    message(out, topic, position).end();
    out.push(b'\n');
    out.extend_from_slice(payload);
}

/// So many messages of this topic were dropped for this connection since the last time.
pub(crate) fn lost(out: &mut Vec<u8>, topic: &str, count: u64) {
    Object::begin(out, "event", "lost").string("topic", topic).bare("count", Some(count)).end();
}

/// The server is about to close the connection; `message` says why, for people.
pub(crate) fn closing(out: &mut Vec<u8>, message: &str) {
    Object::begin(out, "event", "closing").string("message", message).end();
}

fn message<'out, P: Display>(out: &'out mut Vec<u8>, topic: &str, position: Option<P>) -> Object<'out> {
    Object::begin(out, "event", "message").string("topic", topic).plain("position", position)
}
