//! Publishing, one by one and in batches, and the list of topics.

use std::path::PathBuf;

use ringwire::Position;
use serde_json::{Value, json};
use tungstenite::Message;

use super::{Admin, good, refused};
use crate::common::{Raw, eventually};

#[test]
fn the_content_type_decides_what_subscribers_get() {
    let admin = Admin::start(&["--shards=2"]);
    let mut followers: Vec<_> = (0..3).map(|_| admin.follower()).collect();
    for (content_type, body, expected) in [
        ("text/plain", &b"hello"[..], Message::text("hello")),
        ("text/html; charset=UTF-8", "ä".as_bytes(), Message::text("ä")),
        ("application/json", b"{\"a\":1}", Message::text("{\"a\":1}")),
        ("application/octet-stream", &[0, 255, 7], Message::binary(vec![0, 255, 7])),
        ("Application/Octet-Stream", b"", Message::binary(vec![])),
    ] {
        let answer = good(&admin.post("/topics/chat", content_type, body));
        assert_eq!(answer, json!({ "topic": "chat", "position": null }));
        for follower in &mut followers {
            assert_eq!(follower.read().expect("it comes"), expected, "{content_type}");
        }
    }
}

#[test]
fn bad_publications_are_refused_and_disturb_nobody() {
    let admin = Admin::start(&["--topic-name-bytes-max=20"]);
    let mut follower = admin.follower();
    for content_type in ["application/x-www-form-urlencoded", "image/png", "text/", "", "text/plain; charset=latin1"] {
        refused(&admin.post("/topics/chat", content_type, "x"), 415, "unsupported_content_type");
    }
    let message = refused(&admin.request("POST", "/topics/chat", "", "x"), 415, "unsupported_content_type");
    assert!(message.contains("application/octet-stream"), "{message}");
    refused(&admin.post("/topics/chat", "text/plain", [b'a', 0xff]), 400, "bad_request");
    for name in ["*", "%3E", "a.*", "a.*.b", "a.%3E"] {
        refused(&admin.post(&format!("/topics/{name}"), "text/plain", "x"), 400, "bad_topic");
    }
    for name in ["a..b", ".a", "a.", "a%20b", "a%0Ab", "a*", "a.%3E.b", "a23456789.b23456789.c"] {
        refused(&admin.post(&format!("/topics/{name}"), "text/plain", "x"), 400, "bad_topic");
    }
    refused(&admin.post("/topics/%ff", "text/plain", "x"), 400, "bad_topic");
    good(&admin.post("/topics/chat", "text/plain", "the only one"));
    assert_eq!(follower.read().expect("it comes"), Message::text("the only one"));
}

#[test]
fn a_batch_has_a_result_for_each() {
    let admin = Admin::start(&[]);
    let mut follower = admin.follower();
    let batch = json!([
        { "topic": "chat", "data": "one" },
        { "topic": "chat", "data64": "AAE=" },
        { "topic": "a.*", "data": "x" },
        { "topic": "chat", "data64": "?" },
        { "topic": "chat" },
        { "topic": "chat", "data": "x", "data64": "AAE=" },
        { "topic": "chat", "data": "last" },
    ]);
    let answer = good(&admin.post("/topics", "application/json", batch.to_string()));
    let results = answer["results"].as_array().expect("a list");
    let codes: Vec<_> = results.iter().map(|result| result["error"]["code"].as_str().unwrap_or("")).collect();
    assert_eq!(codes, ["", "", "bad_topic", "bad_request", "bad_request", "bad_request", ""], "{answer}");
    assert_eq!(results[0], json!({ "topic": "chat", "position": null }));
    assert_eq!(results[2]["topic"], "a.*");
    for expected in [Message::text("one"), Message::binary(vec![0, 1]), Message::text("last")] {
        assert_eq!(follower.read().expect("it comes"), expected);
    }
}

#[test]
fn batches_are_json_and_bounded() {
    let admin = Admin::start(&[]);
    for (body, code) in [
        ("", "bad_json"),
        ("[{]", "bad_json"),
        ("[] []", "bad_json"),
        ("{}", "bad_request"),
        ("[1]", "bad_request"),
        ("[{\"topic\":\"a\",\"data\":\"x\",\"ttl\":1}]", "bad_request"),
        ("[{\"topic\":\"a\",\"data\":1}]", "bad_request"),
        ("[{\"data\":\"x\"}]", "bad_request"),
    ] {
        let message = refused(&admin.post("/topics", "application/json", body), 400, code);
        assert!(message.contains("line ") && message.contains("\"topic\""), "{message}");
    }
    refused(&admin.post("/topics", "text/plain", "[]"), 415, "unsupported_content_type");
    assert_eq!(good(&admin.post("/topics", "application/json; charset=utf-8", "[]"))["results"], json!([]));
    let many = |count: usize| Value::from(vec![json!({ "topic": "a", "data": "" }); count]).to_string();
    refused(&admin.post("/topics", "application/json", many(1001)), 413, "too_large");
    let answer = good(&admin.post("/topics", "application/json", many(1000)));
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(1000));
}

