//! One topic on a WebSocket of its own, at the node's `/topics/NAME`.

use ringwire::proto::Opcode;
use serde_json::Value;

use crate::common::raw::{frame, upgrade_head};
use crate::common::{Node, Raw, Shared};
use crate::v1::RULES;

/// Publishes over `ringwire.v1` and returns the position.
fn publish(client: &mut Raw, topic: &str, data: &str) -> String {
    client.send_text(&serde_json::json!({ "op": "publish", "id": 1, "topic": topic, "data": data }).to_string());
    let answer: Value = serde_json::from_str(&client.text()).expect("JSON");
    answer["position"].as_str().expect("a position").to_owned()
}

fn publisher(node: &Node) -> Raw {
    Raw::open_with(node.addr, "/connect", "Sec-WebSocket-Protocol: ringwire.v1\r\n")
}

#[test]
fn payloads_come_and_go_as_they_are() {
    let _machine = Shared::wait();
    for shards in ["--shards=1", "--shards=2"] {
        let node = Node::configured(RULES, &[shards]);
        // A name that has to be encoded, and a pattern that takes it in.
        let path = "/topics/gr%C3%BC%C3%9Fe%2fan.%22alle%22.x";
        let mut clients: Vec<_> = (0..4).map(|_| Raw::open_at(node.addr, path)).collect();
        let mut all = Raw::open_at(node.addr, "/topics/*.*.%3E");
        for (opcode, payload) in [(Opcode::Text, "é\n".as_bytes()), (Opcode::Binary, &[0, 255]), (Opcode::Text, b"")] {
            clients[0].write(&frame(opcode, true, payload));
            for client in clients.iter_mut().chain([&mut all]) {
                let heard = client.frame();
                assert_eq!((heard.opcode, &heard.payload[..]), (opcode.bits(), payload));
            }
        }
    }
}

#[test]
fn positions_resume_and_gaps_close() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let mut publisher = publisher(&node);
    let positions: Vec<_> = (0..12).map(|number| publish(&mut publisher, "kept.a", &number.to_string())).collect();
    let after = |position: &str| format!("/topics/kept.a?after={position}");
    for _ in 0..4 {
        let mut client = Raw::open_at(node.addr, &after(&positions[8]));
        (9..12).for_each(|number| assert_eq!(client.text(), number.to_string()));
        let mut all = Raw::open_at(node.addr, "/topics/kept.a?since=0");
        (2..12).for_each(|number| assert_eq!(all.text(), number.to_string()));
        let mut pattern = Raw::open_at(node.addr, &format!("/topics/kept.*?after=kept.a:{}", positions[10]));
        assert_eq!(pattern.text(), "11");
        for gone in [after(&positions[0]), after("1-1"), "/topics/plain?after=1-1".to_owned()] {
            let end = Raw::open_at(node.addr, &gone).frame();
            assert_eq!(end.close().0, Some(4410), "{gone}");
            assert!(end.close().1.starts_with("too_old: "), "{gone}");
        }
        let (epoch, _) = positions[0].split_once('-').expect("a position");
        let end = Raw::open_at(node.addr, &after(&format!("{epoch}-99"))).frame();
        assert_eq!(end.close().0, Some(1008));
        assert!(end.close().1.starts_with("bad_position: "), "{end:?}");
    }
    let mut live = Raw::open_at(node.addr, &after(&positions[11]));
    live.send_text("live");
    assert_eq!(live.text(), "live");
}

