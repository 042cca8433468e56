//! How connections end, and that each ends once.

use std::io::{ErrorKind, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ringwire::proto::Opcode;
use ringwire::{CloseCode, Config, Conn, ConnError, Handler, Message};

use crate::common::raw::{self, frame};
use crate::common::{Log, PATIENCE, Probe, Raw, TestServer, config, eventually, polite};

fn probe(config: Config) -> (TestServer, Log) {
    let log = Log::default();
    let for_shards = log.clone();
    (TestServer::start(config, move || Probe(for_shards.clone())), log)
}

/// All that the log says beside the opening.
fn ends(log: &Log) -> Vec<String> {
    log.lines().into_iter().filter(|line| line != "open").collect()
}

#[test]
fn code_and_reason_of_the_peer() {
    let (server, log) = probe(config(1));
    for (sent, answered, told) in [
        (raw::close(1000, "bye"), (Some(1000), "bye"), "close 1000 bye"),
        (raw::close(4999, "ünïcode"), (Some(4999), "ünïcode"), "close 4999 ünïcode"),
        (
            raw::close(1001, &"x".repeat(123)),
            (Some(1001), &*"x".repeat(123)),
            &*format!("close 1001 {}", "x".repeat(123)),
        ),
        (frame(Opcode::Close, true, b""), (None, ""), "close 1005 "),
    ] {
        let mut client = Raw::open(server.addr());
        client.write(&sent);
        assert_eq!(client.frame().close(), answered);
        client.expect_end();
        log.expect(told);
    }
    assert_eq!(ends(&log).len(), 4, "no errors, and every end once: {:?}", log.lines());
    server.finish();
}

#[test]
fn a_peer_that_vanishes_is_1006() {
    let (server, log) = probe(config(1));
    drop(Raw::open(server.addr()));
    log.expect("close 1006 ");
    assert_eq!(ends(&log), ["error the peer closed the connection without a closing handshake", "close 1006 "]);
    let reset = Raw::open(server.addr());
    socket2::SockRef::from(&reset.stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(reset);
    eventually("two ends", || log.count("close 1006 ") == 2);
    assert!(log.lines().iter().any(|line| line.starts_with("error connection lost: ")), "{:?}", log.lines());
    server.finish();
}

/// What breaks which rule.
fn violations() -> Vec<(&'static str, Vec<u8>, u16)> {
    let mut reserved_opcode = frame(Opcode::Text, true, b"x");
    reserved_opcode[0] |= 0x02;
    let mut reserved_bit = frame(Opcode::Text, true, b"x");
    reserved_bit[0] |= 0x40;
    vec![
        ("a reserved opcode", reserved_opcode, 1002),
        ("a reserved bit", reserved_bit, 1002),
        ("no mask", vec![0x81, 1, b'x'], 1002),
        ("a continuation of nothing", frame(Opcode::Continuation, true, b"x"), 1002),
        ("a fragmented ping", frame(Opcode::Ping, false, b"x"), 1002),
        ("a close frame of one byte", frame(Opcode::Close, true, b"x"), 1002),
        ("close code 1005", raw::close(1005, ""), 1002),
        ("a reason that is not UTF-8", frame(Opcode::Close, true, &[0x03, 0xe8, 0xff]), 1007),
        ("text that is not UTF-8", frame(Opcode::Text, true, &[0xff]), 1007),
        ("half a character", frame(Opcode::Text, true, &[0xc3]), 1007),
        ("a message too big", frame(Opcode::Binary, true, &[0; 5000]), 1009),
        ("a message announced too big", vec![0x82, 0xff, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], 1009),
    ]
}

#[test]
fn violations_are_answered_although_the_peer_keeps_sending() {
    let (server, log) = probe(Config { message_bytes_max: 4096, ..config(1) });
    for (name, bytes, code) in violations() {
        let mut client = Raw::open(server.addr());
        client.write(&bytes);
        // Were any of this left unread at the close, it would be a reset that eats the close frame.
        for _ in 0..200 {
            client.write(&frame(Opcode::Binary, true, &[1; 4000]));
        }
        let closing = client.frame();
        assert_eq!(closing.close().0, Some(code), "{name}: {closing:?}");
        client.expect_end();
        client.write(&frame(Opcode::Binary, true, &[1; 4000]));
        drop(client);
    }
    server.settle();
    let lines = ends(&log);
    assert_eq!(lines.len(), 2 * violations().len(), "an error and an end each: {lines:?}");
    assert!(lines.iter().step_by(2).all(|line| line.starts_with("error protocol error: ")), "{lines:?}");
    assert_eq!(server.handle().stats().unwrap().counters.protocol_errors, violations().len() as u64);
    server.finish();
}

#[test]
fn what_was_sent_before_a_violation_is_answered_first() {
    let (server, _) = probe(config(1));
    let mut client = Raw::open(server.addr());
    client
        .write(&[raw::text("one"), raw::text("two"), frame(Opcode::Text, true, &[0xff]), raw::text("three")].concat());
    assert_eq!((client.text(), client.text()), ("one".into(), "two".into()));
    assert_eq!(client.frame().close().0, Some(1007));
    client.expect_end();
    drop(client);
    server.finish();
}

#[test]
fn messages_after_a_close_frame_are_not_read() {
    let (server, log) = probe(config(1));
    let mut client = Raw::open(server.addr());
    client.write(&[raw::close(1000, ""), raw::text("ghost"), frame(Opcode::Text, true, &[0xff])].concat());
    assert_eq!(client.frame().close().0, Some(1000));
    client.expect_end();
    drop(client);
    server.settle();
    assert_eq!(ends(&log), ["close 1000 "]);
    assert_eq!(server.handle().stats().unwrap().counters.messages_in, 0);
    server.finish();
}

/// Does what messages say: `close CODE`, `close twice`, `send and close`.
struct Obedient(Log);

impl Handler for Obedient {
    type Data = ();

    fn on_open(&mut self, conn: &mut Conn<'_, ()>) {
        if conn.remote_addr().port() == 0 {
            self.0.push("no address");
        }
    }

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        self.0.push(format!("message {text}"));
        match text.split_once(' ') {
            Some(("close", "twice")) => {
                conn.close(CloseCode::NORMAL, "first");
                conn.close(CloseCode::GOING_AWAY, "second");
            }
            Some(("close", code)) => conn.close(CloseCode(code.parse().expect("a number")), "as you wish"),
            _ => {
                let _ = conn.send("before");
                conn.close(CloseCode::POLICY_VIOLATION, &"é".repeat(100));
                let _ = conn.send("after");
            }
        }
    }

    fn on_close(&mut self, conn: &mut Conn<'_, ()>, code: CloseCode, reason: &str) {
        // Neither may do anything any more.
        conn.close(CloseCode::NORMAL, "again");
        let _ = conn.ping(b"");
        self.0.push(format!("close {} {reason}", code.0));
    }

    fn on_error(&mut self, conn: &mut Conn<'_, ()>, error: &ConnError) {
        conn.close(CloseCode::NORMAL, "in on_error");
        let kind = match error {
            ConnError::Protocol(_) => "protocol",
            ConnError::Io(_) => "io",
            ConnError::Truncated => "truncated",
            ConnError::Timeout(what) => what,
            _ => "other",
        };
        self.0.push(format!("error {kind}"));
    }
}

fn obedient(config: Config) -> (TestServer, Log) {
    let log = Log::default();
    let for_shards = log.clone();
    (TestServer::start(config, move || Obedient(for_shards.clone())), log)
}

#[test]
fn the_server_begins_the_close() {
    let (server, log) = obedient(config(1));
    for code in [1000, 1001, 1011, 3000, 4000, 4999] {
        let mut client = polite(server.addr(), "/");
        client.send(tungstenite::Message::text(format!("close {code}"))).unwrap();
        let tungstenite::Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no close frame") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (code, "as you wish"));
        while client.read().is_ok() {}
        log.expect(&format!("close {code} as you wish"));
    }
    server.settle();
    assert!(!log.lines().iter().any(|line| line.starts_with("error")), "{:?}", log.lines());
    server.finish();
}

#[test]
fn a_close_in_a_callback_ends_what_follows_in_the_same_bytes() {
    let (server, log) = obedient(config(1));
    let mut client = Raw::open(server.addr());
    client.write(&[raw::text("send and close"), raw::text("close 1000")].concat());
    assert_eq!(client.text(), "before");
    let closing = client.frame();
    let (code, reason) = closing.close();
    assert_eq!((code, reason), (Some(1008), &*"é".repeat(61)), "a reason is cut between characters");
    client.write(&raw::close(1008, ""));
    client.expect_end();
    drop(client);
    server.settle();
    assert_eq!(log.lines(), ["message send and close", "close 1008 "]);
    server.finish();
}

#[test]
fn a_second_close_does_nothing() {
    let (server, log) = obedient(config(1));
    let mut client = Raw::open(server.addr());
    client.send_text("close twice");
    assert_eq!(client.frame().close(), (Some(1000), "first"));
    // A peer that crosses our close frame with one of its own.
    client.write(&raw::close(3001, "mine"));
    client.expect_end();
    log.expect("close 3001 mine");
    drop(client);
    server.finish();
}

#[test]
fn the_close_timeout_cuts_a_peer_that_does_not_answer() {
    let (server, log) = obedient(Config { close_timeout: Duration::from_millis(80), ..config(1) });
    let mut client = Raw::open(server.addr());
    client.send_text("close 1000");
    assert_eq!(client.frame().close().0, Some(1000));
    log.expect("close 1006 ");
    assert_eq!(log.lines(), ["message close 1000", "error closing handshake", "close 1006 "]);
    let cut = client.try_frame();
    assert!(!matches!(cut, Ok(Some(_))), "it is over: {cut:?}");
    server.finish();
}

#[test]
fn silence_is_pinged_and_then_cut() {
    let quick = Duration::from_millis(60);
    let times = Config { ping_interval: Some(quick), pong_timeout: quick, ..config(1) };
    let (server, log) = obedient(times.clone());
    let mut silent = Raw::open(server.addr());
    assert_eq!(silent.frame().opcode, 9, "a ping");
    log.expect("error ping");
    log.expect("close 1006 ");
    drop(silent);
    server.finish();

    // Who answers stays. The next ping comes no sooner than the last one's time is over.
    let (server, log) = obedient(Config { pong_timeout: Duration::from_secs(1), ..times.clone() });
    let mut alive = Raw::open(server.addr());
    for _ in 0..3 {
        let ping = alive.frame();
        assert_eq!(ping.opcode, 9, "{ping:?}");
        alive.write(&frame(Opcode::Pong, true, &ping.payload));
    }
    assert!(log.lines().is_empty(), "{:?}", log.lines());
    drop(alive);
    server.finish();

    let (server, log) = obedient(Config { idle_timeout: Some(quick), ping_interval: None, ..times });
    let mut idle = Raw::open(server.addr());
    assert_eq!(idle.frame().close(), (Some(1001), "idle timeout"));
    idle.write(&raw::close(1001, ""));
    idle.expect_end();
    log.expect("close 1001 ");
    server.finish();
}

/// Blocks the shard in `on_message`, says so, and waits until the test lets it go on.
struct Stuck(Log, Arc<Mutex<Receiver<()>>>);

impl Handler for Stuck {
    type Data = ();

    fn on_message(&mut self, _conn: &mut Conn<'_, ()>, _message: Message<'_>) {
        self.0.push("stuck");
        let _ = self.1.lock().expect("no other panicked").recv_timeout(PATIENCE);
    }
}

/// A timer that goes off in the very turn in which the connection begins to end must not cut it.
#[test]
fn a_ping_that_is_due_does_not_eat_the_closing_handshake() {
    let interval = Duration::from_millis(50);
    let (release, wait) = channel();
    let (log, wait) = (Log::default(), Arc::new(Mutex::new(wait)));
    let for_shard = log.clone();
    let config = Config { ping_interval: Some(interval), ..config(1) };
    let server = TestServer::start(config, move || Stuck(for_shard.clone(), Arc::clone(&wait)));
    let (mut stalling, mut closing) = (Raw::open(server.addr()), Raw::open(server.addr()));
    stalling.send_text("stall");
    log.expect("stuck");
    closing.write(&raw::close(1000, "in time"));
    // What the timer counts.
    thread::sleep(2 * interval);
    release.send(()).unwrap();
    let answer = loop {
        match closing.try_frame() {
            Ok(Some(frame)) if frame.opcode == 9 => {}
            answer => break answer,
        }
    };
    assert!(matches!(&answer, Ok(Some(frame)) if frame.opcode == 8), "{answer:?}");
    drop((stalling, closing));
    server.finish();
}

#[test]
fn ends_are_told_once_whatever_happens_at_the_same_time() {
    let (server, log) = probe(Config { message_bytes_max: 4096, ..config(2) });
    let kinds = violations();
    for round in 0..300 {
        let mut client = Raw::open(server.addr());
        let bytes = match round % 4 {
            0 => [raw::text("x"), raw::close(1000, "")].concat(),
            1 => kinds[round % kinds.len()].1.clone(),
            2 => [kinds[round % kinds.len()].1.clone(), raw::close(1000, "")].concat(),
            _ => raw::text("x"),
        };
        let _ = client.stream.write_all(&bytes);
        if round % 3 == 0 {
            socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        if round % 5 == 0 {
            client.finish_writing();
            let _ = client.try_frame();
        }
    }
    server.settle();
    let closes = log.lines().iter().filter(|line| line.starts_with("close ")).count();
    assert_eq!((log.count("open"), closes), (300, 300));
    server.finish();
}

/// A client whose last frames and FIN arrive while its connection is not read from.
#[test]
fn a_close_frame_that_waits_behind_back_pressure_is_still_read() {
    let narrow = Config {
        send_queue_bytes_low: 16 * 1024,
        send_queue_bytes_high: 64 * 1024,
        socket_send_buffer_bytes: Some(16 * 1024),
        ..config(1)
    };
    let (server, log) = probe(narrow);
    let mut client = Raw::open(server.addr());
    socket2::SockRef::from(&client.stream).set_recv_buffer_size(16 * 1024).unwrap();
    let payload = vec![5; 100 * 1024];
    for _ in 0..4 {
        client.write(&frame(Opcode::Binary, true, &payload));
    }
    client.write(&raw::close(1000, "read me"));
    client.finish_writing();
    for _ in 0..4 {
        assert_eq!(client.frame().payload.len(), payload.len());
    }
    let closing = client.try_frame();
    assert!(matches!(closing, Ok(Some(_))), "{closing:?} within {PATIENCE:?}; {:?}", log.lines());
    assert_eq!(closing.ok().flatten().expect("just seen").close(), (Some(1000), "read me"));
    let reset = client.try_frame().map_err(|error| error.kind());
    assert!(matches!(reset, Ok(None)), "{:?}", reset.err().map(|kind| kind == ErrorKind::ConnectionReset));
    log.expect("close 1000 read me");
    server.finish();
}
