//! Topics as Server-Sent Events, as their readers see them.

use std::time::Duration;

use ringwire::config::{Access, TopicConfig, TopicOverflow};
use ringwire::http::{OriginRules, Routes, TopicsRoute, WebSocketRoute};
use ringwire::proto::Opcode;
use ringwire::{Config, Conn, Handler, Message, Position, PublishError};

use crate::common::raw::frame;
use crate::common::{Raw, TestServer, config, eventually};

/// Publishes what messages say, `TOPIC!PAYLOAD`, as they are, and answers with the position.
struct Press;

impl Handler for Press {
    type Data = ();

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let bytes = message.as_bytes();
        let at = bytes.iter().position(|byte| *byte == b'!').expect("a publication");
        let topic = str::from_utf8(&bytes[..at]).expect("a name");
        let body = match message {
            Message::Text(text) => Message::Text(&text[at + 1..]),
            Message::Binary(bytes) => Message::Binary(&bytes[at + 1..]),
        };
        conn.publish_acknowledged(topic, body, 0).expect("a valid name");
    }

    fn on_published(&mut self, conn: &mut Conn<'_, ()>, _: u64, outcome: Result<Option<Position>, PublishError>) {
        let position = outcome.expect("room").map_or("-".to_owned(), |position| position.to_string());
        let _ = conn.send(position.as_str());
    }
}

/// A server with topics: `kept.>` with five messages of history, `hidden` for nobody, others without history.
pub(crate) fn node(config: Config) -> TestServer {
    let kept = TopicConfig { pattern: "kept.>".to_owned(), history_count: 5, ..TopicConfig::default() };
    let hidden = TopicConfig { pattern: "hidden".to_owned(), subscribe: Access::Nobody, ..TopicConfig::default() };
    let origins = OriginRules::parse(["https://page.test"]).unwrap();
    let routes = Routes::builder()
        .websocket(WebSocketRoute::new("/publish").unwrap())
        .topics(TopicsRoute::new("/topics").unwrap().origins(origins))
        .build()
        .unwrap();
    TestServer::with_routes(Config { topics: vec![kept, hidden], ..config }, routes, || Press)
}

/// Publishes a text, and returns its position.
pub(crate) fn publish(press: &mut Raw, topic: &str, text: &str) -> String {
    press.send_text(&format!("{topic}!{text}"));
    press.text()
}

pub(crate) fn press(server: &TestServer) -> Raw {
    Raw::open_at(server.addr(), "/publish")
}

/// A stream whose head was read and is right.
fn stream(server: &TestServer, target: &str, more: &str) -> Raw {
    let mut reader = Raw::connect(server.addr());
    reader.write(
        format!("GET /topics/{target} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{more}\r\n").as_bytes(),
    );
    let response = reader.response();
    assert_eq!((response.status, response.header("Content-Type")), (200, Some("text/event-stream")), "{target}");
    let retry = reader.until("\n\n").expect("a retry");
    let ms: u32 = retry.trim().strip_prefix("retry: ").expect("a retry").parse().expect("a number");
    assert!((1000..=3000).contains(&ms), "{ms}");
    reader
}

/// The first event, without the time.
#[track_caller]
fn subscribed(reader: &mut Raw) -> String {
    let event = reader.until("\n\n").expect("an event");
    let (rest, time) = event.split_once(",\"time\":").expect("a time");
    assert!(time.len() > 13 && event.contains("event: subscribed\n"), "{event}");
    rest.replace("event: subscribed\n", "")
}

#[track_caller]
fn event(reader: &mut Raw) -> String {
    reader.until("\n\n").expect("an event")
}

