//! Who gets in: tokens, foreign pages, foreign hosts; and what a start refuses.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Instant;

use super::{Admin, good, refused};
use crate::common::Shared;

const TOKEN: &str = "0123456789abcdef-the-token";

/// A file that is gone when dropped.
struct TokenFile(PathBuf);

impl TokenFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringwire-{name}-{}", std::process::id()));
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }

    fn option(&self) -> String {
        format!("--admin-token-file={}", self.0.display())
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_token_opens_everything_and_nothing_opens_without() {
    let file = TokenFile::new("token", &format!("{TOKEN}\n"));
    let admin = Admin::start(&[&file.option()]);
    for target in ["/healthz", "/readyz", "/metrics", "/topics", "/connections", "/nothing"] {
        for (headers, code) in [
            ("", "no_token"),
            ("Authorization: Bearer 0123456789abcdef-the-tokem\r\n", "wrong_token"),
            ("Authorization: Basic 0123456789abcdef-the-token\r\n", "wrong_token"),
        ] {
            let response = admin.request("GET", target, headers, "");
            refused(&response, 401, code);
            assert_eq!(response.header("WWW-Authenticate"), Some("Bearer realm=\"ringwire\""));
        }
    }
    let with_token = format!("Authorization: Bearer {TOKEN}\r\nOrigin: https://console.test\r\n");
    good(&admin.request("GET", "/healthz", &with_token, ""));
    let headers = format!("{with_token}Content-Type: text/plain\r\n");
    good(&admin.request("POST", "/topics/a", &headers, "x"));
}

#[test]
fn the_console_loads_without_the_token_and_tells_nothing() {
    let file = TokenFile::new("console", &format!("{TOKEN}\n"));
    let admin = Admin::start(&[&file.option()]);
    for (target, content_type) in [
        ("/console", "text/html; charset=utf-8"),
        ("/assets/console.js", "text/javascript; charset=utf-8"),
        ("/assets/site.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
    ] {
        let response = admin.request("GET", target, "", "");
        assert_eq!((response.status, response.header("Content-Type")), (200, Some(content_type)), "{target}");
        let policy = response.header("Content-Security-Policy").unwrap_or_default();
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.ends_with("; frame-ancestors 'none'"),
            "{target}: {policy}"
        );
        assert!(response.body.len() > 100 && !response.text().contains(TOKEN), "{target}");
    }
    let response = admin.request("GET", "/", "", "");
    assert_eq!((response.status, response.header("Location")), (307, Some("/console")));
    refused(&admin.post("/console", "text/plain", "x"), 405, "method_not_allowed");
    refused(&admin.request("GET", "/assets/nothing.js", "", ""), 401, "no_token");
}

#[test]
fn without_a_token_the_console_is_for_loopback() {
    let admin = Admin::start(&[]);
    assert_eq!(admin.request("GET", "/console", "Sec-Fetch-Site: none\r\n", "").status, 200);
    refused(&admin.request("GET", "/assets/console.js", "Sec-Fetch-Site: cross-site\r\n", ""), 403, "foreign_origin");
    let mut raw = crate::common::Raw::connect(admin.addr);
    raw.write(b"GET /console HTTP/1.1\r\nHost: rebound.test:9002\r\n\r\n");
    refused(&raw.response(), 403, "foreign_host");
}

#[test]
fn without_a_token_pages_of_browsers_stay_outside() {
    let admin = Admin::start(&[]);
    let own = format!("Origin: http://{}\r\nContent-Type: text/plain\r\n", admin.addr);
    good(&admin.request("POST", "/topics/a", &own, "x"));
    for foreign in ["https://evil.test", "null", "http://127.0.0.1:1"] {
        let headers = format!("Origin: {foreign}\r\nContent-Type: text/plain\r\n");
        refused(&admin.request("POST", "/topics/a", &headers, "x"), 403, "foreign_origin");
    }
    refused(&admin.request("GET", "/metrics", "Sec-Fetch-Site: cross-site\r\n", ""), 403, "foreign_origin");
    let mut raw = crate::common::Raw::connect(admin.addr);
    raw.write(b"GET /metrics HTTP/1.1\r\nHost: rebound.test:9002\r\n\r\n");
    let message = refused(&raw.response(), 403, "foreign_host");
    assert!(message.contains("rebound.test"), "{message}");
}

/// Runs a node that must not start.
fn start(arguments: &[&str]) -> (Output, String) {
    let _machine = Shared::wait();
    let fixed = ["serve", "--listen=127.0.0.1:0", "--shards=1", "--pin=none"];
    let output = Command::new(env!("CARGO_BIN_EXE_ringwire")).args(fixed).args(arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[test]
fn an_interface_for_all_does_not_start_without_a_token() {
    let (output, said) = start(&["--admin-listen=0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("needs a token") && said.contains("--admin-token-file=FILE"), "{said}");
}

#[test]
fn a_token_file_that_is_none_is_named() {
    let short = TokenFile::new("short", "short\n");
    let (output, said) = start(&["--admin-listen=127.0.0.1:0", &short.option()]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is no admin token") && said.contains("openssl rand"), "{said}");
    assert!(!said.contains("`short`"), "the token is not told: {said}");
    let (_, said) = start(&["--admin-listen=127.0.0.1:0", "--admin-token-file=/nonexistent/token"]);
    assert!(said.contains("cannot read the admin token from /nonexistent/token"), "{said}");
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("it is bound");
    let begin = Instant::now();
    let (output, said) = start(&[&format!("--admin-listen={addr}")]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {addr} for the admin interface")), "{said}");
    assert!(said.contains("--admin-listen=none"), "{said}");
    assert!(begin.elapsed().as_secs() >= 4, "one that just ends may have it: it is waited for");
}
