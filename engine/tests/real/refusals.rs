//! Whatever the data port refuses where it serves topics is JSON with a code, whole, and readable by the pages that may use it.

use std::io::Write;
use std::time::Duration;

use ringwire::Config;

use crate::common::raw::{Response, upgrade_head};
use crate::common::{Raw, config};
use crate::sse;

/// An allowed page's.
const ORIGIN: &str = "Origin: https://page.test\r\n";

/// What is sent, the status, and the code.
fn refused() -> Vec<(&'static str, String, u16, &'static str)> {
    let request = |line: &str, more: &str| format!("{line} HTTP/1.1\r\nHost: x\r\n{ORIGIN}{more}\r\n");
    vec![
        ("a post", request("POST /topics/a", "Content-Length: 5\r\n") + "hello", 405, "method_not_allowed"),
        ("a post without an end", request("POST /topics/a", "Content-Length: 99999999\r\n"), 405, "method_not_allowed"),
        (
            "a chunked put",
            request("PUT /topics/a", "Transfer-Encoding: chunked\r\n") + "5\r\nhe",
            405,
            "method_not_allowed",
        ),
        (
            "a post that asks first",
            request("POST /topics/a", "Content-Length: 9\r\nExpect: 100-continue\r\n"),
            405,
            "method_not_allowed",
        ),
        ("a delete", request("DELETE /topics/a", ""), 405, "method_not_allowed"),
        ("a get with a body", request("GET /topics/a", "Content-Length: 5\r\n") + "hello", 413, "bad_request"),
        ("no escape", request("GET /topics/%zz", ""), 400, "bad_request"),
        ("a raw pattern", request("GET /topics/a.>", ""), 400, "bad_request"),
        ("a bad name", request("GET /topics/a..b", ""), 400, "bad_topic"),
        ("no Host", format!("GET /topics/a HTTP/1.1\r\n{ORIGIN}\r\n"), 400, "bad_request"),
        ("a long head", request("GET /topics/a", &format!("X-Long: {}\r\n", "x".repeat(5000))), 431, "bad_request"),
        ("another version", request("GET /topics/a", "").replace("/1.1", "/1.2"), 505, "bad_request"),
        ("a bad header", request("GET /topics/a", "a b: c\r\n"), 400, "bad_request"),
        ("no such path", request("GET /nothing", ""), 404, "not_found"),
        ("no WebSocket there", upgrade_head("/nothing", ORIGIN), 404, "not_found"),
        ("version 8", upgrade_head("/publish", ORIGIN).replace("Version: 13", "Version: 8"), 426, "bad_request"),
    ]
}

#[track_caller]
fn check(name: &str, response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{name}: {} {}", response.head, response.text());
    assert_eq!(response.header("Content-Type"), Some("application/json"), "{name}: {}", response.head);
    let body: serde_json::Value = serde_json::from_slice(&response.body).expect(name);
    assert_eq!(body["code"], code, "{name}: {body}");
    assert!(body["message"].as_str().is_some_and(|message| message.len() > 10), "{name}: {body}");
    assert_eq!(response.header("Allow"), (status == 405).then_some("GET, HEAD, OPTIONS"), "{name}");
    assert!(response.header("Connection").is_some_and(|value| value.ends_with("close")), "{name}: {}", response.head);
}

#[test]
fn each_is_json_that_an_allowed_page_may_read() {
    let server = sse::node(Config { head_bytes_max: 4096, ..config(1) });
    for (name, sent, status, code) in refused() {
        let mut client = Raw::connect(server.addr());
        client.write(sent.as_bytes());
        // The rest of a body, which is thrown away: left unread it would become a reset that eats the answer.
        for _ in 0..50 {
            let _ = client.stream.write_all(&[b'y'; 4000]);
        }
        let response = client.response();
        check(name, &response, status, code);
        assert_eq!(
            response.header("Access-Control-Allow-Origin"),
            Some("https://page.test"),
            "{name}: {}",
            response.head
        );
        assert_eq!(response.header("Vary"), Some("Origin"), "{name}");
        client.expect_end();
    }
    server.finish();
}

#[test]
fn other_pages_may_not_read_it_and_a_head_has_no_body() {
    let server = sse::node(config(1));
    for origin in ["https://other.test", "null", "https://page.test\r\nOrigin: https://page.test"] {
        let mut client = Raw::connect(server.addr());
        client.write(
            format!("POST /topics/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nOrigin: {origin}\r\n\r\nx").as_bytes(),
        );
        let response = client.response();
        assert_eq!(response.header("Access-Control-Allow-Origin"), None, "{origin}: {}", response.head);
        client.expect_end();
    }
    let mut client = Raw::connect(server.addr());
    client.write(b"HEAD /topics/%zz HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = client.until("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 400 ") && head.contains("application/json"), "{head}");
    client.expect_end();
    drop(client);
    server.finish();
}

#[test]
fn a_slow_head_is_told_so_in_json() {
    let server = sse::node(Config { handshake_timeout: Duration::from_millis(100), ..config(1) });
    let mut client = Raw::connect(server.addr());
    client.write(format!("GET /topics/a HTTP/1.1\r\nHost: x\r\n{ORIGIN}X-Mo").as_bytes());
    let response = client.response();
    check("a slow head", &response, 408, "slow_request");
    assert_eq!(response.header("Access-Control-Allow-Origin"), Some("https://page.test"), "{}", response.head);
    client.expect_end();
    drop(client);
    server.finish();
}
