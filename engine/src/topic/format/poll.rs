//! Polling: items, which are encoded once for all who wait, and the answer around them.

use super::{Object, Publication};
use crate::topic::history::Position;

/// What an answer says beside its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Where to go on from; none for a pattern.
    pub(crate) position: Option<Position>,
    /// Whether something before the messages is missing.
    pub(crate) gap: bool,
    /// Milliseconds since 1970-01-01 UTC, now.
    pub(crate) time_ms: u64,
}

/// A message of one topic, with a comma behind it; nothing for a topic without history.
pub(crate) fn item(out: &mut Vec<u8>, publication: &Publication<'_>) {
    if publication.position.is_some() {
        put(Object::begin(out), publication);
    }
}

/// A message of a topic that a pattern matches, with a comma behind it; nothing for a topic without history.
pub(crate) fn pattern_item(out: &mut Vec<u8>, publication: &Publication<'_>) {
    if publication.position.is_some() {
        put(Object::begin(out).string("topic", publication.name), publication);
    }
}

/// The body of an answer. `items` are encoded items, in pieces as they come.
pub(crate) fn answer<'a>(out: &mut Vec<u8>, answer: Answer, items: impl IntoIterator<Item = &'a [u8]>) {
    Object::begin(out)
        .plain("position", answer.position)
        .array("messages", items)
        .bare("gap", Some(answer.gap))
        .bare("time", Some(answer.time_ms))
        .end();
}

fn put(object: Object<'_>, publication: &Publication<'_>) {
    let out = object
        .plain("position", publication.position)
        .payload(publication)
        .bare("time", Some(publication.time_ms))
        .end();
    out.push(b',');
}
