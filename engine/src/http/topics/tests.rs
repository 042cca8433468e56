//! Requests good and bad, and their answers byte for byte.

use fastrand::Rng;

use super::trial::{assert_whole, check};
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

#[test]
fn what_is_asked() {
    let poll = |follow, wait| Operation::Poll { follow, wait: Duration::from_millis(wait) };
    assert_asks("GET /topics/news.world", &[], &poll(follow("news.world", None, None), 0));
    assert_asks(
        "GET /topics/news.world?after=1f3a-17&wait=30s",
        &["Accept: application/json, */*"],
        &poll(follow("news.world", Some(After::One(at("1f3a-17"))), None), 30_000),
    );
    assert_asks(
        "GET /topics/gr%C3%B6%C3%9Fe%2f+?since=0&wait=60000ms",
        &[],
        &poll(follow("größe/+", None, Some(0)), 60_000),
    );
    assert_asks("HEAD /topics/a?wait=30s", &[], &poll(follow("a", None, None), 0));
    assert_asks(
        "GET /topics/sport.%3E?after=sport.b:c:1-2&after=sport.a%3A1-1&since=9007199254740991",
        &[],
        &poll(follow("sport.>", each(&[("sport.a", "1-1"), ("sport.b:c", "1-2")]), Some((1 << 53) - 1)), 0),
    );
    assert_asks("GET /topics/latest", &[], &poll(follow("latest", None, None), 0));
    assert_asks("GET /topics/a%2flatest", &[], &poll(follow("a/latest", None, None), 0));
    assert_asks("OPTIONS /topics/a..b?any=1", &[], &Operation::Options);
}

#[test]
fn streams_begin_where_the_client_left_off() {
    let stream = |line: &str, id: &str, follow| {
        let accept = "Accept: text/html, Text/Event-Stream; q=0.9";
        let id = format!("Last-Event-ID: {id}");
        assert_asks(line, &[accept, &id], &Operation::Stream(follow));
    };
    let one = |text| Some(After::One(at(text)));
    stream("GET /topics/a?after=1-1&since=7", "", follow("a", one("1-1"), Some(7)));
    stream("GET /topics/a?after=1-1&since=7", "1-9", follow("a", one("1-9"), Some(7)));
    let line = "GET /topics/*?after=a:1-1&since=7";
    stream(line, "", follow("*", each(&[("a", "1-1")]), Some(7)));
    // One second before, all topics but the last one.
    stream(line, "b:c:1-9:5000", follow("*", each(&[("b:c", "1-9")]), Some(4000)));
    stream(line, "größe:1-9:5000", follow("*", each(&[("größe", "1-9")]), Some(4000)));
    stream(line, "b::5000", follow("*", None, Some(4000)));
    stream(line, "b:1-9:999", follow("*", each(&[("b", "1-9")]), Some(0)));
    // Polls have no such header.
    let poll = Operation::Poll { follow: follow("a", None, None), wait: Duration::ZERO };
    assert_asks("GET /topics/a", &["Last-Event-ID: junk"], &poll);
}

#[test]
fn the_id_of_an_event_is_where_its_stream_goes_on() {
    use crate::topic::format::Format;
    for (path, format) in [("a.b", Format::Events), ("a.*", Format::PatternEvents)] {
        let mut event = Vec::new();
        format.encode(&publication(MessageKind::Text, b""), &mut event);
        let event = String::from_utf8(event).expect("text");
        let id = event.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
        let headers = ["Accept: text/event-stream", &format!("Last-Event-ID: {id}")];
        with_request(&format!("GET /topics/{path}"), &headers, |parsed| {
            let Operation::Stream(follow) = parsed.expect("a stream").operation else { panic!("a stream") };
            assert_eq!(follow.after.expect("a position").of("a.b"), Some(at("1f3a-19")));
        });
    }
}

