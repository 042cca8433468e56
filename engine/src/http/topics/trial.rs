//! One request, parsed, written down again in another spelling, and parsed again. Tests and a fuzz target drive it.

use std::fmt::Write;

use super::{Follow, Operation, Place, TopicRequest};
use crate::http::{Date, OriginRules, Request};
use crate::topic::after::After;
use crate::topic::name::{Interest, NameLimits};

const NAMES: NameLimits = NameLimits { bytes_max: 256, tokens_max: 16 };
/// Headers that a request keeps in its second spelling.
const KEPT: [&str; 3] = ["Origin", "Connection", "If-None-Match"];

/// Takes a request's head, any bytes.
///
/// # Panics
/// If the request is not taken as its oracle says.
#[cfg(feature = "sim")]
pub fn check_bytes(head: &[u8]) {
    check(head);
}

/// # Panics
/// If what is understood is not what its second spelling says, or a refusal is no whole answer.
pub(crate) fn check(head: &[u8]) {
    let Ok(request) = Request::parse(head, ([127, 0, 0, 1], 1).into()) else { return };
    let origins = OriginRules::parse(["https://*.example"]).expect("rules");
    let place = Place { prefix: "/topics/", names: NAMES, origins: &origins };
    match TopicRequest::parse(&request, &place) {
        Ok(parsed) => {
            let again = spelled(&request, &parsed.operation);
            // It may have a header too many now.
            let Ok(again) = Request::parse(&again, request.remote_addr()) else { return };
            assert_eq!(TopicRequest::parse(&again, &place).as_ref(), Ok(&parsed), "{:?}", again.target());
        }
        Err(refusal) => {
            assert!(matches!(refusal.status(), 400 | 403 | 404 | 405), "{refusal:?}");
            let mut answer = Vec::new();
            refusal.write_to(&mut answer, &Date::from_unix(0));
            assert_whole(&answer, request.method() == "HEAD");
        }
    }
}

/// Panics unless it is a head and as long a body as it says, or none behind a HEAD.
pub(super) fn assert_whole(answer: &[u8], is_head: bool) {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = parsed.parse(answer).expect("a response") else {
        panic!("half a head")
    };
    let length = parsed.headers.iter().find(|header| header.name == "Content-Length").map(|header| header.value);
    let length: usize = length.map_or(0, |value| str::from_utf8(value).expect("ASCII").parse().expect("a number"));
    assert_eq!(answer.len() - head_bytes, if is_head { 0 } else { length });
}

/// The same request with everything percent-encoded, and positions in the query.
fn spelled(request: &Request<'_>, operation: &Operation<'_>) -> Vec<u8> {
    let method = request.method();
    let (path, accept) = match operation {
        Operation::Stream(follow) => (target(follow, ""), "Accept: */*;q=0.1, TEXT/event-stream ;q=1\r\n"),
        Operation::Poll { follow, wait } => (target(follow, &format!("&wait={}ms", wait.as_millis())), ""),
        Operation::Latest { name, .. } => (format!("{}/latest?", escaped(name)), ""),
        Operation::Options => ("?any".to_owned(), ""),
    };
    let minor_version = if request.connection_field().contains("keep-alive") { 0 } else { 1 };
    let mut head = format!("{method} /topics/{path} HTTP/1.{minor_version}\r\nHost: x\r\n{accept}").into_bytes();
    for (name, value) in request.headers().filter(|(name, _)| KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name))) {
        head.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    // HTTP/1.0 need not say it.
    if !request.is_keep_alive() {
        head.extend_from_slice(b"Connection: close\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn target(follow: &Follow<'_>, rest: &str) -> String {
    let (Interest::Name(topic) | Interest::Pattern(topic)) = follow.interest();
    let mut target = format!("{}?", escaped(topic));
    match &follow.after {
        None => {}
        Some(After::One(position)) => write!(target, "after={position}").expect("memory takes all"),
        Some(After::Each(positions)) => {
            for (topic, position) in positions.iter().rev() {
                write!(target, "&after={}%3A{position}", escaped(topic)).expect("memory takes all");
            }
        }
    }
    if let Some(since) = follow.since {
        write!(target, "&since={since}").expect("memory takes all");
    }
    target + rest
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
