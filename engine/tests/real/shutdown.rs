//! The end of a server, and the next one on its port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use ringwire::{Config, Server, StartError};

use crate::common::raw;
use crate::common::{Log, Node, PATIENCE, Probe, Raw, Shared, TestServer, config, eventually};

fn probe(config: Config) -> (TestServer, Log) {
    let log = Log::default();
    let for_shards = log.clone();
    (TestServer::start(config, move || Probe(for_shards.clone())), log)
}

#[test]
fn who_answers_the_close_frame_ends_the_grace_early() {
    let (server, log) = probe(config(2));
    let clients: Vec<_> = (0..50).map(|_| Raw::open(server.addr())).collect();
    let half_a_request = Raw::connect(server.addr());
    let clients: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            thread::spawn(move || {
                let closing = client.frame();
                assert_eq!(closing.close(), (Some(1001), "the server is shutting down"));
                client.write(&raw::close(1001, ""));
                client.expect_end();
            })
        })
        .collect();
    let took = server.stop(Duration::from_secs(60), PATIENCE);
    assert!(took < Duration::from_secs(10), "{took:?} of a minute of grace");
    clients.into_iter().for_each(|client| client.join().expect("each got its close frame"));
    drop(half_a_request);
    assert_eq!((log.count("close 1001 "), log.count("terminate")), (50, 2));
}

#[test]
fn who_does_not_is_cut_when_the_grace_is_over() {
    let grace = Duration::from_millis(300);
    let (server, log) = probe(Config { close_timeout: Duration::from_secs(30), ..config(2) });
    let mut clients: Vec<_> = (0..20).map(|_| Raw::open(server.addr())).collect();
    let took = server.stop(grace, PATIENCE);
    assert!(took >= grace, "cut after {took:?} of {grace:?}");
    assert_eq!(log.count("close 1006 "), 20);
    for client in &mut clients {
        assert_eq!(client.frame().close().0, Some(1001));
    }
}

#[test]
fn zero_cuts_at_once_whatever_is_going_on() {
    let (server, log) = probe(Config { close_timeout: Duration::from_secs(30), ..config(2) });
    let addr = server.addr();
    let mut clients: Vec<_> = (0..50).map(|_| Raw::open(addr)).collect();
    let mut head = Raw::connect(addr);
    head.write(b"GET / HT");
    for client in &mut clients {
        client.send_text("unread");
    }
    let took = server.stop(Duration::ZERO, PATIENCE);
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(log.count("close 1006 "), 50);
}

#[test]
fn a_second_shutdown_only_shortens_the_grace() {
    let (server, log) = probe(Config { close_timeout: Duration::from_secs(30), ..config(1) });
    let _deaf = Raw::open(server.addr());
    let handle = server.handle();
    handle.shutdown(Duration::from_secs(60));
    handle.shutdown(Duration::from_secs(90));
    handle.shutdown(Duration::from_millis(50));
    server.wait_for_end(PATIENCE);
    assert_eq!(log.count("close 1006 "), 1);
}

/// Connections that are accepted in the moment of the shutdown must not keep the server alive.
#[test]
fn a_shutdown_amid_a_storm_of_connections() {
    for grace in [Duration::ZERO, Duration::from_millis(100)].repeat(6) {
        let (server, _) = probe(Config { handshake_timeout: Duration::from_secs(600), ..config(2) });
        let addr = server.addr();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    let head = raw::upgrade_head("/", "");
                    // Until the listener is gone.
                    while let Ok(mut stream) = std::net::TcpStream::connect_timeout(&addr, PATIENCE) {
                        if kept.len() % 2 == 0 {
                            let _ = stream.write_all(head.as_bytes());
                        }
                        kept.push(stream);
                        if kept.len() > 2000 {
                            break;
                        }
                    }
                    kept
                });
            }
            eventually("they come", || server.handle().stats().is_ok_and(|stats| stats.counters.accepted > 100));
            server.stop(grace, PATIENCE);
        });
    }
}

#[test]
fn the_port_is_free_at_once() {
    let (server, _) = probe(config(2));
    let addr = server.addr();
    let mut clients: Vec<_> = (0..50).map(|_| Raw::open(addr)).collect();
    server.stop(Duration::ZERO, PATIENCE);
    for round in 0..3 {
        let begin = Instant::now();
        let (server, _) = probe(Config { listen: addr, ..config(2) });
        assert!(begin.elapsed() < Duration::from_secs(3), "round {round}: {:?}", begin.elapsed());
        clients.push(Raw::open(addr));
        let last = clients.last_mut().expect("just pushed");
        last.send_text("new");
        assert_eq!(last.text(), "new");
        server.stop(Duration::ZERO, PATIENCE);
    }
}

