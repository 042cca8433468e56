//! The node's chat and echo, as its pages use them.

use serde_json::Value;
use tungstenite::Message;

use crate::common::{Node, PATIENCE, Polite, Raw, Shared, polite};

fn say(client: &mut Polite, json: &str) {
    client.send(Message::text(json)).expect("the node reads");
}

fn hear(client: &mut Polite) -> Value {
    let message = client.read().expect("the node answers");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

/// Type and one field of what is heard next.
fn heard(client: &mut Polite, field: &str) -> (String, String) {
    let said = hear(client);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (text(&said["type"]), text(&said[field]))
}

fn pair(kind: &str, value: &str) -> (String, String) {
    (kind.to_owned(), value.to_owned())
}

#[test]
fn joining_saying_and_leaving() {
    let _machine = Shared::wait();
    // On two shards, so that most of what is heard crosses from one to the other in some run.
    let mut node = Node::start(&["serve", "--shards=2"]);
    let mut ann = polite(node.addr, "/chat");
    say(&mut ann, r#"{"type":"join","name":"  Ann "}"#);
    let welcome = hear(&mut ann);
    assert_eq!((&welcome["type"], &welcome["online"]), (&"welcome".into(), &1.into()), "{welcome}");
    assert_eq!(welcome["id"].as_str().map(str::len), Some(16), "{welcome}");
    assert_eq!(heard(&mut ann, "name"), pair("joined", "Ann"));

    let mut bob = polite(node.addr, "/chat");
    say(&mut bob, r#"{"type":"join","name":"Bob"}"#);
    assert_eq!(heard(&mut bob, "online"), pair("welcome", "2"));
    assert_eq!(heard(&mut bob, "name"), pair("joined", "Bob"));
    assert_eq!(heard(&mut ann, "name"), pair("joined", "Bob"));

    say(&mut bob, r#"{"type":"say","text":" grüße \"all\" "}"#);
    for client in [&mut ann, &mut bob] {
        let said = hear(client);
        assert_eq!((&said["type"], &said["name"]), (&"said".into(), &"Bob".into()), "{said}");
        assert_eq!(said["text"], "grüße \"all\"");
        assert!(said["at"].as_u64().is_some_and(|at| at > 1_600_000_000_000), "milliseconds: {said}");
    }
    bob.close(None).expect("an open connection");
    while bob.read().is_ok() {}
    let left = hear(&mut ann);
    assert_eq!((&left["type"], &left["name"], &left["online"]), (&"left".into(), &"Bob".into(), &1.into()), "{left}");

    // Who vanishes leaves too.
    let mut cid = polite(node.addr, "/chat");
    say(&mut cid, r#"{"type":"join","name":"Cid"}"#);
    assert_eq!(heard(&mut ann, "name"), pair("joined", "Cid"));
    drop(cid);
    assert_eq!(heard(&mut ann, "name"), pair("left", "Cid"));
    drop(ann);
    node.signal("TERM");
    assert!(node.wait(PATIENCE).success());
}

#[test]
fn what_is_not_understood_gets_an_error_and_nothing_more() {
    let _machine = Shared::wait();
    let node = Node::start(&[]);
    let mut client = polite(node.addr, "/chat");
    let long_name = format!(r#"{{"type":"join","name":"{}"}}"#, "x".repeat(33));
    for (said, word) in [
        ("", "not understood"),
        ("hello", "not understood"),
        ("{", "not understood"),
        ("[]", "not understood"),
        (r#"{"type":"dance"}"#, "not understood"),
        (r#"{"type":"join"}"#, "not understood"),
        (r#"{"type":"join","name":7}"#, "not understood"),
        (r#"{"type":"say","text":"too soon"}"#, "join first"),
        (r#"{"type":"join","name":"   "}"#, "1 to 32"),
        (&long_name, "1 to 32"),
    ] {
        say(&mut client, said);
        let (kind, message) = heard(&mut client, "message");
        assert!(kind == "error" && message.contains(word), "{said}: {kind} {message}");
    }
    client.send(Message::binary(vec![0xff, 0])).unwrap();
    assert_eq!(heard(&mut client, "type"), pair("error", "error"));
    say(&mut client, r#"{"type":"join","name":"Zoë"}"#);
    assert_eq!(heard(&mut client, "online"), pair("welcome", "1"));
    assert_eq!(heard(&mut client, "name"), pair("joined", "Zoë"));
    for (said, word) in
        [(r#"{"type":"join","name":"Zoë"}"#, "joined already"), (r#"{"type":"say","text":"  "}"#, "something")]
    {
        say(&mut client, said);
        let (kind, message) = heard(&mut client, "message");
        assert!(kind == "error" && message.contains(word), "{said}: {kind} {message}");
    }
    say(&mut client, &format!(r#"{{"type":"say","text":"{}"}}"#, "ä".repeat(600)));
    assert_eq!(hear(&mut client)["text"].as_str().map(|text| text.chars().count()), Some(500));
}

/// A topic name that is too long for the node's limits: nobody can join, and nobody can leave either.
#[test]
fn a_join_that_fails_is_no_member() {
    let _machine = Shared::wait();
    let node = Node::start(&["serve", "--topic-name-bytes-max=1"]);
    for _ in 0..2 {
        let mut client = polite(node.addr, "/chat");
        say(&mut client, r#"{"type":"join","name":"Eve"}"#);
        assert_eq!(heard(&mut client, "type"), pair("error", "error"));
        client.close(None).unwrap();
        while client.read().is_ok() {}
    }
    let mut echo = polite(node.addr, "/ws");
    say(&mut echo, "alive");
    assert_eq!(echo.read().unwrap().to_text().unwrap(), "alive");
}

#[test]
fn the_nodes_pages_and_echo_are_there() {
    let _machine = Shared::wait();
    let node = Node::start(&["serve"]);
    let mut client = Raw::connect(node.addr);
    for path in [
        "/",
        "/demo/echo",
        "/demo/chat",
        "/demo/ticker",
        "/assets/site.css",
        "/assets/chat.js",
        "/ringwire.js",
        "/ringwire.d.ts",
        "/favicon.svg",
    ] {
        client.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let page = client.response();
        assert!(page.status == 200 && page.body.len() > 100, "{path}: {}", page.head);
    }
    let mut echo = polite(node.addr, "/ws");
    echo.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(echo.read().unwrap(), Message::binary(vec![1, 2, 3]));
}

#[test]
fn broadcast_reaches_the_path_and_no_other() {
    let _machine = Shared::wait();
    let node = Node::start(&["broadcast", "--shards=2"]);
    let mut room: Vec<_> = (0..10).map(|_| Raw::open_at(node.addr, "/room.1")).collect();
    // Wildcards and names that are none elsewhere are paths like any other here.
    let elsewhere = ["/elsewhere", "/room.*", "/room..1", "/room.1.", "/room%2E1"];
    let mut elsewhere = elsewhere.map(|path| Raw::open_at(node.addr, path));
    room[3].send_text("to all here");
    for client in &mut room {
        assert_eq!(client.text(), "to all here");
    }
    for (index, client) in elsewhere.iter_mut().enumerate() {
        client.send_text(&format!("alone {index}"));
        assert_eq!(client.text(), format!("alone {index}"));
    }
}
