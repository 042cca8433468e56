//! What slow subscribers lose: how much each policy counts, and that they are told it once they read again.

use std::time::Duration;

use super::stage::{Client, Frame, SIZES, Stage, config};
use crate::config::{Config, TopicConfig, TopicOverflow};
use crate::conn::Channel;
use crate::handler::Start;
use crate::metrics::Losses;
use crate::ring::sim::world::Sizes;
use crate::shard::command::Command;
use crate::shard::sim::Conduct;
use crate::topic::history::{History, MessageKind};

/// Topics `k.>` have a history of ten, others none; all follow the policy. Sockets and queues are full soon.
fn stage(overflow: TopicOverflow) -> Stage {
    let kept = TopicConfig {
        pattern: "k.>".to_owned(),
        history_count: 10,
        overflow: Some(overflow),
        ..TopicConfig::default()
    };
    let plain = TopicOverflow::DropNewest;
    let others = TopicConfig { pattern: ">".to_owned(), overflow: Some(plain), ..TopicConfig::default() };
    let config = Config {
        topics: vec![kept, others],
        send_queue_bytes_max: 2000,
        send_queue_bytes_high: 1000,
        send_queue_bytes_low: 100,
        ..config()
    };
    Stage::new(config, Sizes { socket_bytes: (1 << 20, 300), ..SIZES })
}

/// A client that hears events of `ringwire.v1`, and follows a topic or pattern.
fn follower(stage: &mut Stage, text: &str) -> Client {
    let client = stage.open(Conduct::Echo);
    stage.sim.shard.local.conns[0].channel = Channel::Json;
    stage.sim.shard.local.subscribe_from(0, text, &Start::default()).expect("a name");
    client
}

/// Publishes messages of 100 bytes, each in a turn of its own.
fn publish(stage: &mut Stage, topic: &str, count: usize) {
    for number in 0..count {
        let message = format!("{number:0100}");
        let outcome = stage.sim.shard.local.publish(topic, (MessageKind::Text, message.as_bytes()), None);
        outcome.expect("there is room");
        stage.turns(2);
    }
}

/// Messages heard, and the losses told: the subscription and how many.
fn heard(stage: &mut Stage, client: &Client) -> (usize, Vec<(String, u64)>) {
    let events = stage.frames_to_the_end(client).into_iter().map(|frame| match frame {
        Frame::Message(bytes) => String::from_utf8(bytes).expect("JSON is UTF-8"),
        other => panic!("{other:?}"),
    });
    let (lost, messages): (Vec<_>, Vec<_>) = events.partition(|event| event.starts_with("{\"event\":\"lost\""));
    let told = lost.iter().map(|event| {
        let (topic, count) = event.trim_end_matches('}').rsplit_once(",\"count\":").expect("a count");
        (topic.rsplit('"').nth(1).expect("a topic").to_owned(), count.parse().expect("a number"))
    });
    (messages.len(), told.collect())
}

/// What the shard, the topic and the connection counted, which must be the same.
#[track_caller]
fn counted(stage: &Stage) -> Losses {
    let local = &stage.sim.shard.local;
    let losses = local.counters.losses;
    assert_eq!(local.topics.topic(0).losses.as_deref(), Some(&losses));
    let sum: u64 = losses.by_cause().iter().map(|(_, count)| count).sum();
    assert_eq!(u64::from(local.conns[0].lost_count), sum);
    losses
}

#[test]
fn who_reads_again_is_told_once_how_many_of_the_newest_it_lost() {
    for topic in ["plain", "k.a"] {
        let mut stage = stage(TopicOverflow::DropNewest);
        let client = follower(&mut stage, topic);
        publish(&mut stage, topic, 60);
        let (messages, told) = heard(&mut stage, &client);
        let lost = counted(&stage).drop_newest;
        assert!(lost > 10 && messages as u64 + lost == 60, "{topic}: {messages} heard, {lost} lost");
        assert_eq!(told, [(topic.to_owned(), lost)]);
        publish(&mut stage, topic, 1);
        assert_eq!(heard(&mut stage, &client), (1, Vec::new()), "what was told is over");
        stage.end();
    }
}

#[test]
fn a_stream_is_told_too() {
    let mut stage = stage(TopicOverflow::DropNewest);
    let client = stage.connect(Conduct::Echo);
    stage.write(&client, b"GET /topics/plain HTTP/1.1\r\nHost: sim\r\nAccept: text/event-stream\r\n\r\n");
    stage.turns(4);
    publish(&mut stage, "plain", 60);
    let mut bytes = Vec::new();
    for _ in 0..200 {
        bytes.extend(stage.read(&client));
        stage.turns(1);
    }
    let text = String::from_utf8(bytes).expect("events are UTF-8");
    let lost = counted(&stage).drop_newest;
    assert!(lost > 10 && text.matches("\ndata: 0").count() as u64 + lost == 60, "{lost} lost: {text}");
    let told = format!("\n\nevent: lost\ndata: {{\"topic\":\"plain\",\"count\":{lost}}}\n\n");
    assert_eq!(text.matches(&told).count(), 1, "{text}");
    stage.end();
}

#[test]
fn a_turns_messages_are_counted_one_by_one_for_who_did_not_publish_them() {
    let mut stage = stage(TopicOverflow::DropNewest);
    let client = follower(&mut stage, "plain");
    publish(&mut stage, "plain", 30);
    let before = counted(&stage).drop_newest;
    for exclude in [None, Some(0), None, Some(0), None] {
        stage.sim.shard.local.publish("plain", (MessageKind::Text, &[b'x'; 200]), exclude).expect("a name");
    }
    stage.sim.shard.local.publish("plain", (MessageKind::Text, &[b'x'; 2000]), None).expect("a name");
    stage.turns(2);
    assert_eq!(counted(&stage).drop_newest - before, 4);
    heard(&mut stage, &client);
    stage.end();
}

