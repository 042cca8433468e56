//! Listing, inspecting, sending to and closing connections.

use std::collections::BTreeSet;

use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

use super::{Admin, good, refused};
use crate::common::{Raw, eventually, polite};

const NOBODY: &str = "/connections/0000000000000fff";

#[test]
fn pages_hold_each_connection_once() {
    let admin = Admin::start(&["--shards=2"]);
    let clients: Vec<_> = (0..25).map(|_| polite(admin.node.addr, "/ws")).collect();
    let all = admin.ids("");
    assert_eq!(all.len(), 25);
    for limit in [1, 7, 24, 25, 26] {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = admin.get(&format!("/connections?limit={limit}{after}"));
            let conns = page["connections"].as_array().expect("a list");
            assert!(!conns.is_empty() && conns.len() <= limit, "limit {limit}: {page}");
            seen.extend(conns.iter().map(|conn| conn["id"].as_str().expect("an id").to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            assert_eq!(Some(next), seen.last().map(String::as_str));
            after = format!("&after={next}");
        }
        assert_eq!(seen, all, "limit {limit}");
    }
    let shards: BTreeSet<_> = admin.get("/connections")["connections"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|conn| conn["shard"].as_u64())
        .collect();
    assert_eq!(shards.len(), 2, "25 connections on one of two shards");
    drop(clients);
}

#[test]
fn filters_choose() {
    let admin = Admin::start(&["--shards=2"]);
    let echoes: Vec<_> = (0..3).map(|_| polite(admin.node.addr, "/ws")).collect();
    let followers: Vec<_> = (0..2).map(|_| admin.follower()).collect();
    let _nameless = polite(admin.node.addr, "/chat");
    let counts = [
        "",
        "?path=/ws",
        "?path=/chat",
        "?topic=chat",
        "?topic=none",
        "?path=/ws&topic=chat",
        "?state=open",
        "?state=closing",
    ];
    let counts = counts.map(|query| admin.ids(query).len());
    assert_eq!(counts, [6, 3, 1, 2, 0, 0, 6, 0]);
    assert_eq!(admin.ids("?topic=chat&limit=1").len(), 1);
    let message = refused(&admin.request("GET", "/connections?path=/nothing", "", ""), 400, "unknown_path");
    assert!(message.contains("/ws, /chat"), "{message}");
    refused(&admin.request("GET", "/connections?after=7", "", ""), 400, "invalid_id");
    for query in ["limit=0", "limit=1001", "limit=-1", "state=gone", "paths=/ws"] {
        refused(&admin.request("GET", &format!("/connections?{query}"), "", ""), 400, "bad_request");
    }
    drop((echoes, followers));
}

#[test]
fn streams_are_told_from_websockets_and_cannot_be_sent_to() {
    let admin = Admin::start(&[]);
    let follower = admin.follower();
    let mut stream = Raw::connect(admin.node.addr);
    stream.write(b"GET /topics/chat HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    stream.until("event: subscribed").expect("it begins");
    let (streams, sockets) = (admin.ids("?transport=events"), admin.ids("?transport=websocket&topic=chat"));
    assert_eq!((streams.len(), sockets.len(), admin.ids("").len()), (1, 1, 2));
    assert_ne!(streams, sockets);
    let message = refused(&admin.request("GET", "/connections?transport=polling", "", ""), 400, "bad_request");
    assert!(message.contains("events"), "{message}");
    let target = format!("/connections/{}", streams[0]);
    refused(&admin.post(&target, "text/plain", "to you"), 409, "not_a_websocket");
    good(&admin.post(&format!("/connections/{}", sockets[0]), "text/plain", "to you"));
    good(&admin.request("DELETE", &target, "", ""));
    refused(&admin.post(&target, "text/plain", "to you"), 404, "no_such_connection");
    drop(follower);
}

#[test]
fn a_connection_is_inspected() {
    let admin = Admin::start(&[]);
    let follower = admin.follower();
    let id = admin.ids("").remove(0);
    let detail = admin.get(&format!("/connections/{id}"));
    let addr = follower.get_ref().local_addr().expect("it is connected").to_string();
    for (field, expected) in [
        ("id", id.into()),
        ("shard", 0.into()),
        ("remote_addr", addr.into()),
        ("path", "/topics/*".into()),
        ("state", "open".into()),
        ("queued_bytes", 0.into()),
        ("subscription_count", 1.into()),
        ("topics", serde_json::json!(["chat"])),
        ("protocol", serde_json::Value::Null),
        ("held", false.into()),
        ("dropped", 0.into()),
    ] {
        assert_eq!(detail[field], expected, "{field}: {detail}");
    }
    assert!(detail["silent_ms"].as_u64().is_some_and(|silence| silence < 60_000), "{detail}");
    refused(&admin.request("GET", NOBODY, "", ""), 404, "no_such_connection");
    refused(&admin.request("GET", "/connections/7ff0000000000000", "", ""), 404, "no_such_connection");
    refused(&admin.request("GET", "/connections/x", "", ""), 400, "invalid_id");
}

#[test]
fn one_connection_is_sent_to() {
    let admin = Admin::start(&["--shards=2"]);
    let mut client = polite(admin.node.addr, "/ws");
    let mut other = polite(admin.node.addr, "/ws");
    let addr = client.get_ref().local_addr().expect("it is connected").to_string();
    let page = admin.get("/connections");
    let conn = page["connections"].as_array().expect("a list").iter().find(|conn| conn["remote_addr"] == addr.as_str());
    let target = format!("/connections/{}", conn.expect("it is listed")["id"].as_str().expect("an id"));
    assert_eq!(good(&admin.post(&target, "text/plain", "to you"))["status"], "queued");
    assert_eq!(good(&admin.post(&target, "application/octet-stream", [1, 2]))["status"], "queued");
    assert_eq!(client.read().expect("it comes"), Message::text("to you"));
    assert_eq!(client.read().expect("it comes"), Message::binary(vec![1, 2]));
    other.send(Message::text("mine")).expect("it reads");
    assert_eq!(other.read().expect("it answers"), Message::text("mine"), "the other one heard nothing else");
    refused(&admin.post(&target, "image/png", "x"), 415, "unsupported_content_type");
    refused(&admin.post(&target, "text/plain", [0xff]), 400, "bad_request");
    refused(&admin.post(NOBODY, "text/plain", "x"), 404, "no_such_connection");
    refused(&admin.post("/connections/x", "text/plain", "x"), 400, "invalid_id");
}

#[test]
fn a_full_send_queue_is_told() {
    let admin = Admin::start(&["--overflow=drop-newest"]);
    let _stalled = polite(admin.node.addr, "/ws");
    let target = format!("/connections/{}", admin.ids("")[0]);
    let large = vec![0; 900_000];
    // The socket's buffers take the first ones.
    eventually("the queue is full", || {
        let response = admin.post(&target, "application/octet-stream", &large);
        if response.status == 200 {
            return false;
        }
        refused(&response, 409, "dropped");
        true
    });
    let detail = admin.get(&target);
    assert_eq!(detail["held"], true, "{detail}");
    assert!(detail["queued_bytes"].as_u64().is_some_and(|bytes| bytes > 100_000), "{detail}");
}

#[test]
fn one_connection_is_closed_with_a_code() {
    let admin = Admin::start(&[]);
    let mut client = polite(admin.node.addr, "/ws");
    let target = format!("/connections/{}", admin.ids("")[0]);
    for code in ["999", "1005", "1006", "1015", "2000", "5000"] {
        let response = admin.request("DELETE", &format!("{target}?code={code}"), "", "");
        refused(&response, 400, "invalid_close_code");
    }
    for query in ["code=x", "code=70000", "why=x", "reason=%ff", "reason=a%C3"] {
        let message = refused(&admin.request("DELETE", &format!("{target}?{query}"), "", ""), 400, "bad_request");
        assert!(message.contains("query") && !message.contains("deserialize"), "{message}");
    }
    let long = format!("{target}?reason={}", "x".repeat(124));
    refused(&admin.request("DELETE", &long, "", ""), 400, "reason_too_long");
    let answer = good(&admin.request("DELETE", &format!("{target}?code=4001&reason=go%20away"), "", ""));
    assert_eq!((&answer["code"], &answer["reason"]), (&4001.into(), &"go away".into()));
    let Message::Close(Some(close)) = client.read().expect("a close frame") else { panic!("no close frame") };
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::from(4001), "go away"));
    refused(&admin.request("DELETE", &target, "", ""), 404, "no_such_connection");
    drop(client);
    eventually("it is gone", || admin.ids("").is_empty());
    let mut client = polite(admin.node.addr, "/ws");
    good(&admin.request("DELETE", &format!("/connections/{}", admin.ids("")[0]), "", ""));
    let Message::Close(Some(close)) = client.read().expect("a close frame") else { panic!("no close frame") };
    assert_eq!(close.code, CloseCode::Normal);
}
