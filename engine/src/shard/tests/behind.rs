//! Subscribers of topics with history: who falls behind, and that nothing is lost to who does not.

use super::stage::{Frame, SIZES, Stage, config};
use crate::config::{Config, TopicConfig, TopicOverflow};
use crate::conn::ConnId;
use crate::handler::Start;
use crate::handler::topics::Wish;
use crate::ring::sim::world::Sizes;
use crate::shard::sim::Conduct;
use crate::topic::history::MessageKind;
use crate::topic::parcel::Receipt;

/// Topics `k.>` have a history, and sockets are full soon.
fn stage(overflow: Option<TopicOverflow>) -> Stage {
    let kept = TopicConfig { pattern: "k.>".to_owned(), history_count: 100, overflow, ..TopicConfig::default() };
    let (high, low) = (1000, 100);
    let config = Config { topics: vec![kept], send_queue_bytes_high: high, send_queue_bytes_low: low, ..config() };
    Stage::new(config, Sizes { socket_bytes: (1 << 20, 300), ..SIZES })
}

fn publish(stage: &mut Stage, topic: &str, message: &[u8]) {
    let outcome = stage.sim.shard.local.publish(topic, (MessageKind::Binary, message), None);
    outcome.expect("there is room");
}

fn subscribe(stage: &mut Stage, text: &str, since_ms: Option<u64>) {
    let start = Start { since_ms, ..Start::default() };
    stage.sim.shard.local.subscribe_from(0, text, &start).expect("a name");
}

fn message(number: u8, len: usize) -> Frame {
    Frame::Message(vec![number; len])
}

#[test]
fn who_reads_at_once_does_not_fall_behind() {
    for overflow in [TopicOverflow::Conflate, TopicOverflow::DropOldest] {
        let mut stage = stage(Some(overflow));
        let client = stage.open(Conduct::Echo);
        ["k.a", "k.b"].into_iter().for_each(|name| subscribe(&mut stage, name, None));
        for (number, topic) in (0..).zip(["k.a", "k.b", "k.b", "k.a", "k.b"]) {
            publish(&mut stage, topic, &[number; 10]);
        }
        stage.turns(3);
        let mut frames = stage.frames(&client);
        frames.sort_by_key(|frame| format!("{frame:?}"));
        assert_eq!(frames, (0..5).map(|number| message(number, 10)).collect::<Vec<_>>(), "{overflow}");
        stage.end();
    }
}

#[test]
fn a_pattern_that_is_behind_gets_topics_that_come_later_too() {
    for overflow in [None, Some(TopicOverflow::DropOldest)] {
        let mut stage = stage(overflow);
        let client = stage.open(Conduct::Echo);
        (0..5).for_each(|number| publish(&mut stage, "k.a", &[number; 500]));
        stage.turns(1);
        subscribe(&mut stage, "k.*", Some(0));
        stage.turns(2);
        publish(&mut stage, "k.b", &[5; 10]);
        stage.turns(2);
        publish(&mut stage, "k.b", &[6; 10]);
        let frames = stage.frames_to_the_end(&client);
        let expected = [(0..5).map(|number| message(number, 500)).collect(), vec![message(5, 10), message(6, 10)]];
        assert_eq!(frames, expected.concat(), "{overflow:?}");
        stage.end();
    }
}

#[test]
fn a_subscriber_that_falls_behind_on_a_pattern_gets_all_its_topics() {
    let mut stage = stage(Some(TopicOverflow::DropOldest));
    let client = stage.open(Conduct::Echo);
    subscribe(&mut stage, "k.*", None);
    for number in 0..8 {
        publish(&mut stage, if number < 4 { "k.a" } else { "k.b" }, &[number; 500]);
        stage.turns(2);
    }
    let frames = stage.frames_to_the_end(&client);
    assert_eq!(frames, (0..8).map(|number| message(number, 500)).collect::<Vec<_>>());
    stage.end();
}

#[test]
fn an_outcome_is_told_without_anything_else_that_happens() {
    let mut stage = stage(None);
    let _client = stage.open(Conduct::Echo);
    stage.turns(3);
    let begin = stage.now();
    let conn: ConnId = stage.sim.shard.local.id(0);
    let wish = Wish { receipt: Some(Receipt { conn, token: 7 }), durable: false };
    let outcome = stage.sim.shard.local.publish_ruled("plain", (MessageKind::Binary, b"x"), None, wish);
    assert_eq!(outcome, Ok(()));
    stage.turns(1);
    assert!(stage.sim.shard.local.outcomes.is_empty());
    assert!(stage.now() - begin < std::time::Duration::from_micros(100), "it slept first");
    stage.end();
}
