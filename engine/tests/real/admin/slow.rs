//! Requests that are slow, too large, or many.

use std::time::{Duration, Instant};

use super::{Admin, refused};
use crate::common::Raw;

const HEAD: &str = "POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n";

#[test]
fn a_slow_post_is_cut_with_408() {
    let admin = Admin::start(&["--handshake-timeout=400ms"]);
    let begin = Instant::now();
    let mut slow_body = Raw::connect(admin.addr);
    slow_body.write(format!("{HEAD}Content-Length: 9\r\n\r\nhalf").as_bytes());
    let mut slow_head = Raw::connect(admin.addr);
    slow_head.write(HEAD.as_bytes());
    let mut silent = Raw::connect(admin.addr);
    for mut slow in [slow_body, slow_head] {
        let message = refused(&slow.response(), 408, "slow_request");
        assert!(message.contains("handshake_timeout"), "{message}");
    }
    assert!(begin.elapsed() >= Duration::from_millis(390));
    silent.expect_end();
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(admin.get("/healthz")["status"], "ok");
}

#[test]
fn an_oversized_body_is_refused_before_and_while_it_comes() {
    let admin = Admin::start(&["--message-bytes-max=64KiB"]);
    let large = vec![b'x'; 200_000];
    for target in ["/topics/a", "/connections/0000000000000fff"] {
        let message = refused(&admin.post(target, "text/plain", &large), 413, "too_large");
        assert!(message.contains("64KiB"), "{message}");
    }
    let message = refused(&admin.post("/topics", "application/json", vec![b' '; (16 << 20) + 1]), 413, "too_large");
    assert!(message.contains("16MiB"), "{message}");
    let mut chunked = Raw::connect(admin.addr);
    chunked.write(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").as_bytes());
    for _ in 0..20 {
        chunked.write(format!("2000\r\n{}\r\n", "x".repeat(0x2000)).as_bytes());
    }
    refused(&chunked.response(), 413, "too_large");
    let fits = vec![b'x'; 65_536];
    assert_eq!(admin.post("/topics/a", "text/plain", &fits).status, 200);
}

#[test]
fn an_oversized_head_is_refused() {
    let admin = Admin::start(&[]);
    let response = admin.request("GET", "/healthz", &format!("X: {}\r\n", "x".repeat(200_000)), "");
    assert_eq!(response.status, 431);
}

#[test]
fn idle_connections_shut_nobody_out_for_long() {
    let admin = Admin::start(&["--handshake-timeout=500ms"]);
    let idle: Vec<_> = (0..100).map(|_| Raw::connect(admin.addr)).collect();
    assert_eq!(admin.get("/healthz")["status"], "ok", "those before it were cut");
    drop(idle);
}
