//! Topics with history: one order for all shards, and who comes back gets exactly what it missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ringwire::config::{TopicConfig, TopicOverflow};
use ringwire::proto::Opcode;
use ringwire::{Config, Conn, Handler, Message, Position, PublishError, Start};

use crate::common::{Raw, TestServer, config, eventually};

/// Does what texts say. `+TOPIC` subscribes, `+TOPIC POSITION` resumes; both answer before the replay. `-TOPIC` unsubscribes.
/// `TOPIC!TEXT` publishes, and is answered with the position. `z` keeps the shard busy.
struct Historian;

/// The token of `z`.
const DAWDLE: u64 = 8;

impl Handler for Historian {
    type Data = ();

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        if text == "z" {
            return conn.publish_acknowledged("nobody", "", DAWDLE).expect("there is room");
        }
        if let Some(topic) = text.strip_prefix('-') {
            let outcome = conn.unsubscribe(topic);
            let _ = conn.send(format!("-{outcome}").as_str());
            return;
        }
        match text.strip_prefix('+') {
            Some(wanted) => subscribe(conn, wanted),
            None => {
                let (topic, body) = text.split_once('!').expect("a publication");
                let outcome = conn.publish_acknowledged(topic, body, 7);
                if let Err(error) = outcome {
                    let _ = conn.send(format!("!{error:?}").as_str());
                }
            }
        }
    }

    fn on_published(&mut self, conn: &mut Conn<'_, ()>, token: u64, outcome: Result<Option<Position>, PublishError>) {
        if token == DAWDLE {
            // Behind everything else that a turn takes in.
            return thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(token, 7);
        let position = outcome.map(|position| position.map_or("-".to_owned(), |position| position.to_string()));
        let _ = conn.send(format!("={}", position.unwrap_or_else(|error| format!("{error:?}"))).as_str());
    }
}

fn subscribe(conn: &mut Conn<'_, ()>, wanted: &str) {
    let (topic, position) = wanted.split_once(' ').unwrap_or((wanted, ""));
    let after: Vec<_> = position.parse().map(|position| (topic, position)).into_iter().collect();
    let start = Start { after: &after, since_ms: (position == "all").then_some(0) };
    let answer = match conn.replay(topic, &start) {
        Ok(replay) => format!("+{} {} {}", position_of(replay.position), replay.message_count, replay.has_gap),
        Err(error) => format!("+{error}"),
    };
    let _ = conn.send(answer.as_str());
    let _ = conn.subscribe_from(topic, &start);
}

fn position_of(position: Option<Position>) -> String {
    position.map_or("-".to_owned(), |position| position.to_string())
}

fn historian(shards: usize, history_count: u32) -> TestServer {
    let kept = TopicConfig { pattern: "kept.>".to_owned(), history_count, ..TopicConfig::default() };
    TestServer::start(Config { topics: vec![kept], ..config(shards) }, || Historian)
}

/// Publishes and returns the position.
fn publish(client: &mut Raw, topic: &str, body: &str) -> Position {
    client.send_text(&format!("{topic}!{body}"));
    let answer = client.text();
    answer[1..].parse().unwrap_or_else(|_| panic!("{answer}"))
}

#[test]
fn who_comes_back_gets_exactly_what_it_missed_on_any_shard() {
    for shards in [1, 2] {
        let server = historian(shards, 10);
        let mut publisher = Raw::open(server.addr());
        let positions: Vec<_> = (0..12).map(|number| publish(&mut publisher, "kept.a", &number.to_string())).collect();
        for _ in 0..8 {
            let mut client = Raw::open(server.addr());
            client.send_text(&format!("+kept.a {}", positions[8]));
            assert_eq!(client.text(), format!("+{} 3 false", positions[11]));
            (9..12).for_each(|number| assert_eq!(client.text(), number.to_string()));
            let mut late = Raw::open(server.addr());
            late.send_text(&format!("+kept.a {}", positions[0]));
            assert_eq!(late.text(), format!("+{} 10 true", positions[11]), "the second message is gone");
            (2..12).for_each(|number| assert_eq!(late.text(), number.to_string()));
            let mut fresh = Raw::open(server.addr());
            fresh.send_text("+kept.a");
            assert_eq!(fresh.text(), format!("+{} 0 false", positions[11]));
        }
        drop(publisher);
        server.finish();
    }
}

