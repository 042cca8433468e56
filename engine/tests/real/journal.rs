//! Topics that outlast the node: `ringwire serve --journal`, stopped, killed and started again.

mod kills;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::raw::Response;
use crate::common::{Node, Raw, Shared};

/// A directory that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-{}-{number}", std::process::id()));
        // One of an earlier process with this number.
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn option(&self) -> String {
        format!("--journal={}", self.0.display())
    }

    /// A node that keeps topics `kept.>` here.
    #[track_caller]
    fn node(&self, options: &[&str]) -> Node {
        const RULES: &str = "[[topics]]\npattern = \"kept.>\"\nhistory_count = 100000\nhistory_bytes = \"64MiB\"\n";
        let journal = self.option();
        let name = |option: &str| option.split('=').next().map(str::to_owned);
        let typed: Vec<_> = options.iter().map(|option| name(option)).collect();
        let mut all = vec!["--shards=2", "--admin-listen=127.0.0.1:0", journal.as_str()];
        all.retain(|option| !typed.contains(&name(option)));
        Node::configured(RULES, &[&all[..], options].concat())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // A test that failed before it made one has none.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Publishes a text over the admin interface.
fn post(admin: &mut Raw, target: &str, text: &str) -> Response {
    try_post(admin, target, text).expect("the node is there")
}

fn try_post(admin: &mut Raw, target: &str, text: &str) -> io::Result<Response> {
    let head = format!("POST /topics/{target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n");
    admin.stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes())?;
    admin.try_response("POST")
}

/// The same, which must succeed; the message's position.
#[track_caller]
fn publish(node: &Node, target: &str, text: &str) -> String {
    let response = post(&mut Raw::connect(node.admin_addr()), target, text);
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    body["position"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

#[track_caller]
fn get(addr: std::net::SocketAddr, target: &str) -> Response {
    let mut raw = Raw::connect(addr);
    raw.write(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    raw.response()
}

/// What a poll answers.
#[track_caller]
fn poll(node: &Node, target: &str) -> Value {
    let response = get(node.addr, &format!("/topics/{target}"));
    assert_eq!(response.status, 200, "{}", response.text());
    serde_json::from_slice(&response.body).expect("JSON")
}

fn texts(answer: &Value) -> Vec<&str> {
    answer["messages"].as_array().expect("a list").iter().map(|one| one["data"].as_str().expect("a text")).collect()
}

#[track_caller]
fn stop(mut node: Node) {
    node.signal("TERM");
    assert!(node.wait(Duration::from_secs(10)).success());
}

/// Epoch and offset of a position.
fn parts(position: &str) -> (&str, u64) {
    let (epoch, offset) = position.split_once('-').expect("a position");
    (epoch, offset.parse().expect("a number"))
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let node = dir.node(&[]);
    let positions: Vec<_> = (0..5).map(|number| publish(&node, "kept.a", &number.to_string())).collect();
    let other = publish(&node, "kept.b?durable=true", "other");
    publish(&node, "kept.a?durable=true", "last");
    stop(node);

    for round in 0..2 {
        let node = dir.node(&["--shards=3"]);
        let answer = poll(&node, &format!("kept.a?after={}", positions[1]));
        assert_eq!((texts(&answer), &answer["gap"]), (vec!["2", "3", "4", "last"], &json!(false)), "round {round}");
        assert_eq!(get(node.addr, "/topics/kept.b/latest").text(), "other");
        let next = publish(&node, "kept.b", "other");
        let (epoch, offset) = parts(&other);
        assert_eq!(parts(&next), (epoch, offset + 1 + round), "a stopped node loses no number");
        stop(node);
    }
}

#[test]
fn a_connected_client_comes_back_to_what_it_missed() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let node = dir.node(&[]);
    let mut reader = Raw::open_at(node.addr, "/topics/kept.a");
    publish(&node, "kept.a", "seen");
    assert_eq!(reader.text(), "seen");
    let last = publish(&node, "kept.a?durable=true", "seen too");
    assert_eq!(reader.text(), "seen too");
    publish(&node, "kept.a?durable=true", "missed");
    let mut node = node;
    node.kill();
    let node = dir.node(&[]);
    let answer = poll(&node, &format!("kept.a?after={last}"));
    assert_eq!((texts(&answer), &answer["gap"]), (vec!["missed"], &json!(false)));
    let next = publish(&node, "kept.a", "live");
    assert_eq!(parts(&next).0, parts(&last).0, "the same numbering");
    let answer = poll(&node, &format!("kept.a?after={last}"));
    assert_eq!((texts(&answer), &answer["gap"]), (vec!["missed", "live"], &json!(false)));
    // Who counts frames to know its position would count wrong.
    let mut reader = Raw::open_at(node.addr, &format!("/topics/kept.a?after={last}"));
    let end = reader.frame();
    assert_eq!(end.close().0, Some(4410), "{end:?}");
    let mut reader = Raw::open_at(node.addr, &format!("/topics/kept.a?after={next}"));
    publish(&node, "kept.a", "on");
    assert_eq!(reader.text(), "on");
    stop(node);
}

#[test]
fn what_nobody_writes_is_not_durable() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let refused = |node: &Node, topic: &str| {
        let response = post(&mut Raw::connect(node.admin_addr()), &format!("{topic}?durable=true"), "x");
        assert_eq!(response.status, 409, "{}", response.text());
        assert!(response.text().contains("\"not_durable\""), "{}", response.text());
    };
    let node = dir.node(&[]);
    refused(&node, "plain");
    let wrong = post(&mut Raw::connect(node.admin_addr()), "kept.a?durable=perhaps", "x");
    assert!(wrong.status == 400 && wrong.text().contains("bad_request"), "{}", wrong.text());
    stop(node);
    let node = dir.node(&["--journal=none"]);
    refused(&node, "kept.a");
    assert!(!get(node.admin_addr(), "/metrics").text().contains("journal"));
}

#[test]
fn the_journal_tells_how_it_is() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let node = dir.node(&["--journal-fsync=5ms"]);
    (0..10).for_each(|number| drop(publish(&node, "kept.a?durable=true", &number.to_string())));
    let metrics = get(node.admin_addr(), "/metrics").text();
    for line in ["ringwire_journal_up 1", "ringwire_journal_messages_total 10", "ringwire_journal_lost_total 0"] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in:\n{metrics}");
    }
    let health = get(node.admin_addr(), "/healthz").text();
    assert_eq!(health, "{\"journal\":{\"status\":\"ok\"},\"shards\":2,\"status\":\"ok\"}");
    stop(node);
}

