//! Requests good and bad, and their answers byte for byte.

mod answers;
mod requests;

use super::trial::assert_whole;
use super::*;
use crate::http::Date;
use crate::topic::after::After;
use crate::topic::format::Publication;
use crate::topic::history::{MessageKind, Position};

const NAMES: NameLimits = NameLimits { bytes_max: 256, tokens_max: 16 };

/// What `check` says of a request with these lines of headers.
fn with_request<T>(line: &str, headers: &[&str], check: impl FnOnce(Result<TopicRequest<'_>, Refusal>) -> T) -> T {
    let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
    let version = if line.contains("HTTP/") { "" } else { " HTTP/1.1" };
    let head = format!("{line}{version}\r\nHost: node.example\r\n{headers}\r\n");
    let request = Request::parse(head.as_bytes(), ([127, 0, 0, 1], 1).into()).expect(&head);
    let origins = OriginRules::parse(["https://page.example"]).expect("rules");
    check(TopicRequest::parse(&request, &Place { prefix: "/topics/", names: NAMES, origins: &origins }))
}

fn assert_asks(line: &str, headers: &[&str], expected: &Operation<'_>) {
    with_request(line, headers, |parsed| assert_eq!(&parsed.expect(line).operation, expected, "{line} {headers:?}"));
}

fn refused(line: &str, headers: &[&str]) -> String {
    with_request(line, headers, |parsed| {
        let mut out = Vec::new();
        parsed.expect_err(line).write_to(&mut out, &Date::from_unix(0));
        assert_whole(&out, line.starts_with("HEAD"));
        String::from_utf8(out).expect("text")
    })
}

fn at(text: &str) -> Position {
    text.parse().expect("a position")
}

fn each(positions: &[(&'static str, &str)]) -> Option<After<'static>> {
    let positions = positions.iter().map(|&(topic, position)| (topic.into(), at(position)));
    Some(After::each(positions.collect()).expect("all differ"))
}

/// The subscription to `topic`, which is as its own check says.
fn follow<'a>(topic: &'a str, after: Option<After<'a>>, since: Option<u64>) -> Follow<'a> {
    let place = Place { prefix: "/topics/", names: NAMES, origins: &OriginRules::any() };
    let path: String = topic.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let head = format!("GET /topics/{path} HTTP/1.0\r\n\r\n");
    let request = Request::parse(head.as_bytes(), ([127, 0, 0, 1], 1).into()).expect("a request");
    let Follow { topic: name, is_pattern, .. } = Follow::parse(&request, &place).expect(topic);
    Follow { topic: name.into_owned().into(), is_pattern, after, since }
}

fn publication(kind: MessageKind, payload: &[u8]) -> Publication<'_> {
    Publication { name: "a.b", kind, payload, position: Some(at("1f3a-19")), time_ms: 1_763_818_920_123 }
}
