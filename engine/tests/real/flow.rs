//! Back-pressure: what callbacks see of a slow peer, and what pausing does.

use std::thread;

use ringwire::{Config, Conn, Handler, Message, SendStatus};

use crate::common::raw;
use crate::common::{Log, Raw, TestServer, config, eventually};

const KIB: usize = 1024;

/// Small marks and small kernel buffers, so that a few hundred KiB are a flood.
fn narrow() -> Config {
    Config {
        send_queue_bytes_low: 16 * KIB,
        send_queue_bytes_high: 64 * KIB,
        send_queue_bytes_max: 512 * KIB,
        socket_send_buffer_bytes: Some(16 * KIB),
        ..config(1)
    }
}

/// Understands `flood N` (N KiB as messages of 1 KiB, until one is dropped), and `pause` (until drained).
struct Flow(Log);

impl Handler for Flow {
    type Data = ();

    fn on_open(&mut self, conn: &mut Conn<'_, ()>) {
        self.0.push(format!("open {:?} {}", conn.ready_state(), conn.queued_bytes() > 0));
    }

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        self.0.push(format!("message {text}"));
        let count = text.split_once(' ').and_then(|(_, count)| count.parse().ok()).unwrap_or(0);
        let statuses: Vec<_> = (0..count).map(|_| conn.send(&[7; KIB])).collect();
        let backpressure = statuses.iter().filter(|status| **status == SendStatus::Backpressure).count();
        let dropped = statuses.iter().filter(|status| **status == SendStatus::Dropped).count();
        self.0.push(format!("{text}: {} {dropped} {}", backpressure > 0, conn.queued_bytes() > 64 * KIB));
        if text.starts_with("pause") {
            conn.pause();
        }
        if text == "state" {
            conn.close(ringwire::CloseCode::NORMAL, "");
            self.0.push(format!("closing {:?} {:?}", conn.ready_state(), conn.send("late")));
        }
    }

    fn on_drain(&mut self, conn: &mut Conn<'_, ()>) {
        self.0.push(format!("drain {}", conn.queued_bytes() <= 16 * KIB));
        conn.resume();
    }

    fn on_close(&mut self, conn: &mut Conn<'_, ()>, code: ringwire::CloseCode, _reason: &str) {
        let sent = conn.send("too late");
        self.0.push(format!("close {} {:?} {sent:?}", code.0, conn.ready_state()));
    }
}

fn flow(config: Config) -> (TestServer, Log) {
    let log = Log::default();
    let for_shard = log.clone();
    (TestServer::start(config, move || Flow(for_shard.clone())), log)
}

#[test]
fn ready_states_follow_the_connection() {
    let (server, log) = flow(config(1));
    let mut client = Raw::open(server.addr());
    client.send_text("state");
    assert_eq!(client.frame().close(), (Some(1000), ""));
    client.write(&raw::close(1000, ""));
    client.expect_end();
    server.settle();
    let lines = log.lines();
    assert_eq!(lines[0], "open Open true", "the response of the handshake is still queued: {lines:?}");
    assert_eq!(lines[3], "closing Closing Dropped", "{lines:?}");
    assert!(lines[4].starts_with("close 1000 ") && lines[4].ends_with(" Dropped"), "{lines:?}");
    server.finish();
}

#[test]
fn a_slow_peer_is_not_read_from_until_it_drained() {
    let (server, log) = flow(narrow());
    let mut client = Raw::open(server.addr());
    client.send_text("flood 300");
    log.expect("flood 300: true 0 true");
    client.send_text("after");
    assert!(server.gauges().queued_bytes > 16 * KIB as u64, "{:?}", server.gauges());
    assert_eq!(log.count("message after"), 0, "it is read from: {:?}", log.lines());
    for _ in 0..300 {
        assert_eq!(client.frame().payload.len(), KIB);
    }
    log.expect("drain true");
    log.expect("message after");
    assert_eq!(server.handle().stats().unwrap().counters.backpressure, 1);
    drop(client);
    server.finish();
}

#[test]
fn a_peer_that_never_reads_is_closed_when_its_queue_is_full() {
    let (server, log) = flow(Config { close_timeout: std::time::Duration::from_millis(100), ..narrow() });
    let mut client = Raw::open(server.addr());
    client.send_text("flood 2000");
    eventually("closed", || log.lines().iter().any(|line| line.starts_with("close 1006")));
    let counters = server.handle().stats().unwrap().counters;
    assert_eq!((counters.slow_consumers, counters.messages_dropped), (1, 1), "{counters:?}");
    drop(client);
    server.finish();
}

#[test]
fn drop_newest_keeps_the_connection() {
    let (server, log) = flow(Config { overflow: ringwire::config::Overflow::DropNewest, ..narrow() });
    let mut client = Raw::open(server.addr());
    client.send_text("flood 2000");
    eventually("it flooded", || log.lines().iter().any(|line| line.starts_with("flood 2000: true")));
    let dropped = server.handle().stats().unwrap().counters.messages_dropped;
    assert!((1000..2000).contains(&dropped), "{dropped} dropped");
    for _ in 0..2000 - dropped {
        assert_eq!(client.frame().payload.len(), KIB);
    }
    client.send_text("flood 1");
    assert_eq!(client.frame().payload.len(), KIB);
    drop(client);
    server.finish();
}

#[test]
fn a_paused_connection_gets_no_messages_until_it_is_resumed() {
    let (server, log) = flow(narrow());
    let mut client = Raw::open(server.addr());
    // The pause comes with a flood, so that the drain after it resumes.
    client.write(&[raw::text("pause 300"), raw::text("held"), raw::text("back")].concat());
    log.expect("pause 300: true 0 true");
    client.send_text("later");
    assert_eq!(log.count("message held"), 0);
    for _ in 0..300 {
        assert_eq!(client.frame().payload.len(), KIB);
    }
    log.expect("message later");
    let messages: Vec<_> = log.lines().into_iter().filter(|line| line.starts_with("message ")).collect();
    assert_eq!(messages, ["message pause 300", "message held", "message back", "message later"]);
    drop(client);
    server.finish();
}

#[test]
fn many_slow_readers_get_every_byte() {
    let (server, _) = flow(narrow());
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let mut client = Raw::open(server.addr());
            thread::spawn(move || {
                for _ in 0..5 {
                    client.send_text("flood 200");
                    for _ in 0..200 {
                        assert_eq!(client.frame().payload, [7; KIB]);
                    }
                }
            })
        })
        .collect();
    readers.into_iter().for_each(|reader| reader.join().expect("every byte came"));
    assert!(server.handle().stats().unwrap().counters.short_sends > 0, "the sockets were never full");
    server.finish();
}
