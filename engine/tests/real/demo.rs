//! The demos' topics: who may do what there, the chat's history, the ticker, and a node without demos.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};
use tungstenite::Message;

use crate::common::{Node, Polite, Raw, Shared, eventually, polite};
use crate::v1::Client;

/// JSON of the admin interface.
#[track_caller]
fn admin(node: &Node, target: &str) -> String {
    let mut raw = Raw::connect(node.admin_addr());
    raw.write(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", node.admin_addr()).as_bytes());
    raw.response().text()
}

/// The positions of the ticker's topics.
fn ticks(node: &Node) -> BTreeMap<String, String> {
    let page: Value = serde_json::from_str(&admin(node, "/topics?limit=1000&after=demo.ticker.")).expect("JSON");
    let topics = page["topics"].as_array().expect("a list").iter();
    let kept = topics.filter_map(|topic| {
        Some((topic["name"].as_str()?.to_owned(), topic["history"]["position"].as_str()?.to_owned()))
    });
    kept.collect()
}

fn offset(message: &Value) -> u64 {
    let (_, offset) = message["position"].as_str().and_then(|text| text.split_once('-')).expect("a position");
    offset.parse().expect("a number")
}

fn member(node: &Node, join: &str) -> Polite {
    let mut client = polite(node.addr, "/chat");
    client.send(Message::text(join)).expect("it reads");
    for expected in ["welcome", "joined"] {
        let heard = client.read().expect("it answers").to_string();
        assert!(heard.contains(expected), "{heard}");
    }
    client
}

#[test]
fn nobody_speaks_in_the_demos_name() {
    let _machine = Shared::wait();
    closed_demos(&Node::start(&["serve", "--shards=2"]));
    // A rule for all topics is not about the demos.
    closed_demos(&Node::configured("[[topics]]\npattern = \">\"\nhistory_count = 100\n", &["--shards=2"]));
}

fn closed_demos(node: &Node) {
    let mut member = member(node, r#"{"type":"join","name":"Ann"}"#);
    let mut client = Client::open(node);
    for topic in ["demo.chat", "demo.chat.presence", "demo.ticker.RING", "demo.flipbook", "demo.flipbook.book"] {
        let answer = client.answer(&json!({ "op": "publish", "id": 1, "topic": topic, "data": "{}" }));
        assert_eq!(answer["code"], "not_allowed", "{topic}: {answer}");
        let mut raw = Raw::open_at(node.addr, &format!("/topics/{topic}"));
        raw.send_text("{}");
        let frame = loop {
            let frame = raw.frame();
            if frame.opcode == ringwire::proto::Opcode::Close as u8 {
                break frame;
            }
        };
        assert_eq!(frame.close().0, Some(1008), "{topic}");
    }
    member.send(Message::text(r#"{"type":"say","text":"only me"}"#)).expect("it reads");
    let heard = member.read().expect("it comes").to_string();
    assert!(heard.contains("only me"), "nothing else came before: {heard}");
}

#[test]
fn a_start_tells_which_rules_of_the_demos_have_no_room() {
    let _machine = Shared::wait();
    let rules: String = (0..999).map(|number| format!("[[topics]]\npattern = \"own.{number}\"\n")).collect();
    let said = Node::configured(&rules, &[]).said();
    let warned = |topics: &str| said.contains(&format!("no rule closes the demos' `{topics}` to publishers"));
    assert_eq!(
        ["demo.chat", "demo.chat.presence", "demo.ticker.*", "demo.flipbook"].map(warned),
        [false, true, true, true],
        "{said}"
    );
    let at = |text| said.find(text).unwrap_or_else(|| panic!("{text} in {said}"));
    assert!(at("sum, at worst") < at("no rule closes"), "warnings come behind the long configuration: {said}");
}

#[test]
fn what_is_said_is_kept_and_read_where_one_was() {
    let _machine = Shared::wait();
    let node = Node::start(&["serve", "--shards=2"]);
    let mut ann = member(&node, r#"{"type":"join","name":"Ann","hear":false}"#);
    let mut said = 0;
    let mut say = |count: u32| {
        for _ in 0..count {
            said += 1;
            ann.send(Message::text(format!(r#"{{"type":"say","text":"line {said}"}}"#))).expect("it reads");
        }
    };
    let hear = |client: &mut Client, numbers: std::ops::RangeInclusive<u32>| {
        let mut last = Value::Null;
        for number in numbers {
            last = client.hear();
            let inner: Value = serde_json::from_str(last["data"].as_str().expect("text")).expect("JSON");
            assert_eq!((&inner["type"], &inner["text"]), (&json!("said"), &json!(format!("line {number}"))), "{last}");
            assert!(inner["id"].is_string() && inner["name"] == "Ann" && inner["at"].is_u64(), "{inner}");
        }
        last["position"].as_str().expect("a position").to_owned()
    };
    let mut reader = Client::open(&node);
    reader.subscribe("demo.chat", &json!({ "since": 0 }));
    say(3);
    let position = hear(&mut reader, 1..=3);
    drop(reader);
    say(4);
    // That the last is there: somebody new has it all.
    let mut late = Client::open(&node);
    late.subscribe("demo.chat", &json!({ "since": 0 }));
    hear(&mut late, 1..=7);
    let mut back = Client::open(&node);
    let answer = back.subscribe("demo.chat", &json!({ "after": position }));
    assert_eq!((&answer["replayed"], &answer["gap"]), (&json!(4), &json!(false)), "{answer}");
    hear(&mut back, 4..=7);
    // Who reads it elsewhere hears of comings and goings alone.
    let _bob = member(&node, r#"{"type":"join","name":"Bob"}"#);
    let heard = ann.read().expect("it comes").to_string();
    assert!(heard.contains("joined") && heard.contains("Bob"), "{heard}");
}

#[test]
fn the_ticker_ticks_for_whoever_listens_and_for_nobody_else() {
    let _machine = Shared::wait();
    let node = Node::start(&["serve", "--shards=2", "--admin-listen=127.0.0.1:0"]);
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(ticks(&node).is_empty(), "nobody listens");
    let mut client = Client::open(&node);
    client.subscribe("demo.ticker.*", &json!({}));
    let mut offsets = BTreeMap::<String, u64>::new();
    while offsets.len() < 16 || offsets.values().any(|offset| *offset < 10) {
        let message = client.hear();
        let quote: Value = serde_json::from_str(message["data"].as_str().expect("text")).expect("JSON");
        assert!(quote["price"].as_f64().is_some_and(|price| price > 0.0), "{quote}");
        let (topic, offset) = (message["topic"].as_str().expect("a topic").to_owned(), offset(&message));
        let before = offsets.insert(topic, offset);
        assert!(before.is_none_or(|before| before + 1 == offset), "a reader that keeps up skips nothing: {message}");
    }
    assert_eq!(offsets.len(), 16);
    drop(client);
    let mut last = ticks(&node);
    eventually("it stops", || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        std::mem::replace(&mut last, ticks(&node)) == last
    });
    assert_eq!(last.len(), 16);
    // Server-Sent Events are listening too.
    let mut stream = Raw::connect(node.addr);
    stream.write(b"GET /topics/demo.ticker.RING HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    assert!(stream.until("\"price\"").is_some());
}

#[test]
fn a_slow_reader_skips_to_the_latest_price() {
    let _machine = Shared::wait();
    let options =
        ["serve", "--admin-listen=127.0.0.1:0", "--tcp-notsent-lowat=4KiB", "--socket-send-buffer-bytes=8KiB"];
    let node = Node::start(&[&options[..], &["--socket-recv-buffer-bytes=8KiB"]].concat());
    let mut slow = Client::open(&node);
    slow.subscribe("demo.ticker.*", &json!({}));
    let newest = || {
        let positions = ticks(&node);
        let (_, offset) = positions.get("demo.ticker.WIRE")?.rsplit_once('-')?;
        offset.parse::<u64>().ok()
    };
    let is_behind = || !admin(&node, "/connections?path=/connect").contains("\"queued_bytes\":0");
    eventually("the buffers on the way are full", is_behind);
    let full_at = newest().expect("it ticks");
    eventually("the ticker goes on", || newest() > Some(full_at + 40));
    let wanted = newest().expect("it ticks");
    let (mut heard, mut skipped, mut last) = (0, 0, 0);
    while last < wanted {
        let message = slow.hear();
        if message["topic"] == "demo.ticker.WIRE" {
            assert!(offset(&message) > last, "in order, none twice: {message}");
            skipped += offset(&message) - last - 1;
            last = offset(&message);
            heard += 1;
        }
    }
    assert!(skipped > 10, "{skipped} of {last} were skipped, {heard} heard");
}

#[test]
fn without_demos_there_are_topics_alone() {
    let _machine = Shared::wait();
    let node = Node::start(&["serve", "--demo=false"]);
    for (path, status) in
        [("/", 200), ("/demo/ticker", 404), ("/flipbook", 404), ("/assets/site.css", 404), ("/ringwire.js", 200)]
    {
        let mut client = Raw::connect(node.addr);
        client.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(client.response().status, status, "{path}");
    }
    for path in ["/chat", "/ws", "/flipbook/control"] {
        let mut client = Raw::connect(node.addr);
        client.write(crate::common::raw::upgrade_head(path, "").as_bytes());
        assert_eq!(client.response().status, 404, "{path}");
    }
    let mut client = Client::open(&node);
    let answer = client.answer(&json!({ "op": "publish", "id": 1, "topic": "demo.chat", "data": "x" }));
    assert_eq!(answer, json!({ "event": "ok", "id": 1 }), "a topic like any other");
}

#[test]
fn the_demos_settings_are_printed_for_who_has_them() {
    let print = |command: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ringwire")).args(command).arg("--print-config").output();
        String::from_utf8(output.expect("it runs").stdout).expect("text")
    };
    let serve = print(&["serve"]);
    for line in ["pattern = \"demo.chat\"", "pattern = \"demo.ticker.*\"", "tcp_notsent_lowat = \"64KiB\""] {
        assert!(serve.contains(line), "{line}: {serve}");
    }
    for command in [&["echo"][..], &["broadcast"], &["serve", "--demo=false"]] {
        let printed = print(command);
        assert!(!printed.contains("[[topics]]") && printed.contains("tcp_notsent_lowat = \"off\""), "{printed}");
    }
}