#[test]
fn a_batch_may_be_larger_than_a_message_and_its_messages_may_not() {
    let admin = Admin::start(&["--message-bytes-max=64KiB"]);
    let item = |bytes: usize| json!({ "topic": "a", "data": "x".repeat(bytes) });
    let mut batch = vec![item(1100); 1000];
    batch[7] = item(65_537);
    batch[8] = json!({ "topic": "a", "data64": "AAAA".repeat(21_846) });
    batch[9] = item(65_536);
    let answer = good(&admin.post("/topics", "application/json", Value::from(batch).to_string()));
    let results = answer["results"].as_array().expect("a list");
    let refused: Vec<_> = (0..1000).filter(|at| results[*at]["error"]["code"] == "too_large").collect();
    assert_eq!((results.len(), refused), (1000, vec![7, 8]));
    assert!(results[9].get("error").is_none(), "{}", results[9]);
}

#[test]
fn topics_are_listed_with_all_their_subscribers() {
    let admin = Admin::start(&["--shards=2"]);
    assert_eq!(admin.get("/topics"), json!({ "topics": [], "next": null }));
    let followers: Vec<_> = (0..12).map(|_| admin.follower()).collect();
    assert_eq!(
        admin.get("/topics"),
        json!({ "topics": [{ "name": "chat", "is_pattern": false, "subscribers": 12, "dropped": {}, "history": null }], "next": null })
    );
    assert_eq!(admin.get("/topics?after=chas")["topics"].as_array().map(Vec::len), Some(1));
    assert_eq!(admin.get("/topics?after=chat"), json!({ "topics": [], "next": null }));
    for query in ["limit=0", "limit=1001", "limit=x", "page=2"] {
        refused(&admin.request("GET", &format!("/topics?{query}"), "", ""), 400, "bad_request");
    }
    drop(followers);
}

/// Rules in a file that is gone when dropped.
struct RulesFile(PathBuf);

impl RulesFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringwire-rules-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }

    fn option(&self) -> String {
        format!("--config={}", self.0.display())
    }
}

impl Drop for RulesFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const RULES: &str = r#"
[[topics]]
pattern = "kept.*"
history_count = 3
publish = "nobody"
messages = "text"

[[topics]]
pattern = "bytes"
messages = "binary"

[[topics]]
pattern = "chat"
history_count = 10
publish = "nobody"
"#;

