//! Polls, latest messages and refusals of topics over HTTP.

use std::time::{Duration, Instant};

use crate::common::raw::{Response, upgrade_head};
use crate::common::{Raw, TestServer, config, eventually};
use crate::sse::{node, press, publish};

fn ask(client: &mut Raw, method: &str, target: &str, more: &str) -> Response {
    client.write(format!("{method} /topics/{target} HTTP/1.1\r\nHost: x\r\n{more}\r\n").as_bytes());
    client.response_to(method)
}

fn get(server: &TestServer, target: &str) -> Response {
    ask(&mut Raw::connect(server.addr()), "GET", target, "")
}

/// A body without its times.
#[track_caller]
fn poll(response: &Response) -> String {
    assert_eq!((response.status, response.header("Cache-Control")), (200, Some("no-store")), "{}", response.text());
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    let text = response.text();
    let mut parts = text.split(",\"time\":");
    let mut body = parts.next().expect("a part").to_owned();
    parts.for_each(|part| body.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit())));
    body
}

fn empty(position: &str) -> String {
    format!("{{\"position\":\"{position}\",\"messages\":[],\"gap\":false}}")
}

fn one(position: &str, data: &str) -> String {
    format!(
        "{{\"position\":\"{position}\",\"messages\":[{{\"position\":\"{position}\",\"data\":\"{data}\"}}],\"gap\":false}}"
    )
}

#[test]
fn short_polls_answer_at_once_and_go_on_where_they_were() {
    let server = node(config(2));
    let mut press = press(&server);
    let mut client = Raw::connect(server.addr());
    let first = poll(&ask(&mut client, "GET", "kept.a", ""));
    let start = first.split('"').nth(3).expect("a position").to_owned();
    assert_eq!(first, empty(&start));
    assert_eq!(
        poll(&ask(&mut client, "GET", &format!("kept.a?after={start}"), "")),
        empty(&start),
        "no gap, no message"
    );
    let at: Vec<_> = (0..7).map(|number| publish(&mut press, "kept.a", &number.to_string())).collect();
    assert_eq!(poll(&ask(&mut client, "GET", "kept.a", "")), empty(&at[6]));
    assert_eq!(poll(&ask(&mut client, "GET", &format!("kept.a?after={}", at[5]), "")), one(&at[6], "6"));
    for (target, count, gap) in [(format!("kept.a?after={start}"), 5, true), ("kept.a?since=0".to_owned(), 5, false)] {
        let body = poll(&ask(&mut client, "GET", &target, ""));
        assert_eq!(body.matches("\"data\"").count(), count, "{body}");
        assert!(body.ends_with(&format!("\"gap\":{gap}}}")), "{body}");
    }
    let body = poll(&ask(&mut client, "GET", &format!("kept.*?after=kept.a:{}", at[4]), ""));
    assert_eq!(body.matches("\"topic\":\"kept.a\"").count(), 2, "{body}");
    assert!(body.starts_with("{\"messages\":["), "{body}");
    let head = ask(&mut client, "HEAD", &format!("kept.a?after={}&wait=60s", at[6]), "");
    assert_eq!((head.status, head.header("Content-Length").is_some()), (200, true));
    drop((client, press));
    server.finish();
}

#[test]
fn an_answer_is_bounded_and_the_rest_comes_with_the_next() {
    let server = node(config(1));
    let mut press = press(&server);
    let body = "x".repeat(600_000);
    let at: Vec<_> = (0..3).map(|_| publish(&mut press, "kept.a", &body)).collect();
    let mut client = Raw::connect(server.addr());
    let mut target = "kept.a?since=0".to_owned();
    for position in &at {
        let answer = poll(&ask(&mut client, "GET", &target, ""));
        assert!(answer.starts_with(&format!("{{\"position\":\"{position}\",")), "{}", &answer[..80]);
        assert_eq!(answer.matches("\"data\"").count(), 1);
        target = format!("kept.a?after={position}");
    }
    drop((client, press));
    server.finish();
}