#[test]
fn bad_input_is_told_with_its_code() {
    let too_many = format!("/topics/*{}", "&after=a:1-1".repeat(1025).replacen('&', "?", 1));
    let long_name = format!("/topics/{}", "a".repeat(257));
    for (target, code) in [
        ("/topics/", "bad_topic"),
        ("/topics/a..b", "bad_topic"),
        ("/topics/a/b", "bad_topic"),
        ("/topics/a/latest/", "bad_topic"),
        ("/topics/%FF", "bad_topic"),
        ("/topics/a%0Ab", "bad_topic"),
        ("/topics/a%20b", "bad_topic"),
        ("/topics/a.%3E.b", "bad_topic"),
        (&long_name, "bad_topic"),
        ("/topics//latest", "bad_topic"),
        ("/topics/a.*/latest", "bad_topic"),
        ("/topics/*?after=a..b:1-1", "bad_topic"),
        ("/topics/*?after=*:1-1", "bad_topic"),
        ("/topics/a?after=1f3a", "bad_position"),
        ("/topics/a?after=", "bad_position"),
        ("/topics/a?after=01-1", "bad_position"),
        ("/topics/a?after=a:1-1", "bad_position"),
        ("/topics/*?after=1-1", "bad_position"),
        ("/topics/*?after=a:1-", "bad_position"),
        ("/topics/*?after=a:1-1:5", "bad_position"),
        ("/topics/a?after=1-1&after=1-1", "bad_request"),
        ("/topics/*?after=a:1-1&after=a:1-2", "bad_request"),
        (&too_many, "bad_request"),
        ("/topics/a?since=", "bad_request"),
        ("/topics/a?since=-1", "bad_request"),
        ("/topics/a?since=%2B1", "bad_request"),
        ("/topics/a?since=1.5", "bad_request"),
        ("/topics/a?since=9007199254740992", "bad_request"),
        ("/topics/a?since=1&since=1", "bad_request"),
        ("/topics/a?wait=30", "bad_request"),
        ("/topics/a?wait=s", "bad_request"),
        ("/topics/a?wait=61s", "bad_request"),
        ("/topics/a?wait=60001ms", "bad_request"),
        ("/topics/a?wait=1e1s", "bad_request"),
        ("/topics/a?wait=1s&wait=1s", "bad_request"),
        ("/topics/a?After=1-1", "bad_request"),
        ("/topics/a?x", "bad_request"),
        ("/topics/a/latest?after=1-1", "bad_request"),
    ] {
        let text = refused(&format!("GET {target}"), &[]);
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{target}: {text}");
        let (_, body) = text.split_once("\r\n\r\n").expect("a body");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["code"], code, "{target}: {body}");
        assert!(body["message"].as_str().is_some_and(|message| (10..200).contains(&message.len())), "{target}: {body}");
        assert!(refused(&format!("HEAD {target}"), &[]).ends_with("\r\n\r\n"));
    }
    assert!(refused("GET /other/a", &[]).starts_with("HTTP/1.1 404"));
}

