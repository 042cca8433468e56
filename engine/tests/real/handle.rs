//! The handle: what other threads can ask of a server, and what they hear when it cannot be done.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use ringwire::http::{Routes, WebSocketRoute};
use ringwire::{
    CloseCode, CommandError, Config, Conn, ConnId, ConnInfo, ConnQuery, Handler, Message, ReadyState, Server,
    ServerHandle,
};

use crate::common::raw;
use crate::common::{Log, PATIENCE, Probe, Raw, TestServer, config, eventually, holds_within};

fn probe(config: Config) -> (TestServer, Log) {
    let log = Log::default();
    let for_shards = log.clone();
    (TestServer::start(config, move || Probe(for_shards.clone())), log)
}

fn only_id(server: &TestServer) -> ConnId {
    let listed = server.handle().connections().unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed[0].id
}

#[test]
fn connections_are_listed_as_they_are() {
    let (server, _) = probe(config(2));
    assert!(server.handle().connections().unwrap().is_empty());
    let requests: Vec<_> = (0..3).map(|_| Raw::connect(server.addr())).collect();
    let clients: Vec<_> = (0..20).map(|_| Raw::open(server.addr())).collect();
    let listed = server.handle().connections().unwrap();
    assert_eq!(listed.len(), 20, "those that did not ask for a WebSocket are none");
    for info in &listed {
        assert_eq!((info.ready_state, info.route, info.subscription_count), (ReadyState::Open, 0, 0));
        assert!(info.id.shard() < server.handle().shard_count());
        assert_eq!(info.id.to_string().parse(), Ok(info.id));
        assert_eq!(ConnId::from_bits(info.id.to_bits()), info.id);
    }
    drop((requests, clients));
    server.finish();
}

/// All connections of a server, listed in parts.
fn in_parts(handle: &ServerHandle, slots_max: u32, count_max: usize) -> Vec<ConnInfo> {
    let mut found = Vec::new();
    for shard in handle.shards() {
        let mut next = Some(0);
        while let Some(from) = next {
            let query = ConnQuery { from, slots_max, count_max, ..ConnQuery::default() };
            let page = shard.connections(query).unwrap().wait().unwrap();
            assert!(page.conns.len() <= count_max.min(slots_max as usize));
            found.extend(page.conns);
            next = page.next;
        }
    }
    found
}

#[test]
fn connections_can_be_listed_in_parts() {
    let (server, _) = probe(config(2));
    let clients: Vec<_> = (0..30).map(|_| Raw::open(server.addr())).collect();
    let all = server.handle().connections().unwrap();
    assert_eq!(all.len(), 30);
    for (slots_max, count_max) in [(1, 1), (3, 2), (2, 3), (7, usize::MAX), (u32::MAX, 1), (u32::MAX, 4)] {
        assert_eq!(in_parts(&server.handle(), slots_max, count_max), all, "{slots_max} slots, {count_max} connections");
    }
    drop(clients);
    server.finish();
}

#[test]
fn routes_and_the_end_can_be_read() {
    let routes = Routes::builder().websocket(WebSocketRoute::new("/a").unwrap());
    let routes = routes.websocket(WebSocketRoute::new("/b/*").unwrap()).build().unwrap();
    let server = TestServer::with_routes(config(2), routes, || Probe(Log::default()));
    let handle = server.handle();
    let client = Raw::open_at(server.addr(), "/b/c");
    let route = handle.connections().unwrap()[0].route;
    assert_eq!(handle.routes().websockets()[route].pattern(), "/b/*");
    assert!(!handle.is_stopped());
    drop(client);
    server.finish();
    assert!(handle.is_stopped());
    assert_eq!(handle.routes().websockets().len(), 2, "what it served can still be read");

    let (anywhere, _) = probe(config(1));
    assert_eq!(anywhere.handle().routes().websockets()[0].pattern(), "*");
    anywhere.finish();
}

