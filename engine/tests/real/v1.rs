//! `ringwire.v1` at the node's `/connect`: what each request does, what bad ones are answered, and coming back.

mod errors;
mod resume;

use ringwire::proto::Opcode;
use serde_json::{Value, json};

use crate::common::raw::{frame, upgrade_head};
use crate::common::{Node, Raw, Shared};

/// What most of these tests need to know of topics: some are kept.
pub(crate) const RULES: &str = r#"
[[topics]]
pattern = "kept.>"
history_count = 10

[[topics]]
pattern = "closed.out"
subscribe = "nobody"

[[topics]]
pattern = "closed.in"
publish = "nobody"

[[topics]]
pattern = "only.text"
messages = "text"

[[topics]]
pattern = "only.binary"
messages = "binary"
"#;

/// A client of `ringwire.v1`.
pub(crate) struct Client(pub(crate) Raw);

impl Client {
    #[track_caller]
    pub(crate) fn open(node: &Node) -> Self {
        Self(Raw::open_with(node.addr, "/connect", "Sec-WebSocket-Protocol: other, ringwire.v1\r\n"))
    }

    pub(crate) fn ask(&mut self, request: &Value) {
        self.0.send_text(&request.to_string());
    }

    /// The next text message.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Value {
        let text = self.0.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[track_caller]
    pub(crate) fn answer(&mut self, request: &Value) -> Value {
        self.ask(request);
        self.hear()
    }

    /// Sends a binary message.
    fn send_binary(&mut self, head: &str, payload: &[u8]) {
        self.0.write(&frame(Opcode::Binary, true, &[head.as_bytes(), b"\n", payload].concat()));
    }

