//! What answers a request. Every function appends the payload of one text message.

use super::Refusal;
use crate::topic::format::{Object, Subscribed};
use crate::topic::history::Position;

/// To a subscribe.
pub(crate) fn subscribed(out: &mut Vec<u8>, id: u64, subscribed: &Subscribed) {
    event(out, "ok").bare("id", Some(id)).subscribed(subscribed).end();
}

/// To an unsubscribe, and to a publish: with the message's position if the topic has history.
pub(crate) fn ok(out: &mut Vec<u8>, id: u64, position: Option<Position>) {
    event(out, "ok").bare("id", Some(id)).plain("position", position).end();
}

/// To a ping.
pub(crate) fn pong(out: &mut Vec<u8>, id: Option<u64>) {
    event(out, "pong").bare("id", id).end();
}

/// To what is refused.
pub(crate) fn error(out: &mut Vec<u8>, refusal: &Refusal) {
    event(out, "error")
        .bare("id", refusal.id)
        .plain("code", Some(refusal.code.as_str()))
        .string("message", &refusal.message)
        .end();
}

fn event<'out>(out: &'out mut Vec<u8>, name: &str) -> Object<'out> {
    Object::begin(out).plain("event", Some(name))
}
