//! Messages there and back: every length, every way of cutting them up, many at once.

use std::collections::HashSet;
use std::io::Write;
use std::thread;

use ringwire::proto::Opcode;
use ringwire::{Config, Conn, ConnId, Handler, Message};
use tungstenite::Message as Theirs;

use crate::common::raw::{self, frame, upgrade_head};
use crate::common::{Frame, Log, Probe, Raw, TestServer, config, eventually, polite};

const MIB: usize = 1024 * 1024;

fn echo(config: Config) -> (TestServer, Log) {
    let log = Log::default();
    let for_shards = log.clone();
    (TestServer::start(config, move || Probe(for_shards.clone())), log)
}

/// Bytes that differ from their neighbours, so that a shift is seen.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(31) ^ (index >> 8)) as u8).collect()
}

#[test]
fn kinds_of_messages_come_back_as_they_were() {
    let (server, log) = echo(config(1));
    let mut client = polite(server.addr(), "/any/path?at=all");
    for message in [
        Theirs::text("hello"),
        Theirs::text(""),
        Theirs::binary(Vec::new()),
        Theirs::binary(pattern(1000)),
        Theirs::text("κόσμε — мир — 世界 — 🦀\u{10ffff}\0"),
        Theirs::binary(vec![0xff, 0xfe, 0]),
    ] {
        client.send(message.clone()).unwrap();
        assert_eq!(client.read().unwrap(), message);
    }
    client.close(None).unwrap();
    while client.read().is_ok() {}
    log.expect("close 1005 ");
    server.finish();
}

#[test]
fn every_length_boundary_up_to_16_mib() {
    let (server, _) = echo(Config { message_bytes_max: 16 * MIB, ..config(1) });
    let mut client = Raw::open(server.addr());
    let edges = [0, 125, 126, 65_535, 65_536, 32_768, 65_536 - 14, MIB, 16 * MIB];
    for length in edges.into_iter().flat_map(|edge| edge.saturating_sub(1)..=(edge + 1).min(16 * MIB)) {
        let payload = pattern(length);
        let bytes = frame(Opcode::Binary, true, &payload);
        let mut writer = client.stream.try_clone().unwrap();
        let writing = thread::spawn(move || writer.write_all(&bytes));
        let back = client.frame();
        assert!(back == Frame { opcode: 2, fin: true, payload }, "length {length} came back changed");
        writing.join().unwrap().unwrap();
    }
    drop(client);
    server.finish();
}

#[test]
fn fragments_with_control_frames_between_them() {
    let (server, _) = echo(config(1));
    let mut client = Raw::open(server.addr());
    // The second cut is inside of a character.
    let parts = [&"gr\u{fc}".as_bytes()[..3], &[0xbc], b"", b"n"];
    client.write(&frame(Opcode::Text, false, parts[0]));
    client.write(&frame(Opcode::Ping, true, b"one"));
    client.write(&frame(Opcode::Continuation, false, parts[1]));
    client.write(&frame(Opcode::Pong, true, b"unasked"));
    client.write(&frame(Opcode::Continuation, false, parts[2]));
    client.write(&frame(Opcode::Ping, true, &[b'x'; 125]));
    client.write(&frame(Opcode::Continuation, true, parts[3]));
    assert_eq!(client.frame(), Frame { opcode: 10, fin: true, payload: b"one".to_vec() });
    assert_eq!(client.frame(), Frame { opcode: 10, fin: true, payload: vec![b'x'; 125] });
    assert_eq!(client.text(), "grün");
    drop(client);
    server.finish();
}

#[test]
fn ten_thousand_frames_in_one_write() {
    let (server, _) = echo(config(1));
    let mut client = Raw::open(server.addr());
    let texts: Vec<_> = (0..10_000).map(|index| format!("message {index:0100}")).collect();
    let bytes: Vec<_> = texts.iter().flat_map(|text| raw::text(text)).collect();
    let mut writer = client.stream.try_clone().unwrap();
    let writing = thread::spawn(move || writer.write_all(&bytes));
    for text in &texts {
        assert_eq!(client.text(), *text);
    }
    writing.join().unwrap().unwrap();
    let counters = server.handle().stats().unwrap().counters;
    assert_eq!((counters.messages_in, counters.frames_out, counters.messages_dropped), (10_000, 10_000, 0));
    drop(client);
    server.finish();
}