#[test]
fn a_pattern_is_resumed_topic_by_topic() {
    let server = historian(2, 10);
    let mut publisher = Raw::open(server.addr());
    for topic in ["kept.a", "kept.b", "kept.c"] {
        for number in 0..3 {
            publish(&mut publisher, topic, &format!("{topic}{number}"));
        }
    }
    let mut client = Raw::open(server.addr());
    client.send_text("+kept.* all");
    assert_eq!(client.text(), "+- 9 false");
    let mut heard: Vec<_> = (0..9).map(|_| client.text()).collect();
    heard.sort();
    assert_eq!(heard[..3], ["kept.a0", "kept.a1", "kept.a2"]);
    publish(&mut publisher, "kept.d", "live");
    assert_eq!(client.text(), "live");
    drop((client, publisher));
    server.finish();
}

#[test]
fn positions_that_cannot_be_are_refused_or_say_that_something_is_missing() {
    let server = historian(2, 10);
    let mut client = Raw::open(server.addr());
    let position = publish(&mut client, "kept.a", "x").to_string();
    let (epoch, _) = position.split_once('-').expect("a position");
    client.send_text(&format!("+kept.a {epoch}-2"));
    assert_eq!(client.text(), "+kept.a has not reached this position: subscribe without one");
    client.send_text("+kept.a 1111111111111111-1");
    assert_eq!(client.text(), format!("+{position} 1 true"));
    assert_eq!(client.text(), "x");
    client.send_text(&format!("+plain {position}"));
    assert_eq!(client.text(), "+- 0 true");
    client.send_text("plain!y");
    let mut both = [client.text(), client.text()];
    both.sort();
    assert_eq!(both, ["=-", "y"]);
    drop(client);
    server.finish();
}

/// More than the high mark lets through at once.
#[test]
fn a_long_replay_comes_in_pages_and_live_messages_behind_it() {
    const COUNT: usize = 2000;
    let server = historian(2, COUNT as u32 + 50);
    let mut publisher = Raw::open(server.addr());
    let body = |number: usize| format!("{number:0500}");
    for number in 0..COUNT {
        publish(&mut publisher, "kept.a", &body(number));
    }
    let mut client = Raw::open(server.addr());
    client.send_text("+kept.a all");
    for number in COUNT..COUNT + 50 {
        publish(&mut publisher, "kept.a", &body(number));
    }
    assert!(client.text().starts_with('+'));
    (0..COUNT + 50).for_each(|number| assert_eq!(client.text().parse(), Ok(number)));
    drop((client, publisher));
    server.finish();
}

/// A position that one shard told is reached on all others at once, by whoever comes there with it. The other one has much to do
/// meanwhile, so that it finds the message and the question at the same time.
#[test]
fn a_position_that_was_just_told_is_known_on_every_shard() {
    let server = historian(2, 10);
    let mut clients: [Vec<Raw>; 2] = [Vec::new(), Vec::new()];
    eventually("somebody is on each shard", || {
        let client = Raw::open(server.addr());
        let addr = client.stream.local_addr().expect("it is connected");
        let conns = server.handle().connections().expect("it runs");
        let conn = conns.iter().find(|conn| conn.remote_addr == addr).expect("it is open");
        clients[conn.id.shard()].push(client);
        !clients[0].is_empty() && clients[1].len() >= 2
    });
    let [publishers, readers] = &mut clients;
    let (publisher, [busy, reader, ..]) = (&mut publishers[0], &mut readers[..]) else { panic!("not enough") };
    // The home of half of them is the publisher's shard.
    for topic in ["kept.a", "kept.b", "kept.c", "kept.d", "kept.e", "kept.f", "kept.g", "kept.h"] {
        for number in 0..10 {
            busy.send_text("z");
            thread::sleep(Duration::from_millis(2));
            let position = publish(publisher, topic, &number.to_string());
            reader.send_text(&format!("+{topic} {position}"));
            assert_eq!(reader.text(), format!("+{position} 0 false"));
            reader.send_text(&format!("-{topic}"));
            assert_eq!(reader.text(), "-true");
        }
    }
    drop(clients);
    server.finish();
}