#[test]
fn a_streams_bad_input() {
    for (line, id, code) in [
        ("GET /topics/a?wait=1s", "", "bad_request"),
        ("GET /topics/a", "junk", "bad_position"),
        ("GET /topics/a", "a:1-1:5", "bad_position"),
        ("GET /topics/a", "1-1\r\nLast-Event-ID: 1-1", "bad_request"),
        ("GET /topics/*", "1-1", "bad_position"),
        ("GET /topics/*", "a:1-1", "bad_position"),
        ("GET /topics/*", "a:1-1:", "bad_position"),
        ("GET /topics/*", "a:01-1:5", "bad_position"),
        ("GET /topics/*", "a..b:1-1:5", "bad_topic"),
        ("GET /topics/*", ":1-1:5", "bad_topic"),
        // What the id stands instead of is checked too.
        ("GET /topics/a?after=x", "1-1", "bad_position"),
    ] {
        let text = refused(line, &["Accept: text/event-stream", &format!("Last-Event-ID: {id}")]);
        assert!(text.contains(&format!("{{\"code\":\"{code}\"")), "{line} {id}: {text}");
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    for method in ["POST", "PUT", "DELETE", "get"] {
        let text = refused(&format!("{method} /topics/a"), &["Origin: https://page.example"]);
        assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{text}");
        assert!(text.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"), "{text}");
        assert!(text.contains("\r\nAccess-Control-Allow-Origin: https://page.example\r\n"), "{text}");
        assert!(text.contains("{\"code\":\"bad_request\""), "{text}");
    }
}

#[test]
fn foreign_origins_are_refused_whatever_they_ask() {
    for line in ["GET /topics/a", "GET /topics/a..b", "OPTIONS /topics/a", "POST /topics/a"] {
        let text = refused(line, &["Origin: https://other.example"]);
        assert!(text.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{text}");
        assert!(text.contains("{\"code\":\"not_allowed\""), "{text}");
        assert!(!text.contains("Access-Control"), "{text}");
    }
}

fn publication(kind: MessageKind, payload: &[u8]) -> Publication<'_> {
    Publication { name: "a.b", kind, payload, position: Some(at("1f3a-19")), time_ms: 1_763_818_920_123 }
}

/// What answers a request.
fn answer(line: &str, headers: &[&str], write: impl FnOnce(&TopicRequest<'_>, &mut Vec<u8>, &Date)) -> String {
    with_request(line, headers, |parsed| {
        let mut out = b"before".to_vec();
        write(&parsed.expect(line), &mut out, &Date::from_unix(784_111_777));
        let answer = out.strip_prefix(b"before").expect("appended");
        assert_whole(answer, line.starts_with("HEAD"));
        String::from_utf8(answer.to_vec()).expect("text")
    })
}

const PAGE: &str = "Origin: https://page.example";
const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Content-Type-Options: nosniff\r\n";
const CORS: &str =
    "Access-Control-Allow-Origin: https://page.example\r\nVary: Origin\r\nAccess-Control-Expose-Headers: ETag\r\n";

#[test]
fn the_head_of_a_stream() {
    for line in ["GET /topics/a", "HEAD /topics/a", "GET /topics/a HTTP/1.0"] {
        let text =
            answer(line, &[PAGE, "Accept: text/event-stream"], |request, out, date| request.reply.stream(out, date));
        let expected = "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n\
                        Connection: close\r\n\r\n";
        assert_eq!(text, format!("HTTP/1.1 200 OK\r\n{DATE}{CORS}{expected}"), "{line}");
    }
}

#[test]
fn the_answer_to_a_poll() {
    let poll =
        |line, headers: &[&str]| answer(line, headers, |request, out, date| request.reply.poll(out, date, b"{}"));
    let head = "Cache-Control: no-store\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    assert_eq!(poll("GET /topics/a", &[]), format!("HTTP/1.1 200 OK\r\n{DATE}{head}\r\n{{}}"));
    assert_eq!(poll("GET /topics/a", &[PAGE]), format!("HTTP/1.1 200 OK\r\n{DATE}{CORS}{head}\r\n{{}}"));
    assert_eq!(poll("HEAD /topics/a", &[]), format!("HTTP/1.1 200 OK\r\n{DATE}{head}\r\n"));
    let close = format!("HTTP/1.1 200 OK\r\n{DATE}{head}Connection: close\r\n\r\n{{}}");
    assert_eq!(poll("GET /topics/a", &["Connection: close"]), close);
    assert_eq!(poll("GET /topics/a HTTP/1.0", &[]), close);
    let kept = poll("GET /topics/a HTTP/1.0", &["Connection: keep-alive"]);
    assert!(kept.contains("\r\nConnection: keep-alive\r\n"), "{kept}");
}

#[test]
fn what_follows_an_answer() {
    for (line, is_head, is_keep_alive) in [
        ("GET /topics/a", false, true),
        ("HEAD /topics/a", true, true),
        ("OPTIONS /topics/a", false, true),
        ("GET /topics/a HTTP/1.0", false, false),
    ] {
        let reply = with_request(line, &[], |parsed| parsed.expect(line).reply);
        assert_eq!((reply.is_head(), reply.is_keep_alive()), (is_head, is_keep_alive), "{line}");
    }
}

#[test]
fn the_latest_message() {
    let latest = |line, tags: &str, kind| {
        let headers = [PAGE, &format!("If-None-Match: {tags}")];
        answer(line, &headers, |request, out, date| {
            let Operation::Latest { name, known } = &request.operation else { panic!("{request:?}") };
            assert_eq!(name, "a.b");
            request.reply.latest(out, date, known, &publication(kind, b"{1}"));
        })
    };
    let tag = "ETag: \"1f3a-19\"\r\nCache-Control: no-cache\r\n";
    let found = |content_type| {
        format!("HTTP/1.1 200 OK\r\n{DATE}{CORS}{tag}Content-Type: {content_type}\r\nContent-Length: 3\r\n\r\n")
    };
    let text = found("text/plain; charset=utf-8");
    for tags in ["", "\"1f3a-18\"", "1f3a-19", "\"x\", \"", "\"01f3a-19\""] {
        assert_eq!(latest("GET /topics/a.b/latest", tags, MessageKind::Text), format!("{text}{{1}}"), "{tags}");
    }
    assert_eq!(latest("HEAD /topics/a.b/latest", "", MessageKind::Text), text);
    let binary = found("application/octet-stream");
    assert_eq!(latest("GET /topics/a.b/latest", "", MessageKind::Binary), format!("{binary}{{1}}"));
    for tags in ["\"1f3a-19\"", "W/\"1f3a-19\"", "\"x\", \"1f3a-19\"", "*"] {
        let known = format!("HTTP/1.1 304 Not Modified\r\n{DATE}{CORS}{tag}\r\n");
        assert_eq!(latest("GET /topics/a.b/latest", tags, MessageKind::Text), known, "{tags}");
        assert_eq!(latest("HEAD /topics/a.b/latest", tags, MessageKind::Binary), known, "{tags}");
    }
}

#[test]
fn what_may_be_asked() {
    let expected = "Allow: GET, HEAD, OPTIONS\r\nAccess-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n\
                    Access-Control-Allow-Headers: Last-Event-ID, If-None-Match, Cache-Control\r\n\
                    Access-Control-Max-Age: 600\r\n\r\n";
    let text = answer("OPTIONS /topics/a", &[PAGE], |request, out, date| request.reply.options(out, date));
    assert_eq!(text, format!("HTTP/1.1 204 No Content\r\n{DATE}{CORS}{expected}"));
}

#[test]
fn refusals_of_the_topic_are_readable_to_the_page() {
    let text = answer("GET /topics/a/latest", &[PAGE], |request, out, date| {
        request.reply.refuse(Code::NoMessage, "this topic has no message yet").write_to(out, date);
    });
    assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"), "{text}");
    assert!(text.contains(CORS), "{text}");
    assert!(
        text.ends_with("\r\n\r\n{\"code\":\"no_message\",\"message\":\"this topic has no message yet\"}"),
        "{text}"
    );
    let head = answer("HEAD /topics/a/latest", &[PAGE], |request, out, date| {
        request.reply.refuse(Code::NoMessage, "this topic has no message yet").write_to(out, date);
    });
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

/// Good requests with a few bytes of others in them.
#[test]
fn any_request_says_the_same_in_another_spelling() {
    let mut random = Rng::with_seed(1);
    for _ in 0..60_000 {
        let mut head = super::seeds::HEADS[random.usize(..super::seeds::HEADS.len())].as_bytes().to_vec();
        for _ in 0..random.usize(..4) {
            let at = random.usize(..head.len());
            let parts =
                ["%", "%2E", "*", "%3e", ":", "-", "1", "&", "=", "/", "?", "a", ".", "since=1", "after=a:1-1", "é"];
            let part = random.choice(parts).expect("some");
            head.splice(at..(at + random.usize(..3)).min(head.len()), part.bytes());
        }
        check(&head);
    }
}