#[test]
fn a_stream_replays_what_was_missed_and_goes_on_live_on_all_shards() {
    for shards in [1, 2] {
        let server = node(config(shards));
        let mut press = press(&server);
        let at: Vec<_> = (0..3).map(|number| publish(&mut press, "kept.a", &format!("old {number}"))).collect();
        let start = |before: &str, head: &str, count| {
            format!(
                "id: {before}\ndata: {{\"topic\":\"kept.a\",\"position\":\"{head}\",\"replayed\":{count},\"gap\":false"
            )
        };
        let mut readers: Vec<_> = (0..4)
            .flat_map(|_| {
                let mut back = stream(&server, &format!("kept.a?after={}", at[0]), "");
                assert_eq!(subscribed(&mut back), start(&at[0], &at[2], 2));
                let mut by_id = stream(&server, "kept.a?after=1-1", &format!("Last-Event-ID: {}\r\n", at[0]));
                assert_eq!(subscribed(&mut by_id), start(&at[0], &at[2], 2));
                for reader in [&mut back, &mut by_id] {
                    assert_eq!(event(reader), format!("id: {}\ndata: old 1\n\n", at[1]));
                    assert_eq!(event(reader), format!("id: {}\ndata: old 2\n\n", at[2]));
                }
                let mut fresh = stream(&server, "kept.a", "");
                assert_eq!(subscribed(&mut fresh), start(&at[2], &at[2], 0));
                [back, by_id, fresh]
            })
            .collect();
        for text in ["live", "two\r\nlines"] {
            let id = publish(&mut press, "kept.a", text);
            let data = text.replace("\r\n", "\ndata: ");
            readers.iter_mut().for_each(|reader| assert_eq!(event(reader), format!("id: {id}\ndata: {data}\n\n")));
        }
        press.write(&frame(Opcode::Binary, true, b"kept.a!\x89PNG"));
        let id = press.text();
        let expected = format!("id: {id}\nevent: binary\ndata: iVBORw==\n\n");
        readers.iter_mut().for_each(|reader| assert_eq!(event(reader), expected));
        assert_eq!(server.gauges().connections, 13);
        drop((readers, press));
        server.finish();
    }
}

#[test]
fn topics_without_history_and_those_without_a_message_can_be_followed() {
    let server = node(config(2));
    let (mut plain, mut new) = (stream(&server, "plain?since=0", ""), stream(&server, "kept.new", ""));
    let begin = "data: {\"topic\":\"plain\",\"replayed\":0,\"gap\":false";
    assert_eq!(subscribed(&mut plain), begin);
    let first = subscribed(&mut new);
    let id = first.lines().next().and_then(|line| line.strip_prefix("id: ")).expect("a position").to_owned();
    let mut again = stream(&server, &format!("kept.new?after={id}"), "");
    assert_eq!(subscribed(&mut again), first, "nothing was missed");
    let mut press = press(&server);
    assert_eq!(publish(&mut press, "plain", "x"), "-");
    assert_eq!(event(&mut plain), "data: x\n\n");
    let position = publish(&mut press, "kept.new", "y");
    assert_eq!(
        (event(&mut new), event(&mut again)),
        (format!("id: {position}\ndata: y\n\n"), format!("id: {position}\ndata: y\n\n"))
    );
    drop((plain, new, again, press));
    server.finish();
}

#[test]
fn a_gap_is_told_and_what_is_left_is_replayed() {
    let server = node(config(2));
    let mut press = press(&server);
    let at: Vec<_> = (0..7).map(|number| publish(&mut press, "kept.a", &number.to_string())).collect();
    for (after, replayed) in [(&*at[0], 5), ("123456-1", 5)] {
        let mut reader = stream(&server, &format!("kept.a?after={after}"), "");
        let first = subscribed(&mut reader);
        assert!(first.ends_with(&format!("\"replayed\":{replayed},\"gap\":true")), "{first}");
        assert!(first.starts_with(&format!("id: {}\n", at[1])), "{first}");
        assert_eq!(event(&mut reader), format!("id: {}\ndata: 2\n\n", at[2]));
    }
    drop(press);
    server.finish();
}

#[test]
fn a_pattern_says_of_each_message_which_topic_and_comes_back_by_that() {
    let server = node(config(2));
    let mut press = press(&server);
    let mut reader = stream(&server, "kept.%3E", "");
    assert_eq!(subscribed(&mut reader), "data: {\"topic\":\"kept.>\",\"replayed\":0,\"gap\":false");
    let a = publish(&mut press, "kept.a", "one");
    let first = event(&mut reader);
    assert!(first.starts_with(&format!("id: kept.a:{a}:")) && first.ends_with("\ndata: one\n\n"), "{first}");
    let id = first.lines().next().and_then(|line| line.strip_prefix("id: ")).expect("an id");
    publish(&mut press, "kept.b", "two");
    assert!(event(&mut reader).contains("id: kept.b:"));
    let mut back = stream(&server, "kept.%3E", &format!("Last-Event-ID: {id}\r\n"));
    assert_eq!(subscribed(&mut back), "data: {\"topic\":\"kept.>\",\"replayed\":1,\"gap\":false");
    assert!(event(&mut back).ends_with("data: two\n\n"), "kept.b was published within the second before");
    drop((reader, back, press));
    server.finish();
}

