//! What answers a request. Every function appends the payload of one text message.

use std::fmt::Display;

use super::Refusal;
use super::json::Object;

/// How a subscription begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscribed<P> {
    /// Of the topic's last message; none for a pattern and without history.
    pub(crate) position: Option<P>,
    /// Messages of the history that follow.
    pub(crate) replayed: u64,
    /// Whether something before these is missing.
    pub(crate) gap: bool,
    /// Milliseconds since 1970, now.
    pub(crate) time: u64,
}

/// To a subscribe.
pub(crate) fn subscribed<P: Display>(out: &mut Vec<u8>, id: u64, subscribed: &Subscribed<P>) {
    Object::begin(out, "event", "ok")
        .bare("id", Some(id))
        .plain("position", subscribed.position.as_ref())
        .bare("replayed", Some(subscribed.replayed))
        .bare("gap", Some(subscribed.gap))
        .bare("time", Some(subscribed.time))
        .end();
}

/// To an unsubscribe, and to a publish: with the message's position if the topic has history.
pub(crate) fn ok<P: Display>(out: &mut Vec<u8>, id: u64, position: Option<P>) {
    Object::begin(out, "event", "ok").bare("id", Some(id)).plain("position", position).end();
}

/// To a ping.
pub(crate) fn pong(out: &mut Vec<u8>, id: Option<u64>) {
    Object::begin(out, "event", "pong").bare("id", id).end();
}

/// To what is refused.
pub(crate) fn error(out: &mut Vec<u8>, refusal: &Refusal) {
    Object::begin(out, "event", "error")
        .bare("id", refusal.id)
        .plain("code", Some(refusal.code.as_str()))
        .string("message", &refusal.message)
        .end();
}