#[test]
fn a_directory_is_for_one_node() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let node = dir.node(&[]);
    let mut second = Command::new(env!("CARGO_BIN_EXE_ringwire"));
    let second = second.args(["serve", "--listen=127.0.0.1:0", "--admin-listen=none", &dir.option()]).output();
    let second = second.expect("it starts");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("take another directory with --journal=DIR"), "{said}");
    publish(&node, "kept.a?durable=true", "the first one is not disturbed");
    stop(node);
}

/// The largest segment, with a byte of its message 9 or so changed; its good bytes.
fn spoil(dir: &Dir) -> (PathBuf, Vec<u8>) {
    let entries = fs::read_dir(&dir.0).expect("it is there").map(|entry| entry.expect("an entry").path());
    let segments = entries.filter(|path| path.extension().is_some_and(|extension| extension == "rwj"));
    let segment = segments.max_by_key(|path| fs::metadata(path).expect("a file").len()).expect("a segment");
    let good = fs::read(&segment).expect("a file");
    let mut bytes = good.clone();
    bytes[1500] ^= 0x10;
    fs::write(&segment, &bytes).expect("it may be written");
    (segment, good)
}

#[test]
fn a_corrupt_segment_is_reported_and_restored_brings_back_all() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let node = dir.node(&[]);
    let publish_one = |number| publish(&node, "kept.a?durable=true", &format!("{number:0100}"));
    let positions: Vec<_> = (0..50).map(publish_one).collect();
    let last = &positions[49];
    stop(node);
    let (segment, good) = spoil(&dir);
    let bytes = fs::read(&segment).expect("a file");

    let node = dir.node(&[]);
    assert!(node.said().contains("nothing behind that in it is served"), "{}", node.said());
    let answer = poll(&node, &format!("kept.a?after={last}"));
    assert_eq!((texts(&answer).len(), &answer["gap"]), (0, &json!(true)), "{answer}");
    let answer = poll(&node, &format!("kept.a?after={}", positions[2]));
    assert!(texts(&answer).len() > 3 && answer["gap"] == json!(true), "{answer}");
    let health: Value = serde_json::from_slice(&get(node.admin_addr(), "/healthz").body).expect("JSON");
    let journal = &health["journal"];
    assert!(journal["problems"][0].as_str().is_some_and(|said| said.contains("corrupt")), "{health}");
    assert_eq!(journal["kept"], json!({ "files": 1, "bytes": bytes.len() }), "{health}");
    let next = publish(&node, "kept.a?durable=true", "new");
    assert!(parts(&next).0 == parts(last).0 && parts(&next).1 > parts(last).1, "{next} was given twice");
    assert_eq!(fs::read(&segment).expect("a file"), bytes, "it is left alone");
    stop(node);

    fs::write(&segment, good).expect("it may be written");
    let node = dir.node(&[]);
    let answer = poll(&node, &format!("kept.a?after={}", positions[0]));
    assert_eq!((texts(&answer).len(), texts(&answer)[49], &answer["gap"]), (50, "new", &json!(false)));
    stop(node);
}