#[test]
fn who_is_overtaken_by_the_history_is_told_how_many_of_the_oldest_it_lost() {
    for text in ["k.a", "k.*"] {
        let mut stage = stage(TopicOverflow::DropOldest);
        let client = follower(&mut stage, text);
        publish(&mut stage, "k.a", 60);
        let (messages, told) = heard(&mut stage, &client);
        let lost = counted(&stage).drop_oldest;
        assert!(lost > 10 && messages as u64 + lost == 60, "{text}: {messages} heard, {lost} lost");
        assert_eq!(told.iter().map(|(_, count)| count).sum::<u64>(), lost);
        assert!(told.len() <= 2 && told.iter().all(|(topic, _)| topic == text), "{told:?}");
        stage.end();
    }
}

#[test]
fn conflation_is_counted_and_not_told() {
    let mut stage = stage(TopicOverflow::Conflate);
    let client = follower(&mut stage, "k.a");
    publish(&mut stage, "k.a", 60);
    let (messages, told) = heard(&mut stage, &client);
    let lost = counted(&stage).conflate;
    assert!(lost > 10 && messages as u64 + lost == 60, "{messages} heard, {lost} lost");
    assert_eq!(told, []);
    stage.end();
}

/// A pattern's subscriber that catches up with topics that have a history loses what comes of one without.
#[test]
fn what_no_history_has_is_lost_and_told_while_a_pattern_catches_up() {
    let mut stage = stage(TopicOverflow::DropOldest);
    let client = follower(&mut stage, ">");
    publish(&mut stage, "k.a", 8);
    stage.sim.shard.local.subscribe_from(0, ">", &Start { since_ms: Some(0), ..Start::default() }).expect("a pattern");
    stage.turns(1);
    assert!(stage.sim.shard.local.conns[0].is_behind(0), "it is to catch up");
    publish(&mut stage, "plain", 5);
    let (messages, told) = heard(&mut stage, &client);
    let lost = counted(&stage).no_history;
    assert_eq!((messages, lost), (16, 5));
    assert_eq!(told, [(">".to_owned(), 5)]);
    stage.end();
}

#[test]
fn who_comes_back_too_late_has_lost_what_the_history_let_go_of() {
    let mut stage = stage(TopicOverflow::DropOldest);
    let client = stage.open(Conduct::Echo);
    publish(&mut stage, "k.a", 1);
    let first = stage.sim.shard.local.histories.find("k.a").expect("it has a message").head();
    publish(&mut stage, "k.a", 14);
    let start = Start { after: &[("k.a", first)], since_ms: None };
    let replay = stage.sim.shard.local.subscribe_from(0, "k.a", &start).expect("a name");
    assert!(replay.has_gap && replay.message_count == 10);
    assert_eq!(counted(&stage), Losses { too_old: 4, ..Losses::default() });
    assert_eq!(stage.frames_to_the_end(&client).len(), 10);
    stage.end();
}

#[test]
fn what_did_not_fit_when_a_slow_consumer_was_closed_is_counted() {
    let mut stage = stage(TopicOverflow::Disconnect);
    let client = follower(&mut stage, "k.a");
    publish(&mut stage, "k.a", 60);
    assert_eq!(stage.sim.shard.local.counters.losses, Losses { disconnect: 1, ..Losses::default() });
    assert_eq!(stage.sim.shard.local.conns[0].lost_count, 1);
    let frames = stage.frames_to_the_end(&client);
    assert!(matches!(frames.last(), Some(Frame::Close(_))), "{:?}", frames.last());
    stage.end();
}

/// What an operator sees of the first connection.
fn behind(stage: &mut Stage) -> u64 {
    let id = stage.sim.shard.local.id(0);
    let (reply, answer) = oneshot::channel();
    stage.command(Command::Inspect { id, reply });
    stage.turns(1);
    answer.try_recv().expect("an answer").expect("it is open").behind_count
}

/// The newest message grew too old while its reader was behind: there is nothing to send, and nothing to close for.
#[test]
fn a_conflating_reader_outlasts_the_newest_message() {
    let kept = TopicConfig {
        pattern: "k.>".to_owned(),
        history_count: 10,
        history_age: Duration::from_millis(50),
        overflow: Some(TopicOverflow::Conflate),
        ..TopicConfig::default()
    };
    let config = Config { topics: vec![kept], send_queue_bytes_high: 1000, send_queue_bytes_low: 100, ..config() };
    let mut stage = Stage::new(config, Sizes { socket_bytes: (1 << 20, 300), ..SIZES });
    let client = follower(&mut stage, "k.a");
    publish(&mut stage, "k.a", 30);
    let behind = behind(&mut stage);
    assert!((1..30).contains(&behind), "{behind} wait");
    stage.turns_for(Duration::from_secs(3));
    assert!(stage.sim.shard.local.histories.find("k.a").is_some_and(History::is_empty), "it was to be too old");
    let (count, told) = heard(&mut stage, &client);
    assert!(count < 30 && told.is_empty(), "{count} heard, {told:?}");
    assert_eq!(stage.told(&client).0, [], "it was closed");
    publish(&mut stage, "k.a", 1);
    assert_eq!(heard(&mut stage, &client).0, 1, "it is still subscribed");
    stage.end();
}
