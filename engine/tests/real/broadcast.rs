//! Topics: who gets what, in which order, on one shard and on two.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use ringwire::{Config, Conn, Handler, Message, PublishError, SubscribeError, TopicNameError};

use crate::common::raw;
use crate::common::{Raw, TestServer, config, eventually};

/// Does what texts say, and answers with what came of it. `+T` and `-T` subscribe and unsubscribe, `T!X` publishes X to T,
/// `T~X` publishes it to the others; several separated by spaces are done in one callback. Of publishing, only errors are told.
pub(crate) struct Topics;

impl Handler for Topics {
    type Data = ();

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        for word in text.split(' ') {
            if let Some((topic, body)) = word.split_once('!') {
                let outcome = conn.publish(topic, body);
                tell_error(conn, outcome);
            } else if let Some((topic, body)) = word.split_once('~') {
                let outcome = conn.publish_to_others(topic, body);
                tell_error(conn, outcome);
            } else if let Some(topic) = word.strip_prefix('+') {
                let outcome = conn.subscribe(topic);
                let _ = conn.send(format!("+{outcome:?}").as_str());
            } else if let Some(topic) = word.strip_prefix('-') {
                let was = conn.unsubscribe(topic);
                let _ = conn.send(format!("-{was}").as_str());
            } else if let Some((kib, topics)) = word.split_once('#') {
                let body = "x".repeat(kib.parse::<usize>().expect("a number") * 1024);
                topics.split(',').for_each(|topic| conn.publish(topic, body.as_str()).expect("a name"));
            } else {
                let _ = conn.send("understood");
            }
        }
    }
}

fn tell_error(conn: &mut Conn<'_, ()>, outcome: Result<(), PublishError>) {
    if let Err(error) = outcome {
        let _ = conn.send(format!("!{error}").as_str());
    }
}

pub(crate) fn subscriber(server: &TestServer, topic: &str) -> Raw {
    let mut client = Raw::open(server.addr());
    client.send_text(&format!("+{topic}"));
    assert_eq!(client.text(), "+Ok(())");
    client
}

/// `count` subscribers of `topic`, some of them on each shard.
pub(crate) fn spread(server: &TestServer, topic: &str, count: usize) -> Vec<Raw> {
    let shards = server.handle().shard_count();
    let mut clients = Vec::new();
    eventually("every shard has connections", || {
        clients.extend((0..count).map(|_| subscriber(server, topic)));
        let listed = server.handle().connections().unwrap();
        listed.iter().map(|info| info.id.shard()).collect::<HashSet<_>>().len() == shards
    });
    clients
}

/// Asserts that nothing else is on its way to `client`: the answer to a question is the next thing.
#[track_caller]
pub(crate) fn expect_nothing_more(client: &mut Raw) {
    client.send_text("ping");
    assert_eq!(client.text(), "understood");
}

#[test]
fn everybody_hears_what_they_subscribed_to_and_nothing_else() {
    for shards in [1, 2] {
        let server = TestServer::start(config(shards), || Topics);
        let mut news = spread(&server, "news", 12);
        let mut sport = subscriber(&server, "sport");
        let mut both = subscriber(&server, "news");
        both.send_text("+sport");
        assert_eq!(both.text(), "+Ok(())");
        for publisher in 0..news.len() {
            let line = format!("{publisher}");
            news[publisher].send_text(&format!("news!{line}"));
            for client in news.iter_mut().chain([&mut both]) {
                assert_eq!(client.text(), line);
            }
        }
        sport.send_text("sport!goal");
        assert_eq!((sport.text(), both.text()), ("goal".into(), "goal".into()));
        sport.send_text("nobody!hears");
        news.iter_mut().chain([&mut sport, &mut both]).for_each(expect_nothing_more);
        drop((news, sport, both));
        server.finish();
    }
}

#[test]
fn publishing_to_others_leaves_the_publisher_out() {
    for shards in [1, 2] {
        let server = TestServer::start(config(shards), || Topics);
        let mut clients = spread(&server, "t", 8);
        let last = clients.len() - 1;
        // Both kinds in one turn, and in the publisher's own order.
        clients[last].send_text("t~one t!two t~three");
        for client in &mut clients[..last] {
            assert_eq!([client.text(), client.text(), client.text()], ["one", "two", "three"]);
        }
        assert_eq!(clients[last].text(), "two");
        clients.iter_mut().for_each(expect_nothing_more);
        drop(clients);
        server.finish();
    }
}