#[test]
fn messages_and_closes_by_id() {
    let (server, log) = probe(config(1));
    let mut client = Raw::open(server.addr());
    let (handle, id) = (server.handle(), only_id(&server));
    handle.send(id, "from outside").unwrap();
    handle.send(id, &[1, 2, 3]).unwrap();
    assert_eq!(client.text(), "from outside");
    assert_eq!(client.frame().payload, [1, 2, 3]);
    assert_eq!(handle.close(id, CloseCode(1005), ""), Err(CommandError::InvalidCloseCode));
    handle.close(id, CloseCode(4001), "go").unwrap();
    assert_eq!(client.frame().close(), (Some(4001), "go"));
    assert_eq!(handle.close(id, CloseCode::NORMAL, ""), Err(CommandError::NoSuchConnection), "it is closing");
    assert_eq!(handle.send(id, "late"), Err(CommandError::NoSuchConnection), "it is closing");
    client.write(&raw::close(4001, ""));
    client.expect_end();
    log.expect("close 4001 ");
    server.finish();
}

#[test]
fn a_stale_id_reaches_nobody() {
    let (server, _) = probe(Config { connections_max: 1, ..config(1) });
    let handle = server.handle();
    let mut ids = HashSet::new();
    for _ in 0..200 {
        let mut client = Raw::open(server.addr());
        let id = only_id(&server);
        for &stale in &ids {
            assert_eq!(handle.close(stale, CloseCode::NORMAL, ""), Err(CommandError::NoSuchConnection));
            assert_eq!(handle.send(stale, "ghost"), Err(CommandError::NoSuchConnection));
        }
        assert!(ids.insert(id), "{id} names two connections");
        client.send_text("still me");
        assert_eq!(client.text(), "still me");
        drop(client);
        server.settle();
        if ids.len() > 3 {
            ids.clear();
        }
    }
    let elsewhere = ConnId::from_bits(7 << 52);
    assert_eq!(handle.close(elsewhere, CloseCode::NORMAL, ""), Err(CommandError::NoSuchConnection), "no such shard");
    server.finish();
}

#[test]
fn after_the_end_everything_says_stopped() {
    let (server, log) = probe(config(2));
    let client = Raw::open(server.addr());
    let (handle, id) = (server.handle(), only_id(&server));
    server.stop(Duration::ZERO, PATIENCE);
    assert_eq!(log.count("terminate"), 2);
    assert_eq!(handle.connections(), Err(CommandError::Stopped));
    assert_eq!(handle.stats(), Err(CommandError::Stopped));
    assert_eq!(handle.publish("t", "x"), Err(CommandError::Stopped));
    assert_eq!(handle.send(id, "x"), Err(CommandError::Stopped));
    assert_eq!(handle.close(id, CloseCode::NORMAL, ""), Err(CommandError::Stopped));
    handle.shutdown(Duration::ZERO);
    drop(client);
}

/// A question that was asked in the moment of the end must be answered too, if only with "stopped".
#[test]
fn questions_during_the_end_do_not_hang() {
    for _ in 0..40 {
        let (server, _) = probe(config(2));
        let (told, answers) = channel();
        for _ in 0..4 {
            let (handle, told) = (server.handle(), told.clone());
            thread::spawn(move || {
                while handle.stats().is_ok() && handle.connections().is_ok() {}
                let _ = told.send(());
            });
        }
        drop(told);
        server.handle().shutdown(Duration::ZERO);
        server.wait_for_end(PATIENCE);
        for asker in 0..4 {
            assert!(answers.recv_timeout(Duration::from_secs(5)).is_ok(), "asker {asker} waits for ever");
        }
    }
}

/// Blocks in `on_message` until the test lets it go on.
struct Stuck(Arc<Mutex<Receiver<()>>>);

impl Handler for Stuck {
    type Data = ();

    fn on_open(&mut self, conn: &mut Conn<'_, ()>) {
        conn.subscribe("t").expect("an open connection");
    }

