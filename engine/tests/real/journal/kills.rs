//! `kill -9` in the middle of publishing: what was acknowledged as durable is there, in its order, and nothing was invented.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Dir, get, parts, try_post};
use crate::common::{Node, Raw, Shared, raw};

const KILLS: u64 = 50;

/// A directory is killed so often before a new one is taken.
const KILLS_OF_ONE: u64 = 10;

const TOPICS: [&str; 2] = ["kept.admin", "kept.v1"];

/// A message that was acknowledged as durable.
#[derive(Debug)]
struct Acked {
    topic: &'static str,
    offset: u64,
    text: String,
}

#[test]
fn fifty_kills_of_the_node_lose_nothing_that_was_durable_and_invent_nothing() {
    let _machine = Shared::wait();
    let mut random = Rng::with_seed(3);
    let (mut dir, mut acked, mut count) = (Dir::new(), Vec::new(), 0);
    for kill in 0..KILLS {
        if kill % KILLS_OF_ONE == 0 {
            (dir, acked) = (Dir::new(), Vec::new());
        }
        let fsync = ["--journal-fsync=always", "--journal-fsync=3ms", "--journal-fsync=never"][(kill % 3) as usize];
        let node = dir.node(&[fsync, "--journal-segment-bytes-max=1MiB"]);
        check(&node, &acked, kill);
        let new = publish_until_killed(node, kill, Duration::from_micros(random.u64(1000..40_000)));
        count += new.len();
        acked.extend(new);
    }
    check(&dir.node(&[]), &acked, KILLS);
    println!("{count} messages were acknowledged");
    assert!(count > 500, "{count} messages were acknowledged: nothing was tested");
}

/// Two publishers, one over each interface, until the node is killed; what they were told.
fn publish_until_killed(mut node: Node, kill: u64, after: Duration) -> Vec<Acked> {
    let (tell, told) = channel();
    let mut admin = Raw::connect(node.admin_addr());
    let mut client = Raw::open_with(node.addr, "/connect", "Sec-WebSocket-Protocol: ringwire.v1\r\n");
    thread::scope(|scope| {
        let other = tell.clone();
        let first = scope.spawn(move || over_admin(&mut admin, kill, &other));
        let second = scope.spawn(move || over_v1(&mut client, kill, &tell));
        thread::sleep(after);
        assert!(!first.is_finished() && !second.is_finished(), "a publisher ended before the node did");
        node.kill();
    });
    told.iter().collect()
}

/// Numbers rise within a run, so that the order can be checked.
fn text(kill: u64, number: u64) -> String {
    format!("{kill}:{number}:{}", "x".repeat((number % 97) as usize))
}

/// Publishes until the node ends.
fn over_admin(admin: &mut Raw, kill: u64, tell: &Sender<Acked>) {
    for number in 0.. {
        let text = text(kill, number);
        let Ok(response) = try_post(admin, "kept.admin?durable=true", &text) else { return };
        let answer: Value = serde_json::from_slice(&response.body).expect("JSON");
        acknowledge(TOPICS[0], &answer, text, tell);
    }
}

/// The same on the data port.
fn over_v1(client: &mut Raw, kill: u64, tell: &Sender<Acked>) {
    for number in 0.. {
        let text = text(kill, number);
        let request = json!({ "op": "publish", "id": number, "topic": TOPICS[1], "data": text, "durable": true });
        let written = client.stream.write_all(&raw::text(&request.to_string()));
        let Ok(Some(frame)) = written.and_then(|()| client.try_frame()) else { return };
        let answer: Value = serde_json::from_slice(&frame.payload).expect("JSON");
        assert_eq!((&answer["event"], &answer["id"]), (&json!("ok"), &json!(number)), "{answer}");
        acknowledge(TOPICS[1], &answer, text, tell);
    }
}

fn acknowledge(topic: &'static str, answer: &Value, text: String, tell: &Sender<Acked>) {
    let position = answer["position"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let _ = tell.send(Acked { topic, offset: parts(position).1, text });
}

/// Every acknowledged message is at its offset; every other is one that was published, and comes behind those before it.
fn check(node: &Node, acked: &[Acked], kill: u64) {
    for topic in TOPICS {
        let held = held(node, topic);
        for Acked { offset, text, .. } in acked.iter().filter(|acked| acked.topic == topic) {
            assert_eq!(held.get(offset), Some(text), "before kill {kill}: {topic} lost {offset}");
        }
        let mut last = None;
        for (offset, found) in held {
            let number = |part: Option<&str>| part.and_then(|part| part.parse::<u64>().ok());
            let mut fields = found.split(':');
            let key = (number(fields.next()), number(fields.next()));
            let (Some(run), Some(index)) = key else { panic!("{topic} {offset}: {found} was invented") };
            assert_eq!(found, text(run, index), "{topic} {offset} was invented");
            assert!(run < kill && last < Some((run, index)), "{topic} {offset}: {found} stands behind {last:?}");
            last = Some((run, index));
        }
    }
}

/// All that the topic's history holds.
fn held(node: &Node, topic: &str) -> BTreeMap<u64, String> {
    let mut held = BTreeMap::new();
    let mut from = "since=0".to_owned();
    loop {
        let response = get(node.addr, &format!("/topics/{topic}?{from}"));
        assert_eq!(response.status, 200, "{}", response.text());
        let page: Value = serde_json::from_slice(&response.body).expect("JSON");
        let messages = page["messages"].as_array().expect("a list");
        for message in messages {
            let position = message["position"].as_str().expect("a position");
            held.insert(parts(position).1, message["data"].as_str().expect("a text").to_owned());
        }
        if messages.is_empty() {
            return held;
        }
        from = format!("after={}", page["position"].as_str().expect("a position"));
    }
}