#[test]
fn unsubscribing_counts_at_once() {
    let server = TestServer::start(config(1), || Topics);
    let (mut one, mut other) = (subscriber(&server, "t"), subscriber(&server, "t"));
    one.send_text("-t t!unheard -t +t t!heard");
    assert_eq!([one.text(), one.text(), one.text()], ["-true", "-false", "+Ok(())"]);
    assert_eq!([other.text(), other.text()], ["unheard", "heard"]);
    // What was published in the turn of the subscription may come too: the batch is shared.
    let mut heard = one.text();
    if heard == "unheard" {
        heard = one.text();
    }
    assert_eq!(heard, "heard");
    one.send_text("-t");
    assert_eq!(one.text(), "-true");
    other.send_text("t!more");
    assert_eq!(other.text(), "more");
    expect_nothing_more(&mut one);
    other.send_text("-t");
    assert_eq!(other.text(), "-true");
    eventually("the topic is gone", || server.gauges().topics == 0);
    drop((one, other));
    server.finish();
}

#[test]
fn limits_have_errors_of_their_own() {
    let limits = Config {
        topics_max: 3,
        subscriptions_per_connection_max: 2,
        topic_name_bytes_max: 8,
        topic_tokens_max: 2,
        ..config(1)
    };
    let server = TestServer::start(limits, || Topics);
    let mut client = Raw::open(server.addr());
    for (word, outcome) in [
        ("+a", Ok(())),
        ("+a", Ok(())),
        ("+b.*", Ok(())),
        ("+b.*", Ok(())),
        ("+c", Err(SubscribeError::TooManySubscriptions { count_max: 2 })),
        ("+>", Err(SubscribeError::TooManySubscriptions { count_max: 2 })),
        ("+", Err(TopicNameError::Empty.into())),
        ("+ninebytes", Err(TopicNameError::TooLong { bytes: 9, bytes_max: 8 }.into())),
        ("+b.*.c", Err(TopicNameError::TooManyTokens { count_max: 2 }.into())),
        ("+>.b", Err(TopicNameError::RestNotLast { at: 0 }.into())),
        ("+b..c", Err(TopicNameError::EmptyToken { at: 2 }.into())),
        ("+b*", Err(TopicNameError::PartOfToken { at: 1, wildcard: '*' }.into())),
    ] {
        client.send_text(word);
        assert_eq!(client.text(), format!("+{outcome:?}"), "{word}");
    }
    let mut second = subscriber(&server, "c");
    second.send_text("+d");
    assert_eq!(second.text(), format!("+{:?}", Err::<(), _>(SubscribeError::TooManyTopics { count_max: 3 })));
    client.send_text("-a");
    assert_eq!(client.text(), "-true");
    second.send_text("+d");
    assert_eq!(second.text(), "+Ok(())", "there is room again");
    drop((client, second));
    server.finish();
}

#[test]
fn nothing_is_missing_twice_or_out_of_order() {
    const CLIENTS: usize = 200;
    const MESSAGES: usize = 200;
    const OUTSIDE: usize = 200;
    for shards in [1, 2] {
        let roomy = Config { send_queue_bytes_max: 64 << 20, send_queue_bytes_high: 32 << 20, ..config(shards) };
        let server = TestServer::start(roomy, || Topics);
        let clients: Vec<_> = (0..CLIENTS).map(|_| subscriber(&server, "t")).collect();
        thread::scope(|scope| {
            for (own, client) in clients.into_iter().enumerate() {
                let mut writer = client.stream.try_clone().unwrap();
                let mut client = client;
                scope.spawn(move || {
                    // Each waits for its own message before the next, as a conversation does.
                    let mut next = vec![0; CLIENTS + 1];
                    let mut say = |index: usize| {
                        use std::io::Write;
                        writer.write_all(&raw::text(&format!("t!{own}/{index}"))).expect("the server reads");
                    };
                    say(0);
                    for _ in 0..CLIENTS * MESSAGES + OUTSIDE {
                        let line = client.text();
                        let (from, index) = line.split_once('/').expect("what somebody said");
                        let (from, index): (usize, usize) = (from.parse().unwrap(), index.parse().unwrap());
                        assert_eq!(index, next[from], "client {own} heard {line} out of order");
                        next[from] += 1;
                        if from == own && index + 1 < MESSAGES {
                            say(index + 1);
                        }
                    }
                    expect_nothing_more(&mut client);
                });
            }
            for index in 0..OUTSIDE {
                server.handle().publish("t", format!("{CLIENTS}/{index}").as_str()).unwrap();
                thread::yield_now();
            }
        });
        let counters = server.handle().stats().unwrap().counters;
        assert_eq!((counters.batches_dropped, counters.messages_dropped), (0, 0), "{counters:?}");
        server.finish();
    }
}