    fn on_message(&mut self, _conn: &mut Conn<'_, ()>, _message: Message<'_>) {
        let _ = self.0.lock().expect("no other panicked").recv_timeout(PATIENCE);
    }
}

fn stuck() -> (TestServer, Sender<()>) {
    let (release, wait) = channel();
    let wait = Arc::new(Mutex::new(wait));
    let config = Config { command_queue_count: 16, ..config(1) };
    (TestServer::start(config, move || Stuck(Arc::clone(&wait))), release)
}

#[test]
fn a_full_queue_says_busy_and_loses_nothing_that_it_took() {
    let (server, release) = stuck();
    let handle = server.handle();
    let mut client = Raw::open(server.addr());
    client.send_text("get stuck");
    let mut taken = Vec::new();
    let busy = holds_within(PATIENCE, || {
        let text = format!("publication {}", taken.len());
        match handle.publish("t", text.as_str()) {
            Ok(()) => taken.push(text),
            Err(error) => return error == CommandError::Busy,
        }
        false
    });
    assert!(busy, "{} commands were taken by a queue of 16", taken.len());
    assert_eq!(handle.stats().map(drop), Err(CommandError::Busy));
    release.send(()).unwrap();
    for text in &taken {
        assert_eq!(client.text(), *text);
    }
    drop(client);
    server.finish();
}

#[test]
fn a_shutdown_passes_a_full_queue() {
    let (server, release) = stuck();
    let handle = server.handle();
    let mut client = Raw::open(server.addr());
    client.send_text("get stuck");
    eventually("busy", || handle.publish("t", "x") == Err(CommandError::Busy));
    let stopper = thread::spawn(move || handle.shutdown(Duration::ZERO));
    release.send(()).unwrap();
    stopper.join().unwrap();
    server.wait_for_end(PATIENCE);
}

#[test]
fn counters_add_up_over_the_shards() {
    let (server, _) = probe(config(2));
    let sent = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let mut client = Raw::open(server.addr());
                    for _ in 0..5 {
                        client.send_text("count me");
                        assert_eq!(client.text(), "count me");
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    server.settle();
    let counters = server.handle().stats().unwrap().counters;
    assert_eq!((counters.accepted, counters.opened, counters.refused), (80, 80, 0), "{counters:?}");
    assert_eq!((counters.messages_in, counters.frames_out), (400, 400), "{counters:?}");
    assert_eq!(sent.into_inner(), 400);
    let head = crate::common::raw::upgrade_head("/", "").len() as u64;
    assert_eq!(counters.bytes_in, 80 * head + 400 * raw::text("count me").len() as u64);
    assert_eq!((counters.messages_dropped, counters.protocol_errors, counters.overflows), (0, 0, 0), "{counters:?}");
    server.finish();
}

/// Asks its own server from a callback, and sends what comes of it.
struct Curious(Arc<OnceLock<ServerHandle>>);

impl Handler for Curious {
    type Data = ();

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, _message: Message<'_>) {
        let handle = self.0.get().expect("set before the first client");
        let outcome = (handle.send(conn.id(), "to myself"), handle.stats().err(), handle.publish("nobody", "listens"));
        let _ = conn.send(format!("{outcome:?}").as_str());
    }
}

#[test]
fn a_callback_that_would_wait_for_itself_gets_an_error() {
    let slot = Arc::new(OnceLock::new());
    let seen = Arc::clone(&slot);
    let server = Server::start(config(1), move |_shard| Curious(Arc::clone(&seen))).expect("io_uring is there");
    slot.set(server.handle()).expect("set once");
    let mut client = Raw::open(server.local_addr());
    client.write(&raw::text("ask"));
    let said = String::from_utf8(client.frame().payload).expect("text");
    assert_eq!(said, "(Err(InCallback), Some(InCallback), Ok(()))");
    server.handle().shutdown(Duration::ZERO);
    server.join();
}
