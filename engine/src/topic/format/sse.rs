//! Server-Sent Events (WHATWG HTML §9.2): every function appends one whole block, its empty line included.

use std::io::Write;

use super::{Object, Publication, Subscribed};
use crate::proto::CloseCode;
use crate::topic::history::{MessageKind, Position};

/// A message of a subscription to one topic. CR and CRLF in a text arrive as LF: the format has no way to say them.
pub(crate) fn message(out: &mut Vec<u8>, publication: &Publication<'_>) {
    id(out, publication.position);
    payload(out, publication);
}

/// A message of a subscription to a pattern. Its id is `TOPIC:POSITION:TIME`, the position empty without history.
pub(crate) fn pattern_message(out: &mut Vec<u8>, publication: &Publication<'_>) {
    let Publication { name, position, time_ms, .. } = publication;
    match position {
        Some(position) => line(out, format_args!("id: {name}:{position}:{time_ms}")),
        None => line(out, format_args!("id: {name}::{time_ms}")),
    }
    payload(out, publication);
}

/// The first event. `topic` is the name or pattern; `before` is the position just before the first message that follows, so
/// that who loses the line before that message resumes there: none for a pattern and without history.
pub(crate) fn subscribed(out: &mut Vec<u8>, topic: &str, before: Option<Position>, subscribed: &Subscribed) {
    id(out, before);
    event(out, "subscribed", |data| data.string("topic", topic).subscribed(subscribed));
}

/// So many messages of this topic were dropped for this connection since the last time.
pub(crate) fn lost(out: &mut Vec<u8>, topic: &str, count: u64) {
    event(out, "lost", |data| data.string("topic", topic).bare("count", Some(count)));
}

/// The server is about to close the connection; `code` is what a WebSocket would be closed with, `message` says why, for people.
pub(crate) fn closing(out: &mut Vec<u8>, code: CloseCode, message: &str) {
    event(out, "closing", |data| data.bare("code", Some(code.0)).string("message", message));
}

/// How long a client waits before it comes back. No two of many should wait the same: draw from 1,000 to 3,000 for each.
pub(crate) fn retry(out: &mut Vec<u8>, ms: u32) {
    line(out, format_args!("retry: {ms}\n"));
}

/// Nothing, so that the line is seen to live; due when nothing else came for 15 s.
pub(crate) fn comment(out: &mut Vec<u8>) {
    out.extend_from_slice(b":\n\n");
}

fn id(out: &mut Vec<u8>, position: Option<Position>) {
    if let Some(position) = position {
        line(out, format_args!("id: {position}"));
    }
}

fn payload(out: &mut Vec<u8>, publication: &Publication<'_>) {
    match publication.kind {
        MessageKind::Text => lines(out, publication.payload),
        MessageKind::Binary => {
            out.extend_from_slice(b"event: binary\ndata: ");
            super::base64(out, publication.payload);
            out.push(b'\n');
        }
    }
    out.push(b'\n');
}

/// A text, each of its lines with its `data: `; one that is empty or ends with a line break has an empty last one.
fn lines(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let end = memchr::memchr2(b'\n', b'\r', rest);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
        out.push(b'\n');
        let Some(end) = end else { return };
        let break_bytes = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + break_bytes..];
    }
}

/// JSON has no line breaks of its own, so it is one line.
fn event(out: &mut Vec<u8>, name: &str, data: impl FnOnce(Object<'_>) -> Object<'_>) {
    line(out, format_args!("event: {name}"));
    out.extend_from_slice(b"data: ");
    data(Object::begin(out)).end();
    out.extend_from_slice(b"\n\n");
}

fn line(out: &mut Vec<u8>, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").expect("memory takes all");
}