    /// Subscribes and returns the answer.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, topic: &str, more: &Value) -> Value {
        let mut request = json!({ "op": "subscribe", "id": 1, "topic": topic });
        request.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
        let answer = self.answer(&request);
        assert_eq!((&answer["event"], &answer["id"]), (&json!("ok"), &json!(1)), "{answer}");
        answer
    }

    /// Publishes and returns the position.
    #[track_caller]
    fn publish(&mut self, topic: &str, data: &str) -> String {
        let answer = self.answer(&json!({ "op": "publish", "id": 2, "topic": topic, "data": data }));
        assert_eq!((&answer["event"], &answer["id"]), (&json!("ok"), &json!(2)), "{answer}");
        answer["position"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts that nothing else has come.
    #[track_caller]
    fn expect_nothing_more(&mut self) {
        assert_eq!(self.answer(&json!({ "op": "ping", "id": 99 })), json!({ "event": "pong", "id": 99 }));
    }
}

fn message(topic: &str, position: &str, data: &str) -> Value {
    json!({ "event": "message", "topic": topic, "position": position, "data": data })
}

#[test]
fn the_subprotocol_must_be_offered() {
    let _machine = Shared::wait();
    let node = Node::start(&[]);
    for more in ["", "Sec-WebSocket-Protocol: ringwire.v2, Ringwire.v1\r\n"] {
        let mut raw = Raw::connect(node.addr);
        raw.write(upgrade_head("/connect", more).as_bytes());
        let response = raw.response();
        assert_eq!(response.status, 400);
        assert!(response.text().contains("ringwire.v1"), "{}", response.text());
    }
    let mut raw = Raw::connect(node.addr);
    raw.write(upgrade_head("/connect", "Sec-WebSocket-Protocol: other, ringwire.v1\r\n").as_bytes());
    assert_eq!(raw.response().header("Sec-WebSocket-Protocol"), Some("ringwire.v1"));
}

#[test]
fn what_is_published_is_heard_as_it_was() {
    let _machine = Shared::wait();
    for shards in ["--shards=1", "--shards=2"] {
        let node = Node::configured(RULES, &[shards]);
        let mut listeners: Vec<_> = (0..6).map(|_| Client::open(&node)).collect();
        for listener in &mut listeners {
            listener.subscribe("kept.a", &json!({}));
            listener.subscribe("plain", &json!({}));
        }
        let mut publisher = Client::open(&node);
        let text = "Grüße,\n\"all\" \u{1} 🌍";
        let first = publisher.publish("kept.a", text);
        publisher.ask(&json!({ "op": "publish", "id": 3, "topic": "kept.a", "data64": "iVBORwo=" }));
        let second = publisher.hear()["position"].as_str().expect("a position").to_owned();
        publisher.send_binary(r#"{"op":"publish","id":4,"topic":"plain"}"#, b"\n\0\xff");
        assert_eq!(publisher.hear(), json!({ "event": "ok", "id": 4 }), "without history there is no position");
        publisher.ask(&json!({ "op": "publish", "topic": "plain", "data": "" }));
        publisher.expect_nothing_more();
        for listener in &mut listeners {
            // Between topics there is no order.
            let mut kept = Vec::new();
            let mut plain = Vec::new();
            for _ in 0..4 {
                let frame = listener.0.frame();
                let is_plain = String::from_utf8_lossy(&frame.payload).contains("\"plain\"");
                if is_plain { &mut plain } else { &mut kept }.push(frame);
            }
            assert_eq!(serde_json::from_slice::<Value>(&kept[0].payload).unwrap(), message("kept.a", &first, text));
            let head = json!({ "event": "message", "topic": "kept.a", "position": second });
            let (found, payload) = split(&kept[1].payload);
            assert_eq!((found, payload), (head, &b"\x89PNG\n"[..]));
            assert_eq!(split(&plain[0].payload), (json!({ "event": "message", "topic": "plain" }), &b"\n\0\xff"[..]));
            let last: Value = serde_json::from_slice(&plain[1].payload).expect("JSON");
            assert_eq!(last, json!({ "event": "message", "topic": "plain", "data": "" }));
        }
    }
}

/// Head and payload of a binary message.
fn split(payload: &[u8]) -> (Value, &[u8]) {
    let end = payload.iter().position(|byte| *byte == b'\n').expect("a line feed");
    (serde_json::from_slice(&payload[..end]).expect("JSON"), &payload[end + 1..])
}

#[test]
fn subscriptions_begin_overlap_and_end() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let mut client = Client::open(&node);
    let answer = client.subscribe("a.b", &json!({}));
    assert!(answer["time"].as_u64().is_some_and(|time| time > 1_600_000_000_000), "{answer}");
    assert_eq!((&answer["replayed"], &answer["gap"], &answer["position"]), (&json!(0), &json!(false), &Value::Null));
    client.subscribe("a.b", &json!({}));
    client.subscribe("a.>", &json!({}));
    let mut publisher = Client::open(&node);
    publisher.publish("a.b", "twice");
    let mut heard = [client.hear(), client.hear()];
    heard.sort_by_key(|event| event["pattern"].is_string());
    let plain = json!({ "event": "message", "topic": "a.b", "data": "twice" });
    let matched = json!({ "event": "message", "pattern": "a.>", "topic": "a.b", "data": "twice" });
    assert_eq!(heard, [plain, matched]);
    client.expect_nothing_more();
    assert_eq!(
        client.answer(&json!({ "op": "unsubscribe", "id": 8, "topic": "a.b" })),
        json!({ "event": "ok", "id": 8 })
    );
    publisher.publish("a.b", "once");
    assert_eq!(client.hear()["data"], "once");
    client.ask(&json!({ "op": "unsubscribe", "topic": "a.>" }));
    client.expect_nothing_more();
    publisher.publish("a.b", "never");
    client.expect_nothing_more();
}

/// Own publications are heard, and every request with an id has its answer, whatever they were pipelined with.
#[test]
fn answers_carry_the_ids_of_requests() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let mut client = Client::open(&node);
    client.subscribe("kept.own", &json!({}));
    const COUNT: usize = 200;
    for id in 0..COUNT {
        client.ask(&json!({ "op": "publish", "id": id, "topic": "kept.own", "data": id.to_string() }));
    }
    let (mut acknowledged, mut heard) = (Vec::new(), Vec::new());
    for _ in 0..2 * COUNT {
        let event = client.hear();
        let position = event["position"].as_str().expect("a position").to_owned();
        match event["data"].as_str() {
            Some(data) => heard.push((data.parse::<u64>().expect("a number"), position)),
            None => acknowledged.push((event["id"].as_u64().expect("an id"), position)),
        }
    }
    assert_eq!(acknowledged, heard, "both are in order, with the same positions");
    assert!(heard.iter().map(|(id, _)| *id).eq(0..COUNT as u64));
}

#[test]
fn a_shutdown_is_told_before_the_close() {
    let _machine = Shared::wait();
    let mut node = Node::configured(RULES, &["--shards=2"]);
    let mut clients = [Client::open(&node), Client::open(&node)];
    clients[0].subscribe("kept.a", &json!({}));
    node.signal("TERM");
    for mut client in clients {
        let told = client.hear();
        assert_eq!((&told["event"], &told["code"]), (&json!("closing"), &json!(1001)), "{told}");
        assert!(told["message"].as_str().is_some_and(|message| message.contains("come back and resume")), "{told}");
        assert_eq!(client.0.frame().close().0, Some(1001));
    }
    assert!(node.wait(std::time::Duration::from_secs(20)).success());
}