fn position(answer: &Value) -> Position {
    answer["position"].as_str().and_then(|position| position.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn topics_with_history_answer_with_rising_positions_though_nobody_else_may_publish() {
    let rules = RulesFile::new("positions", RULES);
    for shards in ["--shards=1", "--shards=2"] {
        let admin = Admin::start(&[&rules.option(), shards]);
        let mut follower = admin.follower();
        let publish = |topic: &str, body: &str| good(&admin.post(&format!("/topics/{topic}"), "text/plain", body));
        for topic in ["kept.a", "kept.b", "chat"] {
            let positions = [1, 2, 3, 4, 5].map(|number| position(&publish(topic, &number.to_string())).to_string());
            let (epoch, first) = positions[0].split_once('-').expect("a position");
            let first: u64 = first.parse().expect("a number");
            assert_eq!(positions, [0, 1, 2, 3, 4].map(|number| format!("{epoch}-{}", first + number)));
        }
        for number in 1..=5 {
            assert_eq!(follower.read().expect("it comes"), Message::text(number.to_string()));
        }
        assert!(publish("plain", "x")["position"].is_null());
        let batch = json!([
            { "topic": "kept.a", "data": "6" },
            { "topic": "plain", "data": "x" },
            { "topic": "kept.a", "data64": "AAE=" },
            { "topic": "kept.a", "data": "7" },
        ]);
        let answer = good(&admin.post("/topics", "application/json", batch.to_string()));
        let results = &answer["results"];
        assert_eq!(results[1], json!({ "topic": "plain", "position": null }));
        assert_eq!(results[2]["error"]["code"], "wrong_message_type");
        let [sixth, seventh] = [0, 3].map(|index| position(&results[index]).to_string());
        let page = admin.get("/topics?after=b");
        let listed = |index: usize| &page["topics"][index];
        let names: Vec<_> = (0..3).map(|index| listed(index)["name"].as_str().expect("a name")).collect();
        assert_eq!(names, ["chat", "kept.a", "kept.b"], "{page}");
        assert_eq!((&listed(0)["subscribers"], &listed(1)["subscribers"]), (&json!(1), &json!(0)));
        assert_eq!(listed(1)["history"]["position"], seventh, "{page}");
        assert_eq!(listed(1)["history"]["messages"], 3, "no more are kept");
        assert_ne!(sixth, seventh);
    }
}

#[test]
fn what_a_stalled_reader_loses_is_counted_wherever_one_looks() {
    let rules = RulesFile::new("losses", "[[topics]]\npattern = \"newest\"\noverflow = \"drop-newest\"\n");
    let admin = Admin::start(&[&rules.option()]);
    let _stalled = Raw::open_at(admin.node.addr, "/topics/newest");
    let body = vec![b'x'; 900_000];
    let dropped = || admin.get("/topics")["topics"][0]["dropped"]["drop_newest"].as_u64();
    // The socket's buffers take the first ones.
    eventually("something is dropped", || {
        good(&admin.post("/topics/newest", "text/plain", &body));
        dropped().is_some()
    });
    let target = format!("/connections/{}", admin.ids("")[0]);
    eventually("both say the same", || admin.get(&target)["dropped"].as_u64() == dropped());
    let metrics = admin.request("GET", "/metrics", "", "").text();
    let sample = format!("ringwire_dropped_total{{shard=\"0\",cause=\"drop_newest\"}} {}\n", dropped().expect("some"));
    assert!(metrics.contains(&sample), "{sample}");
}

#[test]
fn what_was_lost_is_told_when_nobody_subscribes_any_more() {
    let rules = RulesFile::new("lost", "[[topics]]\npattern = \"slow.*\"\noverflow = \"disconnect\"\n");
    let admin = Admin::start(&[&rules.option()]);
    let losses = || {
        let topics = admin.get("/topics?limit=1000")["topics"].as_array().expect("a list").clone();
        let lost = topics.into_iter().filter(|topic| topic["dropped"]["disconnect"].as_u64().is_some_and(|n| n > 0));
        lost.map(|topic| (topic["name"].as_str().expect("a name").to_owned(), topic["subscribers"].as_u64()))
            .collect::<Vec<_>>()
    };
    let _stalled = [Raw::open_at(admin.node.addr, "/topics/slow.a"), Raw::open_at(admin.node.addr, "/topics/slow.%3E")];
    let body = vec![b'x'; 900_000];
    let all = [("slow.>".to_owned(), Some(0)), ("slow.a".to_owned(), Some(0))];
    eventually("both are closed, and what they lost is told", || {
        good(&admin.post("/topics/slow.a", "text/plain", &body));
        losses() == all
    });
    let dropped = || admin.get("/topics?after=slow.A")["topics"][0]["dropped"]["disconnect"].as_u64().expect("some");
    let before = dropped();
    let mut back = Raw::open_at(admin.node.addr, "/topics/slow.a");
    good(&admin.post("/topics/slow.a", "text/plain", "small"));
    assert_eq!(back.text(), "small");
    assert_eq!((dropped(), losses()[1].1), (before, Some(1)), "with a subscriber again it is as much, and one entry");
}

#[test]
fn the_message_type_of_a_rule_holds_for_the_admin_interface() {
    let rules = RulesFile::new("types", RULES);
    let admin = Admin::start(&[&rules.option()]);
    let binary = "application/octet-stream";
    let message = refused(&admin.post("/topics/kept.a", binary, "x"), 400, "wrong_message_type");
    assert!(message.contains("takes text"), "{message}");
    let message = refused(&admin.post("/topics/bytes", "text/plain", "x"), 400, "wrong_message_type");
    assert!(message.contains("takes binary"), "{message}");
    refused(&admin.post("/topics/kept.*", binary, "x"), 400, "bad_topic");
    assert!(good(&admin.post("/topics/bytes", binary, "x"))["position"].is_null());
    assert_eq!(
        admin.get("/topics"),
        json!({ "topics": [], "next": null }),
        "nothing was published to a topic with history"
    );
}
