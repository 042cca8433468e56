//! Coming back on any shard: exactly what was missed, or a gap; and who reads too slowly is sent to come back.

use ringwire::proto::Opcode;
use serde_json::{Value, json};

use super::{Client, RULES, message};
use crate::common::{Node, Shared};

#[test]
fn who_comes_back_gets_exactly_what_it_missed() {
    let _machine = Shared::wait();
    for shards in ["--shards=1", "--shards=2"] {
        let node = Node::configured(RULES, &[shards]);
        let mut publisher = Client::open(&node);
        let positions: Vec<_> = (0..12).map(|number| publisher.publish("kept.a", &number.to_string())).collect();
        // On each shard, in all likelihood.
        for _ in 0..6 {
            for (after, range, gap) in [(8, 9..12, false), (11, 12..12, false), (0, 2..12, true)] {
                let mut client = Client::open(&node);
                let answer = client.subscribe("kept.a", &json!({ "after": positions[after] }));
                let expected = json!({
                    "event": "ok", "id": 1, "position": positions[11], "replayed": range.len(), "gap": gap, "time": answer["time"],
                });
                assert_eq!(answer, expected);
                for number in range {
                    assert_eq!(client.hear(), message("kept.a", &positions[number], &number.to_string()));
                }
                client.expect_nothing_more();
            }
        }
        let mut client = Client::open(&node);
        client.subscribe("kept.a", &json!({ "after": positions[11] }));
        let next = publisher.publish("kept.a", "live");
        assert_eq!(client.hear(), message("kept.a", &next, "live"));
    }
}

/// A topic that never had a message has a position too: what comes while somebody is away is no gap.
#[test]
fn a_silent_topic_resumes_as_well() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let mut client = Client::open(&node);
    let begun = client.subscribe("kept.a", &json!({}));
    assert!(begun["position"].is_string(), "{begun}");
    let again = client.subscribe("kept.a", &json!({ "after": begun["position"] }));
    assert_eq!((&again["replayed"], &again["gap"]), (&json!(0), &json!(false)), "{again}");
    drop(client);
    let mut publisher = Client::open(&node);
    let position = publisher.publish("kept.a", "1");
    for _ in 0..4 {
        let mut back = Client::open(&node);
        let answer = back.subscribe("kept.a", &json!({ "after": begun["position"] }));
        assert_eq!((&answer["replayed"], &answer["gap"]), (&json!(1), &json!(false)), "{answer}");
        assert_eq!(back.hear(), message("kept.a", &position, "1"));
    }
}

#[test]
fn a_pattern_resumes_each_topic_and_finds_those_it_had_not_heard_of() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let mut publisher = Client::open(&node);
    let a = publisher.publish("kept.a", "a1");
    let mut client = Client::open(&node);
    let first = client.subscribe("kept.>", &json!({}));
    assert_eq!((&first["position"], &first["replayed"]), (&Value::Null, &json!(0)));
    drop(client);
    std::thread::sleep(std::time::Duration::from_millis(20));
    for (topic, data) in [("kept.a", "a2"), ("kept.b", "b1"), ("kept.b", "b2")] {
        publisher.publish(topic, data);
    }
    let mut back = Client::open(&node);
    let answer = back.subscribe("kept.>", &json!({ "after": { "kept.a": a }, "since": first["time"] }));
    assert_eq!((&answer["replayed"], &answer["gap"]), (&json!(3), &json!(false)), "{answer}");
    let mut heard: Vec<_> = (0..3).map(|_| back.hear()["data"].as_str().expect("text").to_owned()).collect();
    heard.sort();
    assert_eq!(heard, ["a2", "b1", "b2"]);
    let answer = back.subscribe("kept.>", &json!({ "after": { "kept.unknown": "1-1" } }));
    assert_eq!((&answer["replayed"], &answer["gap"]), (&json!(0), &json!(true)), "{answer}");
    back.expect_nothing_more();
}

/// More than is queued at once is replayed to one subscription while another one has live messages of the same topic. A client
/// that keeps apart what each had, by positions alone, loses nothing. Topics that disconnect slow consumers queue what is live at once, and do not promise this.
#[test]
fn nothing_live_comes_before_the_end_of_a_replay() {
    const OLD: u64 = 3000;
    const LIVE: u64 = 50;
    const RULES: &str = "[[topics]]\npattern = \"kept.a\"\nhistory_count = 5000\nhistory_bytes = \"64MiB\"\noverflow = \"drop-oldest\"\n";
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let mut publisher = Client::open(&node);
    let body = "x".repeat(5000);
    (0..OLD).for_each(|_| drop(publisher.publish("kept.a", &body)));
    let mut client = Client::open(&node);
    client.subscribe("kept.a", &json!({}));
    let answer = client.subscribe("kept.*", &json!({ "since": 0 }));
    assert_eq!(answer["replayed"], OLD);
    (0..LIVE).for_each(|_| drop(publisher.publish("kept.a", &body)));
    let mut last = 0;
    for _ in 0..OLD + 2 * LIVE {
        let event = client.hear();
        let (_, offset) = event["position"].as_str().and_then(|text| text.split_once('-')).expect("a position");
        let offset: u64 = offset.parse().expect("a number");
        assert!(offset <= last + 1, "{offset} comes before {}", last + 1);
        last = last.max(offset);
    }
    assert_eq!(last, OLD + LIVE);
    client.expect_nothing_more();
}

#[test]
fn who_reads_too_slowly_is_closed_and_resumes() {
    const COUNT: usize = 600;
    const RULES: &str = "[[topics]]\npattern = \"kept.a\"\nhistory_count = 1000\nhistory_bytes = \"64MiB\"\n";
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--send-queue-bytes-max=1MiB"]);
    let mut slow = Client::open(&node);
    slow.subscribe("kept.a", &json!({}));
    let mut publisher = Client::open(&node);
    let body = |number: usize| format!("{number:040000}");
    let positions: Vec<_> = (0..COUNT).map(|number| publisher.publish("kept.a", &body(number))).collect();
    let mut count = 0;
    let end = loop {
        let frame = slow.0.frame();
        if frame.opcode == Opcode::Close.bits() {
            break frame;
        }
        let event: Value = serde_json::from_slice(&frame.payload).expect("JSON");
        if event["event"] == "closing" {
            assert_eq!(event["code"], 4000, "{event}");
            continue;
        }
        assert_eq!(event, message("kept.a", &positions[count], &body(count)));
        count += 1;
    };
    assert_eq!(end.close(), (Some(4000), "resume: you read kept.a too slowly"));
    assert!((1..COUNT).contains(&count), "{count}");
    let mut back = Client::open(&node);
    let answer = back.subscribe("kept.a", &json!({ "after": positions[count - 1] }));
    assert_eq!((&answer["replayed"], &answer["gap"]), (&json!(COUNT - count), &json!(false)));
    for (number, position) in positions.iter().enumerate().skip(count) {
        assert_eq!(back.hear(), message("kept.a", position, &body(number)));
    }
}