#[test]
fn a_long_poll_is_answered_by_the_next_message_on_any_shard() {
    let server = node(config(2));
    let mut press = press(&server);
    let start = publish(&mut press, "kept.a", "before");
    let mut waiting: Vec<_> = (0..8).map(|_| Raw::connect(server.addr())).collect();
    let mut by_pattern = Raw::connect(server.addr());
    for client in &mut waiting {
        client.write(format!("GET /topics/kept.a?after={start}&wait=60s HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    // What comes behind it waits too, and is answered in order.
    waiting[0].write(b"GET /topics/kept.a/latest HTTP/1.1\r\nHost: x\r\n\r\nGET /topics/kept.a HTTP/1.1\r\nHos");
    by_pattern
        .write(format!("GET /topics/kept.%3E?after=kept.a:{start}&wait=60s HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    eventually("all wait", || server.gauges().connections == 10);
    let position = publish(&mut press, "kept.a", "news");
    for client in &mut waiting {
        assert_eq!(poll(&client.response()), one(&position, "news"));
    }
    assert_eq!(waiting[0].response().text(), "news");
    waiting[0].write(b"t: x\r\n\r\n");
    assert_eq!(poll(&waiting[0].response()), empty(&position));
    let body = poll(&by_pattern.response());
    assert!(body.contains(&format!("\"topic\":\"kept.a\",\"position\":\"{position}\",\"data\":\"news\"")), "{body}");
    assert_eq!(server.gauges().connections, 1, "who was answered gave its place back");
    // The connection is good for anything after that.
    waiting[1].write(upgrade_head("/publish", "").as_bytes());
    assert_eq!(waiting[1].response().status, 101);
    publish(&mut waiting[1], "kept.a", "by another");
    // A topic that the pattern matches and that nobody had heard of.
    by_pattern.write(
        format!("GET /topics/kept.%3E?since={}&wait=60s HTTP/1.1\r\nHost: x\r\n\r\n", u64::MAX >> 11).as_bytes(),
    );
    eventually("it waits", || server.gauges().connections == 3);
    publish(&mut press, "kept.new", "first");
    assert!(poll(&by_pattern.response()).contains("\"topic\":\"kept.new\""));
    drop((waiting, by_pattern, press));
    server.finish();
}

#[test]
fn a_long_poll_ends_empty_after_its_time_and_with_its_client() {
    let server = node(config(1));
    let mut press = press(&server);
    let start = publish(&mut press, "kept.a", "x");
    let begin = Instant::now();
    let response = get(&server, &format!("kept.a?after={start}&wait=200ms"));
    assert!(begin.elapsed() >= Duration::from_millis(200));
    assert_eq!(poll(&response), empty(&start));
    let target = format!("GET /topics/kept.a?after={start}&wait=60s HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut client = Raw::connect(server.addr());
    client.write(target.as_bytes());
    eventually("it waits", || server.gauges().connections == 2);
    drop(client);
    eventually("it is gone", || server.gauges().connections == 1);
    // One who sends more than a head behind it is answered now.
    let mut eager = Raw::connect(server.addr());
    eager.write(target.as_bytes());
    let many = "GET /topics/kept.a/latest HTTP/1.1\r\nHost: x\r\n\r\n".repeat(400);
    eager.write(many.as_bytes());
    assert_eq!(poll(&eager.response()), empty(&start));
    (0..400).for_each(|_| assert_eq!(eager.response().text(), "x"));
    let mut last = Raw::connect(server.addr());
    last.write(target.as_bytes());
    eventually("it waits", || server.gauges().connections == 2);
    drop((press, eager));
    server.handle().shutdown(Duration::from_secs(5));
    let response = last.response();
    assert_eq!((response.status, response.text().contains("\"closing\"")), (503, true), "{response:?}");
    drop(last);
    server.wait_for_end(Duration::from_secs(5));
}

#[test]
fn the_latest_message_comes_as_it_is_once() {
    let server = node(config(2));
    let mut press = press(&server);
    let position = publish(&mut press, "kept.a", "{\"a\":1}");
    let mut client = Raw::connect(server.addr());
    let response = ask(&mut client, "GET", "kept.a/latest", "Origin: https://page.test\r\n");
    let tag = format!("\"{position}\"");
    assert_eq!((response.status, response.header("ETag"), &*response.text()), (200, Some(&*tag), "{\"a\":1}"));
    assert_eq!(response.header("Access-Control-Allow-Origin"), Some("https://page.test"));
    let known = ask(&mut client, "GET", "kept.a/latest", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((known.status, known.body.len()), (304, 0));
    publish(&mut press, "kept.a", "new");
    let response = ask(&mut client, "GET", "kept.a/latest", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((response.status, &*response.text()), (200, "new"));
    assert_eq!(ask(&mut client, "HEAD", "kept.a/latest", "").header("Content-Length"), Some("3"));
    let options = ask(&mut client, "OPTIONS", "kept.a", "Origin: https://page.test\r\n");
    assert_eq!((options.status, options.header("Access-Control-Allow-Methods")), (204, Some("GET, HEAD, OPTIONS")));
    drop((client, press));
    server.finish();
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let server = node(config(1));
    let mut press = press(&server);
    let position = publish(&mut press, "kept.a", "x");
    let (epoch, _) = position.split_once('-').expect("a position");
    let stream = "Accept: text/event-stream\r\n";
    for (method, target, more, status, code) in [
        ("GET", "a..b", "", 400, "bad_topic"),
        ("GET", "a..b", stream, 400, "bad_topic"),
        ("GET", "kept.a?after=x", "", 400, "bad_position"),
        ("GET", &format!("kept.a?after={epoch}-99"), "", 400, "bad_position"),
        ("GET", &format!("kept.a?after={epoch}-99"), stream, 400, "bad_position"),
        ("GET", "kept.a?after=1-1&wait=61s", "", 400, "bad_request"),
        ("GET", "kept.a?wat=1", "", 400, "bad_request"),
        ("GET", "plain", "", 409, "no_history"),
        ("GET", "plain/latest", "", 404, "no_message"),
        ("GET", "kept.none/latest", "", 404, "no_message"),
        ("GET", "kept.%3E/latest", "", 400, "bad_topic"),
        ("GET", "hidden", "", 403, "not_allowed"),
        ("GET", "hidden", stream, 403, "not_allowed"),
        ("GET", "%3E", stream, 403, "not_allowed"),
        ("GET", "hidden/latest", "", 403, "not_allowed"),
        ("GET", "kept.a", "Origin: https://evil.test\r\n", 403, "not_allowed"),
        ("OPTIONS", "kept.a", "Origin: https://evil.test\r\n", 403, "not_allowed"),
        ("GET", "kept.a", "Accept: text/event-stream\r\nOrigin: https://evil.test\r\n", 403, "not_allowed"),
        ("DELETE", "kept.a", "", 405, "method_not_allowed"),
    ] {
        let response = ask(&mut Raw::connect(server.addr()), method, target, more);
        let text = response.text();
        assert_eq!(response.status, status, "{method} {target}: {text}");
        assert!(text.starts_with(&format!("{{\"code\":\"{code}\",\"message\":\"")), "{method} {target}: {text}");
    }
    drop(press);
    server.finish();
}