#[test]
fn the_loss_of_the_newest_file_is_told_and_no_position_is_given_twice() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let node = dir.node(&[]);
    (0..10).for_each(|number| drop(publish(&node, "kept.a?durable=true", &number.to_string())));
    stop(node);
    let mut node = dir.node(&[]);
    let positions: Vec<_> = (10..20).map(|number| publish(&node, "kept.a?durable=true", &number.to_string())).collect();
    let last = &positions[9];
    node.kill();
    fs::remove_file(dir.0.join("0000000000000000002.rwj")).expect("the newest");
    let node = dir.node(&[]);
    assert!(node.said().contains("segments 2 to 2 are missing"), "{}", node.said());
    let next = publish(&node, "kept.a?durable=true", "new");
    assert!(parts(&next).0 == parts(last).0 && parts(&next).1 > parts(last).1, "{next} after {last}");
    let answer = poll(&node, &format!("kept.a?after={last}"));
    assert_eq!((texts(&answer), &answer["gap"]), (vec!["new"], &json!(true)));
    stop(node);
}

/// Frames are counted there, so who is ahead of what is left after a crash would count wrong.
#[test]
fn who_follows_one_topic_and_is_ahead_of_the_journal_is_closed() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let mut node = dir.node(&[]);
    let positions: Vec<_> = (0..20).map(|number| publish(&node, "kept.a?durable=true", &number.to_string())).collect();
    node.kill();
    let node = dir.node(&[]);
    let (epoch, offset) = parts(&positions[19]);
    for ahead in [0, 1, 5, 1000] {
        let mut reader = Raw::open_at(node.addr, &format!("/topics/kept.a?after={epoch}-{}", offset + ahead));
        let end = reader.frame();
        assert_eq!(end.close().0, Some(4410), "{ahead} ahead: {end:?}");
    }
    stop(node);
}

#[test]
fn topics_without_a_rule_are_told_and_stay() {
    let (_machine, dir) = (Shared::wait(), Dir::new());
    let node = dir.node(&[]);
    (0..10).for_each(|number| drop(publish(&node, "kept.a?durable=true", &number.to_string())));
    stop(node);
    let option = dir.option();
    let other = "[[topics]]\npattern = \"other.>\"\nhistory_count = 10\n";
    let node = Node::configured(other, &["--admin-listen=127.0.0.1:0", option.as_str(), "--demo=false"]);
    let health: Value = serde_json::from_slice(&get(node.admin_addr(), "/healthz").body).expect("JSON");
    let unruled = &health["journal"]["unruled"];
    assert_eq!(*unruled, json!({ "topics": 1, "messages": 10, "such_as": "kept.a" }), "{health}");
    let metrics = get(node.admin_addr(), "/metrics").text();
    for line in ["ringwire_journal_unruled_topics 1", "ringwire_journal_unruled_messages 10"] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in:\n{metrics}");
    }
    stop(node);
    let node = dir.node(&[]);
    assert_eq!(texts(&poll(&node, "kept.a?since=0")).len(), 10);
    stop(node);
}