#[test]
fn subscribers_that_leave_in_the_middle_harm_nobody() {
    for shards in [1, 2] {
        let server = TestServer::start(config(shards), || Topics);
        let mut stable = subscriber(&server, "t");
        let mut publisher = Raw::open(server.addr());
        for round in 0..40 {
            let mut passing: Vec<_> = (0..10).map(|_| subscriber(&server, "t")).collect();
            for index in 0..20 {
                publisher.send_text(&format!("t!{round}/{index}"));
                if index % 4 == 1 {
                    let mut leaving = passing.swap_remove(index % passing.len());
                    match index % 3 {
                        0 => socket2::SockRef::from(&leaving.stream).set_linger(Some(Duration::ZERO)).unwrap(),
                        1 => leaving.write(&raw::close(1000, "")),
                        _ => {}
                    }
                }
            }
            for index in 0..20 {
                assert_eq!(stable.text(), format!("{round}/{index}"));
            }
        }
        drop((stable, publisher));
        server.finish();
    }
}

/// Slow consumers are found out in the middle of a fan-out: each is closed, and all others still get their message.
#[test]
fn a_slow_consumer_is_closed_and_nobody_else_notices() {
    let narrow = Config {
        send_queue_bytes_low: 16 * 1024,
        send_queue_bytes_high: 64 * 1024,
        send_queue_bytes_max: 256 * 1024,
        socket_send_buffer_bytes: Some(16 * 1024),
        close_timeout: Duration::from_millis(100),
        ..config(1)
    };
    let server = TestServer::start(narrow, || Topics);
    let mut readers = Vec::new();
    let mut deaf = Vec::new();
    for _ in 0..10 {
        readers.push(subscriber(&server, "t"));
        let client = subscriber(&server, "t");
        socket2::SockRef::from(&client.stream).set_recv_buffer_size(4096).unwrap();
        deaf.push(client);
    }
    let mut publisher = Raw::open(server.addr());
    for round in 0..100 {
        publisher.send_text("16#t");
        for reader in &mut readers {
            assert_eq!(reader.frame().payload.len(), 16 * 1024, "round {round}");
        }
    }
    eventually("the deaf are closed", || server.gauges().connections == 11);
    let counters = server.handle().stats().unwrap().counters;
    assert_eq!(counters.slow_consumers, 10, "{counters:?}");
    drop((readers, deaf, publisher));
    server.finish();
}

/// The only subscriber of a topic is too slow: the topic goes with it, and its place is not given out twice.
#[test]
fn a_topic_that_loses_its_only_subscriber_while_it_publishes() {
    let narrow = Config {
        send_queue_bytes_low: 16 * 1024,
        send_queue_bytes_high: 32 * 1024,
        send_queue_bytes_max: 64 * 1024,
        socket_send_buffer_bytes: Some(16 * 1024),
        close_timeout: Duration::from_millis(100),
        ..config(1)
    };
    let server = TestServer::start(narrow, || Topics);
    let mut publisher = Raw::open(server.addr());
    let mut deaf = subscriber(&server, "a");
    deaf.send_text("+z");
    assert_eq!(deaf.text(), "+Ok(())");
    socket2::SockRef::from(&deaf.stream).set_recv_buffer_size(4096).unwrap();
    eventually("it is found too slow", || {
        publisher.send_text("16#a");
        server.handle().stats().unwrap().counters.slow_consumers == 1
    });
    let (mut b, mut c) = (subscriber(&server, "b"), subscriber(&server, "c"));
    publisher.send_text("b!for_b c!for_c a!for_nobody");
    assert_eq!((b.text(), c.text()), ("for_b".into(), "for_c".into()));
    expect_nothing_more(&mut b);
    expect_nothing_more(&mut c);
    drop((publisher, deaf, b, c));
    server.finish();
}

/// One publication larger than a whole send queue, with another behind it.
#[test]
fn publications_above_the_send_queue_close_and_do_not_crash() {
    let server = TestServer::start(Config { close_timeout: Duration::from_millis(100), ..config(1) }, || Topics);
    let mut both = subscriber(&server, "a");
    both.send_text("+b");
    assert_eq!(both.text(), "+Ok(())");
    let mut publisher = Raw::open(server.addr());
    publisher.send_text("2048#a,b");
    let first = both.frame();
    assert_eq!((first.opcode, first.payload.len()), (1, 2048 * 1024));
    assert_eq!(both.frame().close().0, Some(1013));
    expect_nothing_more(&mut publisher);
    drop((both, publisher));
    server.finish();
}
