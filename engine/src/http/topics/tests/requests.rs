//! What requests ask, and what is wrong with others.

use fastrand::Rng;

use super::super::seeds::HEADS;
use super::super::trial::check;
use super::*;

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
    for accept in ["text/event-stream;q=0", "text/event-stream; a=b ; Q=0.000, application/json"] {
        assert_asks(
            "GET /topics/a",
            &[&format!("Accept: {accept}")],
            &Operation::Poll { follow: follow("a", None, None), wait: Duration::ZERO },
        );
    }
    for accept in ["text/event-stream;q=0.001", "text/event-stream", "text/event-stream;q=0, text/event-stream"] {
        assert_asks("GET /topics/a", &[&format!("Accept: {accept}")], &Operation::Stream(follow("a", None, None)));
    }
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
        assert!(text.contains("{\"code\":\"method_not_allowed\""), "{text}");
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

/// Good requests with a few bytes of others in them.
#[test]
fn any_request_says_the_same_in_another_spelling() {
    let mut random = Rng::with_seed(1);
    for _ in 0..60_000 {
        let mut head = HEADS[random.usize(..HEADS.len())].as_bytes().to_vec();
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