#[test]
fn handshakes_that_ask_for_nonsense_are_refused() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &[]);
    for (path, status, code) in [
        ("/topics/", 400, "bad_topic"),
        ("/topics/a..b", 400, "bad_topic"),
        ("/topics/a/b", 400, "bad_topic"),
        ("/topics/a/latest", 400, "bad_topic"),
        ("/topics/%FF", 400, "bad_topic"),
        ("/topics/a.%3E.b", 400, "bad_topic"),
        ("/topics/a?after=1", 400, "bad_position"),
        ("/topics/a.*?after=1-1", 400, "bad_position"),
        ("/topics/a?after=1-1&after=1-2", 400, "bad_request"),
        ("/topics/a?since=x", 400, "bad_request"),
        ("/topics/a?wait=1s", 400, "bad_request"),
        ("/topics", 404, "not_found"),
    ] {
        let mut raw = Raw::connect(node.addr);
        raw.write(upgrade_head(path, "").as_bytes());
        let response = raw.response();
        assert_eq!(response.status, status, "{path}");
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        assert_eq!(body["code"].as_str().unwrap_or_default(), code, "{path}");
    }
}

#[test]
fn what_is_not_allowed_closes_and_says_why() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let end = |path: &str, sent: Option<&str>| {
        let mut client = Raw::open_at(node.addr, path);
        sent.into_iter().for_each(|text| client.send_text(text));
        let frame = client.frame();
        let (code, reason) = frame.close();
        (code.expect("a code"), reason.to_owned())
    };
    for (path, sent, expected) in [
        (
            "/topics/closed.out",
            None,
            (1008, "not_allowed: the rules of this server let no client subscribe to closed.out"),
        ),
        ("/topics/closed.*", None, (1008, "not_allowed: the rules of this server let no client subscribe to closed.*")),
        (
            "/topics/closed.in",
            Some("x"),
            (1008, "not_allowed: the rules of this server let no client publish to closed.in"),
        ),
        ("/topics/only.binary", Some("x"), (1008, "wrong_message_type: only.binary takes binary messages only")),
        ("/topics/kept.*", Some("x"), (1003, "kept.* is a pattern: publish to one topic")),
    ] {
        assert_eq!(end(path, sent), (expected.0, expected.1.to_owned()), "{path}");
    }
}

#[test]
fn pages_of_other_origins_need_to_be_listed() {
    let _machine = Shared::wait();
    let ask = |node: &Node, origin: &str, upgrade: bool| {
        let mut raw = Raw::connect(node.addr);
        let origin = format!("Origin: {}\r\n", origin.replace("SELF", &node.addr.to_string()));
        if upgrade {
            let protocol = "Sec-WebSocket-Protocol: ringwire.v1\r\n";
            raw.write(
                upgrade_head("/connect", &format!("{origin}{protocol}"))
                    .replace("Host: x", &format!("Host: {}", node.addr))
                    .as_bytes(),
            );
        } else {
            raw.write(
                format!("GET /topics/a HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n{origin}\r\n", node.addr)
                    .as_bytes(),
            );
        }
        let head = raw.until("\r\n\r\n").expect("an answer");
        head.split(' ').nth(1).expect("a status").to_owned()
    };
    let (own, listed) = (Node::start(&[]), Node::start(&["--origins=https://*.a.test,null"]));
    for (origin, own_status, listed_status) in [
        ("http://SELF", "ok", "403"),
        ("https://page.a.test", "403", "ok"),
        ("https://a.test", "403", "403"),
        ("null", "403", "ok"),
        ("http://127.0.0.1:1", "403", "403"),
    ] {
        for (upgrade, ok) in [(true, "101"), (false, "200")] {
            let expected = [own_status, listed_status].map(|status| if status == "ok" { ok } else { status });
            let statuses = [&own, &listed].map(|node| ask(node, origin, upgrade));
            assert_eq!(statuses, expected, "{origin}, upgrade: {upgrade}");
        }
    }
}

#[test]
fn a_rule_for_origins_that_is_none_is_refused_before_the_start() {
    for arguments in [&["serve"][..], &["serve", "--print-config"], &["check"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ringwire"));
        let wrong = command.args(arguments).arg("--origins=a.test/path").output().expect("it starts");
        let said = String::from_utf8_lossy(&wrong.stderr);
        assert_eq!(wrong.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("'a.test/path' is no rule for origins"), "{arguments:?}: {said}");
        assert!(wrong.stdout.is_empty(), "{arguments:?} goes no further");
    }
}
