//! What a process of its own cannot be brought to: a shard that does not answer, and the phases one by one.

mod positions;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Control, Phase};
use crate::config::{Admin, Config, Pin, Shards, ValidConfig};
use crate::handler::{Accept, Conn, Handler};
use crate::http::{Refusal, Request};
use crate::proto::Message;
use crate::server::Server;

/// Blocks its shard from a connection's beginning until the test lets go.
struct Blocking {
    blocked: Sender<()>,
    free: Arc<Mutex<Receiver<()>>>,
}

impl Handler for Blocking {
    type Data = ();

    fn on_open(&mut self, _conn: &mut Conn<'_, ()>) {
        let _ = self.blocked.send(());
        let _ = self.free.lock().expect("no panic under the lock").recv();
    }

    fn on_message(&mut self, _conn: &mut Conn<'_, ()>, _message: Message<'_>) {}
}

fn config(shards: usize) -> ValidConfig {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let admin = Admin { listen: Some(any_port), ..Admin::default() };
    let config = Config { listen: any_port, shards: Shards::Count(shards), pin: Pin::None, admin, ..Config::default() };
    config.validated().expect("valid")
}

/// The whole response to a GET.
fn get(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    response
}

fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A connection that has got its first message.
fn open(addr: SocketAddr, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(addr).expect("it listens");
    client.write_all(handshake(path).as_bytes()).expect("it reads");
    let mut heard = Vec::new();
    while !heard.ends_with(b"ready") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("it answers");
        heard.push(byte[0]);
    }
    client
}

#[test]
fn a_shard_that_does_not_answer_is_named_and_holds_nobody_up() {
    let config = config(2);
    let control = Control::start(&config, None).expect("it starts").expect("it is wanted");
    let (blocked, is_blocked) = channel();
    let (release, free) = channel();
    let free = Arc::new(Mutex::new(free));
    let make = move |_| Blocking { blocked: blocked.clone(), free: Arc::clone(&free) };
    let server = Server::start((*config).clone(), make).expect("io_uring is there");
    control.running(server.handle());
    assert!(get(control.addr, "/healthz").ends_with(r#"{"shards":2,"status":"ok"}"#));

    let mut client = TcpStream::connect(server.local_addr()).expect("it listens");
    client.write_all(handshake("/").as_bytes()).expect("it reads");
    is_blocked.recv().expect("a connection opened");

    let begin = Instant::now();
    let health = get(control.addr, "/healthz");
    assert!(health.starts_with("HTTP/1.1 503 ") && health.contains("\"code\":\"shard_silent\""), "{health}");
    assert!(begin.elapsed() < Duration::from_secs(10));
    let silent = usize::from(health.contains("from shard 1 within"));
    assert!(health.contains(&format!("from shard {silent} within 2s")), "{health}");
    let list = get(control.addr, "/connections");
    assert!(list.starts_with("HTTP/1.1 503 ") && list.contains(&format!("shard {silent} ")), "{list}");
    let metrics = get(control.addr, "/metrics");
    for (shard, up) in [(silent, 0), (1 - silent, 1)] {
        assert!(metrics.contains(&format!("\nringwire_shard_up{{shard=\"{shard}\"}} {up}\n")), "{metrics}");
    }
    assert!(get(control.addr, "/readyz").starts_with("HTTP/1.1 200 "));

    release.send(()).expect("the shard waits");
    drop(client);
    server.handle().shutdown(Duration::ZERO);
    server.join();
}

/// Subscribes each connection to the topics `t0`, `t1`, … up to the number in its path, more than one look at the table sees.
struct Subscriber;

impl Handler for Subscriber {
    type Data = u32;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<u32>, Refusal> {
        let count = request.path()[1..].parse().map_err(|_| Refusal::not_found())?;
        Ok(Accept { data: count, protocol: None })
    }

    fn on_open(&mut self, conn: &mut Conn<'_, u32>) {
        for index in 0..*conn.data() {
            conn.subscribe(&format!("t{index}")).expect("within the limits");
        }
        let _ = conn.send("ready");
    }

    fn on_message(&mut self, _conn: &mut Conn<'_, u32>, _message: Message<'_>) {}
}

/// All topics and their subscribers, in pages of `limit`.
fn topics(addr: SocketAddr, limit: usize) -> Vec<(String, u64)> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let response = get(addr, &format!("/topics?limit={limit}{after}"));
        let (_, body) = response.split_once("\r\n\r\n").expect("a response");
        let page: Value = serde_json::from_str(body).expect("JSON");
        let topics = page["topics"].as_array().expect("a list");
        assert!((1..=limit).contains(&topics.len()), "{page}");
        found.extend(topics.iter().map(|topic| {
            (topic["name"].as_str().expect("a name").to_owned(), topic["subscribers"].as_u64().expect("a number"))
        }));
        let Some(next) = page["next"].as_str() else { return found };
        after = format!("&after={next}");
    }
}