#[test]
fn an_occupied_port_is_waited_for_and_then_named() {
    let (server, _) = probe(config(1));
    let addr = server.addr();
    let begin = Instant::now();
    let refused = Server::start(Config { listen: addr, ..config(2) }, |_| Probe(Log::default()));
    let Err(StartError::Listen { addr: named, error }) = refused else { panic!("{refused:?}") };
    assert_eq!((named, error.kind()), (addr, std::io::ErrorKind::AddrInUse));
    assert!((4..15).contains(&begin.elapsed().as_secs()), "a dying server is waited for: {:?}", begin.elapsed());
    let text = StartError::Listen { addr, error }.to_string();
    assert!(text.contains(&addr.to_string()) && text.contains("ss -ltnp"), "{text}");

    // One that dies meanwhile costs nothing but the wait.
    let handle = server.handle();
    let dying = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        handle.shutdown(Duration::ZERO);
    });
    let (next, _) = probe(Config { listen: addr, ..config(2) });
    dying.join().unwrap();
    server.wait_for_end(PATIENCE);
    next.finish();
}

#[test]
fn many_servers_on_free_ports_do_not_share_one() {
    let servers: Vec<_> = (0..4)
        .map(|_| thread::spawn(|| (0..10).map(|_| probe(config(2)).0).collect::<Vec<_>>()))
        .flat_map(|starter| starter.join().expect("all start"))
        .collect();
    let mut ports: Vec<_> = servers.iter().map(|server| server.addr().port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), servers.len());
    servers.into_iter().for_each(TestServer::finish);
}

/// Clients that keep a node busy until it is gone; each had an answer before this returns.
fn traffic(addr: SocketAddr, count: usize) -> Vec<thread::JoinHandle<()>> {
    let message = raw::frame(ringwire::proto::Opcode::Binary, true, &[1; 2000]);
    let begin =
        |_| {
            let (mut client, message) = (Raw::open(addr), message.clone());
            client.write(&message);
            assert_eq!(client.frame().payload.len(), 2000);
            thread::spawn(move || {
                while client.stream.write_all(&message).is_ok() && matches!(client.try_frame(), Ok(Some(_))) {}
            })
        };
    (0..count).map(begin).collect()
}

#[test]
fn a_killed_node_does_not_cost_the_port() {
    let _machine = Shared::wait();
    let mut node = Node::start(&["echo", "--shards=2"]);
    let addr = node.addr;
    let listen = format!("--listen={addr}");
    for round in 0..5 {
        let idle: Vec<_> = (0..100).map(|_| Raw::open(addr)).collect();
        let busy = traffic(addr, 8);
        let mut witness = Raw::open(addr);
        for _ in 0..100 {
            witness.send_text("traffic goes on");
            witness.text();
        }
        node.kill();
        let begin = Instant::now();
        node = Node::start(&["echo", "--shards=2", &listen]);
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(2), "round {round}: listening after {took:?}");
        let mut fresh: Vec<_> = (0..200).map(|_| Raw::open(addr)).collect();
        for (index, client) in fresh.iter_mut().enumerate() {
            client.send_text(&format!("{round}/{index}"));
            assert_eq!(client.text(), format!("{round}/{index}"));
        }
        drop(idle);
        busy.into_iter().for_each(|client| client.join().expect("it ends with its node"));
    }
}

#[test]
fn signals_end_a_node_gracefully() {
    let _machine = Shared::wait();
    for signal in ["TERM", "INT"] {
        let mut node = Node::start(&["echo"]);
        let mut client = Raw::open(node.addr);
        node.signal(signal);
        assert_eq!(client.frame().close(), (Some(1001), "the server is shutting down"), "SIG{signal}");
        client.write(&raw::close(1001, ""));
        client.expect_end();
        let status = node.wait(PATIENCE);
        assert!(status.success(), "SIG{signal}: {status}");
    }
}

#[test]
fn a_second_signal_cuts() {
    let _machine = Shared::wait();
    let mut node = Node::start(&["echo", "--shutdown-grace=1h", "--close-timeout=1h"]);
    let mut client = Raw::open(node.addr);
    node.signal("TERM");
    assert_eq!(client.frame().close().0, Some(1001));
    // One that comes with the first is the same wish, and does not cut.
    node.signal("INT");
    std::thread::sleep(Duration::from_millis(150));
    node.signal("TERM");
    assert!(node.wait(PATIENCE).success());
    let mut rest = Vec::new();
    let _ = client.stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

/// A node that waits for its port has nobody to say goodbye to.
#[test]
fn a_signal_ends_a_node_that_still_waits_for_its_port() {
    let _machine = Shared::wait();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = format!("--listen={}", taken.local_addr().expect("it is bound"));
    for signal in ["TERM", "INT"] {
        let mut node = Node::waiting(&["echo", &listen], "somebody listens");
        let begin = Instant::now();
        node.signal(signal);
        let status = node.wait(PATIENCE);
        assert!(status.success() && begin.elapsed() < Duration::from_secs(2), "{status} after {:?}", begin.elapsed());
    }
}

#[test]
fn the_grace_of_a_node_is_configurable() {
    let _machine = Shared::wait();
    let mut node = Node::start(&["echo", "--shutdown-grace=0"]);
    let client = Raw::open(node.addr);
    node.signal("TERM");
    assert!(node.wait(Duration::from_secs(5)).success());
    drop(client);
}
