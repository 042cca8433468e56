//! Sockets that listen before the server is there: an embedder's, or a service manager's.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use ringwire::config::{Pin, Shards, Steering};
use ringwire::{Config, Server};
use socket2::SockRef;
use tungstenite::Message as Theirs;

use crate::common::{Log, Node, PATIENCE, Probe, Shared, config, eventually, polite};

fn echoes(addr: SocketAddr, word: &str) {
    let mut client = polite(addr, "/ws");
    client.send(Theirs::text(word)).unwrap();
    assert_eq!(client.read().unwrap(), Theirs::text(word));
    client.close(None).unwrap();
    while client.read().is_ok() {}
}

/// All shards accept from the one socket, which outlives the server.
#[test]
fn shards_share_a_listener_that_is_given() {
    let _machine = Shared::wait();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    for _ in 0..2 {
        let config = Config { shards: Shards::Count(3), ..config(3) };
        let given = vec![listener.try_clone().unwrap()];
        let server = Server::builder(config).listeners(given).start(|_shard| Probe(Log::default())).unwrap();
        assert_eq!(server.local_addr(), addr);
        (0..30).for_each(|number| echoes(addr, &number.to_string()));
        let handle = server.handle();
        eventually("they are gone", || handle.stats().expect("it runs").gauges.connections == 0);
        handle.shutdown(PATIENCE);
        server.join();
    }
}

/// Steering is for listeners of its own; on one that is given it has no effect, and is no reason not to start.
#[test]
fn a_listener_that_is_given_is_not_steered() {
    let _machine = Shared::wait();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let core = core_affinity::get_core_ids().expect("cores")[0].id;
    let config = Config { pin: Pin::List(vec![core]), steering: Steering::Cpu, ..config(1) };
    let server = Server::builder(config).listeners(vec![listener]).start(|_shard| Probe(Log::default())).unwrap();
    echoes(addr, "hello");
    server.handle().shutdown(PATIENCE);
    server.join();
}

/// As systemd starts a node: the socket is descriptor 3, and readiness is told to a socket of its own. A client that comes between
/// two nodes is served by the second.
#[test]
fn a_node_takes_the_socket_of_a_service_manager_and_tells_it_when_it_is_ready() {
    let _machine = Shared::wait();
    let folder = tempfile::tempdir().unwrap();
    let notify = folder.path().join("notify");
    let manager = UnixDatagram::bind(&notify).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut said = [0; 256];
        let len = manager.recv(&mut said).unwrap();
        String::from_utf8_lossy(&said[..len]).into_owned()
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    SockRef::from(&listener).set_cloexec(false).unwrap();
    let addr = listener.local_addr().unwrap();
    for word in ["first", "second"] {
        let script = format!(
            "exec 3<&{}; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" echo --pin=none --shards=2 --listen=127.0.0.1:1",
            listener.as_raw_fd()
        );
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_ringwire")]).env("NOTIFY_SOCKET", &notify);
        // It waits in the socket's queue.
        let early = std::thread::spawn(move || echoes(addr, word));
        let mut node = Node::spawned(command);
        assert_eq!(node.addr, addr, "not where --listen says");
        assert!(told().contains("READY=1"));
        early.join().unwrap();
        node.signal("TERM");
        assert!(told().contains("STOPPING=1"));
        assert!(node.wait(PATIENCE).success());
    }
}

#[test]
fn what_is_no_listener_is_refused_with_what_makes_one() {
    let script = "exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" echo --pin=none --shards=1";
    let output = Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_ringwire")]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("no listening TCP socket: ListenStream=ADDRESS:PORT makes one"), "{said}");
}