#[test]
fn pages_of_topics_hold_each_once_with_the_subscribers_of_all_shards() {
    let config = Config { subscriptions_per_connection_max: 5000, ..(*config(2)).clone() }.validated().expect("valid");
    let control = Control::start(&config, None).expect("it starts").expect("it is wanted");
    let server = Server::start((*config).clone(), |_| Subscriber).expect("io_uring is there");
    control.running(server.handle());
    let counts = [2500, 2500, 1200, 1200, 3, 3, 3, 3];
    let clients: Vec<_> = counts.iter().map(|count| open(server.local_addr(), &format!("/{count}"))).collect();
    let mut expected: Vec<_> = (0..2500)
        .map(|index| (format!("t{index}"), counts.iter().filter(|&&count| count > index).count() as u64))
        .collect();
    expected.sort();
    for limit in [1000, 833] {
        assert!(topics(control.addr, limit) == expected, "pages of {limit}");
    }
    drop(clients);
    server.handle().shutdown(Duration::ZERO);
    server.join();
}

/// Subscribes each connection to the names and patterns in its path, joined by `,`.
struct Named;

impl Handler for Named {
    type Data = String;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<String>, Refusal> {
        Ok(Accept { data: request.path()[1..].to_owned(), protocol: None })
    }

    fn on_open(&mut self, conn: &mut Conn<'_, String>) {
        let names = conn.data().clone();
        names.split(',').for_each(|name| conn.subscribe(name).map(drop).expect("within the limits"));
        let _ = conn.send("ready");
    }

    fn on_message(&mut self, _conn: &mut Conn<'_, String>, _message: Message<'_>) {}
}

#[test]
fn names_and_patterns_are_told_apart() {
    let config = config(2);
    let control = Control::start(&config, None).expect("it starts").expect("it is wanted");
    let server = Server::start((*config).clone(), |_| Named).expect("io_uring is there");
    control.running(server.handle());
    let clients: Vec<_> =
        ["/a.b", "/a.b,a.*", "/a.*,c", "/a.*"].iter().map(|path| open(server.local_addr(), path)).collect();
    let topic = |name, is_pattern, count| {
        format!(r#"{{"dropped":{{}},"history":null,"is_pattern":{is_pattern},"name":"{name}","subscribers":{count}}}"#)
    };
    let expected = [topic("a.*", true, 3), topic("a.b", false, 2), topic("c", false, 1)].join(",");
    let list = get(control.addr, "/topics");
    assert!(list.ends_with(&format!(r#""topics":[{expected}]}}"#)), "{list}");
    for (wanted, count) in [("a.*", 3), ("a.b", 2), ("c", 1), ("*", 0), ("a.c", 0)] {
        let list = get(control.addr, &format!("/connections?topic={wanted}"));
        assert_eq!(list.matches("\"id\":").count(), count, "{wanted}: {list}");
    }
    let list = get(control.addr, "/connections?topic=a..b");
    assert!(list.starts_with("HTTP/1.1 400 ") && list.contains("\"code\":\"bad_topic\""), "{list}");
    drop(clients);
    server.handle().shutdown(Duration::ZERO);
    server.join();
}

#[test]
fn readiness_follows_the_phases() {
    let config = config(1);
    let control = Control::start(&config, None).expect("it starts").expect("it is wanted");
    for path in ["/readyz", "/healthz", "/metrics", "/connections"] {
        let response = get(control.addr, path);
        assert!(
            response.starts_with("HTTP/1.1 503 ") && response.contains("\"code\":\"starting\""),
            "{path}: {response}"
        );
    }
    control.on_drain()();
    assert!(matches!(*control.phase.borrow(), Phase::Starting), "what is not there cannot be drained");
    let addr = control.addr;
    drop(control);
    assert!(TcpStream::connect(addr).is_err(), "it has ended");
}