#[test]
fn a_reader_that_is_too_slow_is_ended_and_the_others_do_not_notice() {
    let policy = TopicOverflow::Disconnect;
    let base = config(1);
    let config = Config {
        send_queue_bytes_max: 256 * 1024,
        send_queue_bytes_high: 64 * 1024,
        send_queue_bytes_low: 16 * 1024,
        overflow: ringwire::config::Overflow::Disconnect,
        ..base
    };
    assert_eq!(TopicOverflow::from(config.overflow), policy);
    let server = node(config);
    let mut press = press(&server);
    let mut live = stream(&server, "kept.a", "");
    let mut slow = stream(&server, "kept.a", "");
    subscribed(&mut live);
    let body = "x".repeat(100_000);
    let mut count = 0;
    eventually("the slow one is ended", || {
        let id = publish(&mut press, "kept.a", &body);
        assert_eq!(event(&mut live).len(), format!("id: {id}\ndata: {body}\n\n").len());
        count += 1;
        server.gauges().connections == 2
    });
    assert_eq!(server.handle().stats().expect("it runs").counters.slow_consumers, 1);
    subscribed(&mut slow);
    let mut last = String::new();
    let mut heard = 0;
    while let Some(event) = slow.until("\n\n") {
        heard += 1;
        last = event;
    }
    assert!(heard - 1 < count, "{heard} events, the last one of which is no message, of {count} messages");
    assert!(last.starts_with("event: closing\n") && last.contains("resume"), "{}", &last[..last.len().min(200)]);
    drop((live, slow, press));
    server.finish();
}

#[test]
fn a_shutdown_is_told_and_ends_the_stream() {
    let server = node(config(2));
    let mut readers = [stream(&server, "kept.a", ""), stream(&server, "kept.%3E", "")];
    readers.iter_mut().for_each(|reader| drop(subscribed(reader)));
    server.handle().shutdown(Duration::from_secs(5));
    for reader in &mut readers {
        let closing = event(reader);
        assert!(
            closing.starts_with("event: closing\ndata: {\"code\":1001,\"message\":\"the server shuts down"),
            "{closing}"
        );
        assert_eq!(reader.until("\n\n"), None);
    }
    drop(readers);
    server.wait_for_end(Duration::from_secs(5));
}

#[test]
fn what_a_reader_sends_is_thrown_away_and_its_end_is_the_stream_s() {
    let server = node(config(1));
    let mut reader = stream(&server, "kept.a", "");
    subscribed(&mut reader);
    reader.write(&vec![b'x'; 300_000]);
    let mut press = press(&server);
    publish(&mut press, "kept.a", "y");
    assert!(event(&mut reader).ends_with("data: y\n\n"));
    reader.finish_writing();
    assert_eq!(reader.until("\n\n"), None);
    let mut head = Raw::connect(server.addr());
    head.write(b"HEAD /topics/kept.a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    let response = head.response_to("HEAD");
    assert_eq!((response.status, response.header("Connection")), (200, Some("close")));
    assert_eq!(head.until("\n"), None, "a head alone");
    drop((press, head, reader));
    server.finish();
}

#[test]
fn streams_take_places_of_connections() {
    let server = node(Config { connections_max: 2, ..config(1) });
    let readers = [stream(&server, "plain", ""), stream(&server, "plain", "")];
    let mut third = Raw::connect(server.addr());
    third.write(b"GET /topics/plain HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    let response = third.response();
    assert_eq!((response.status, response.text().contains("\"busy\"")), (503, true), "{response:?}");
    drop((readers, third));
    server.settle();
    drop(stream(&server, "plain", ""));
    server.finish();
}