/// Readers break off at random and resume; each hears every message once and in order.
#[test]
fn nothing_is_lost_or_repeated_over_random_disconnects() {
    const COUNT: u64 = 20_000;
    const READERS: u64 = 12;
    for shards in [1, 2] {
        let server = historian(shards, 100_000);
        let mut publisher = Raw::open(server.addr());
        let first = publish(&mut publisher, "kept.a", "0").to_string();
        let epoch: Arc<str> = first.split_once('-').expect("a position").0.into();
        let slowest = Arc::new(AtomicU64::new(0));
        let readers: Vec<_> = (0..READERS)
            .map(|seed| {
                let (addr, epoch, slowest) = (server.addr(), Arc::clone(&epoch), Arc::clone(&slowest));
                thread::spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    let mut seen = 1;
                    while seen <= COUNT {
                        let mut client = Raw::open(addr);
                        client.send_text(&format!("+kept.a {epoch}-{seen}"));
                        assert!(client.text().ends_with(" false"));
                        for _ in 0..random.u64(1..3000).min(COUNT + 1 - seen) {
                            assert_eq!(client.text(), seen.to_string(), "reader {seed}");
                            seen += 1;
                        }
                        slowest.fetch_max(seen, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for number in 1..=COUNT {
            publisher.send_text(&format!("kept.a!{number}"));
            if number % 64 == 0 {
                (0..64).for_each(|_| assert!(publisher.text().starts_with('=')));
            }
        }
        readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
        drop(publisher);
        server.finish();
    }
}

/// Readers that do not read, one of each policy; what happens to them, and what they find when they read again.
#[test]
fn slow_consumers_get_what_the_topics_policy_says() {
    const COUNT: usize = 4000;
    let rule = |name: &str, overflow| TopicConfig {
        pattern: name.to_owned(),
        history_count: 100,
        overflow: Some(overflow),
        ..TopicConfig::default()
    };
    let topics = vec![
        rule("closed", TopicOverflow::Disconnect),
        rule("oldest", TopicOverflow::DropOldest),
        rule("newest", TopicOverflow::DropNewest),
        rule("latest", TopicOverflow::Conflate),
    ];
    let server = TestServer::start(Config { topics, ..config(1) }, || Historian);
    let mut readers = ["closed", "oldest", "newest", "latest"].map(|topic| {
        let mut reader = Raw::open(server.addr());
        reader.send_text(&format!("+{topic}"));
        assert!(reader.text().ends_with("-0 0 false"), "nothing was published yet");
        reader
    });
    let mut publisher = Raw::open(server.addr());
    let body = |number: usize| format!("{number:05000}");
    for number in 0..COUNT {
        for topic in ["closed", "oldest", "newest", "latest"] {
            publish(&mut publisher, topic, &body(number));
        }
    }
    let mut heard = |index: usize| {
        let mut numbers: Vec<usize> = Vec::new();
        loop {
            let frame = readers[index].frame();
            if frame.opcode == Opcode::Close.bits() {
                return (numbers, Some(frame));
            }
            numbers.push(String::from_utf8(frame.payload).expect("text").parse().expect("a number"));
            if index != 0 && numbers.last() == Some(&(COUNT - 1)) || index == 2 && numbers.len() == 1500 {
                return (numbers, None);
            }
        }
    };
    let rising = |numbers: &[usize]| numbers.is_sorted_by(|one, next| one < next);
    let (closed, end) = heard(0);
    assert_eq!(closed, (0..closed.len()).collect::<Vec<_>>(), "nothing is missing before the end");
    assert_eq!(end.expect("a close frame").close(), (Some(4000), "resume: you read closed too slowly"));
    let (oldest, _) = heard(1);
    assert!(rising(&oldest) && oldest[oldest.len() - 100..] == (COUNT - 100..COUNT).collect::<Vec<_>>());
    let (latest, _) = heard(3);
    assert!(rising(&latest) && latest.len() < oldest.len(), "{} {}", latest.len(), oldest.len());
    drop(readers);
    drop(publisher);
    server.finish();
}