#[test]
fn frames_in_the_segment_of_the_request() {
    let (server, _) = echo(config(1));
    let mut client = Raw::connect(server.addr());
    let mut bytes = upgrade_head("/", "").into_bytes();
    bytes.extend(raw::text("early"));
    bytes.extend(&raw::text("cut in two")[..7]);
    client.write(&bytes);
    assert_eq!(client.response().status, 101);
    assert_eq!(client.text(), "early");
    client.write(&raw::text("cut in two")[7..]);
    assert_eq!(client.text(), "cut in two");
    drop(client);
    server.finish();
}

#[test]
fn head_and_frames_byte_by_byte() {
    let (server, _) = echo(config(1));
    let mut client = Raw::connect(server.addr());
    let mut bytes = upgrade_head("/", "X-More: of it\r\n").into_bytes();
    bytes.extend(raw::text("héllo"));
    bytes.extend(frame(Opcode::Binary, true, &pattern(300)));
    for byte in &bytes {
        client.write(&[*byte]);
    }
    assert_eq!(client.response().status, 101);
    assert_eq!(client.text(), "héllo");
    assert_eq!(client.frame().payload, pattern(300));
    drop(client);
    server.finish();
}

#[test]
fn half_close_after_the_close_frame() {
    let (server, log) = echo(config(1));
    let mut client = Raw::open(server.addr());
    let bytes = [raw::text("last words"), raw::close(1000, "done")].concat();
    client.write(&bytes);
    client.finish_writing();
    assert_eq!(client.text(), "last words");
    assert_eq!(client.frame().close(), (Some(1000), "done"));
    client.expect_end();
    log.expect("close 1000 done");
    server.finish();
}

#[test]
fn two_thousand_connections_on_two_shards() {
    let (server, log) = echo(config(2));
    let mut clients: Vec<_> = (0..2000).map(|_| Raw::open(server.addr())).collect();
    assert_eq!(server.gauges().connections, 2000);
    let connections = server.handle().connections().unwrap();
    let ids: HashSet<ConnId> = connections.iter().map(|info| info.id).collect();
    assert_eq!(ids.len(), 2000, "ids are unique");
    let on_first = ids.iter().filter(|id| id.shard() == 0).count();
    assert!((500..1500).contains(&on_first), "{on_first} of 2000 on the first of two shards");
    for (index, client) in clients.iter_mut().enumerate() {
        client.send_text(&format!("from {index}"));
    }
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.text(), format!("from {index}"));
    }
    drop(clients);
    server.settle();
    assert_eq!((log.count("open"), log.count("close 1006 ")), (2000, 2000));
    server.finish();
}

/// Answers every message with the connection's id and the peer's address.
struct WhoAmI;

impl Handler for WhoAmI {
    type Data = ();

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, _message: Message<'_>) {
        let line = format!("{} {}", conn.id(), conn.remote_addr());
        let _ = conn.send(line.as_str());
    }
}

#[test]
fn ids_stay_and_addresses_are_right() {
    let server = TestServer::start(config(2), || WhoAmI);
    let mut clients: Vec<_> = (0..50).map(|_| Raw::open(server.addr())).collect();
    let mut seen = HashSet::new();
    for client in &mut clients {
        client.send_text("who?");
        let first = client.text();
        client.send_text("still?");
        assert_eq!(client.text(), first, "an id is stable");
        let (id, addr) = first.split_once(' ').unwrap();
        assert_eq!(addr.parse(), Ok(client.stream.local_addr().unwrap()));
        let id: ConnId = id.parse().unwrap();
        assert!(seen.insert(id), "{id} twice");
    }
    let listed = server.handle().connections().unwrap();
    for info in &listed {
        assert!(seen.contains(&info.id), "{info:?} is nobody's");
        assert!(clients.iter().any(|client| client.stream.local_addr().unwrap() == info.remote_addr), "{info:?}");
    }
    assert_eq!(listed.len(), 50);
    drop(clients);
    eventually("the list is empty", || server.handle().connections().unwrap().is_empty());
    server.finish();
}
