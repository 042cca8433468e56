//! What a data port says to requests, on the wire: refusals that arrive, pages, and a WebSocket behind a page.

use std::io::Write;
use std::time::{Duration, Instant};

use ringwire::http::{OriginRules, Page, Routes, WebSocketRoute};
use ringwire::{Accept, Config, Conn, Gauges, Handler, Message, Refusal, Request};

use crate::common::raw::upgrade_head;
use crate::common::{Log, PATIENCE, Probe, Raw, TestServer, config, eventually};

const BODY: &str = "<p>hello</p>";

fn site(config: Config) -> TestServer {
    let origins = OriginRules::parse(["https://page.test"]).unwrap();
    let routes = Routes::builder()
        .websocket(WebSocketRoute::new("/ws").unwrap())
        .websocket(WebSocketRoute::new("/ours").unwrap().origins(origins))
        .page(Page::new("/", "text/html; charset=utf-8", BODY.as_bytes()).unwrap())
        .page(Page::new("/large", "text/plain", vec![b'x'; 100_000]).unwrap())
        .build()
        .unwrap();
    TestServer::with_routes(config, routes, || Probe(Log::default()))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// What is refused, with which status, and a word of the reason.
fn refused() -> Vec<(&'static str, String, u16, &'static str)> {
    let upgrade = |path: &str, more: &str| upgrade_head(path, more);
    vec![
        ("no HTTP", "hello\r\n\r\n".into(), 400, ""),
        ("no Host", "GET / HTTP/1.1\r\n\r\n".into(), 400, "Host"),
        (
            "no key",
            get("/ws").replace(
                "\r\n\r\n",
                "\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
            ),
            400,
            "Key",
        ),
        ("a WebSocket where a page is", upgrade("/", ""), 400, "/ws"),
        ("another origin", upgrade("/ours", "Origin: https://evil.test\r\n"), 403, "origin"),
        ("an unknown path", get("/nothing"), 404, ""),
        ("a WebSocket at an unknown path", upgrade("/nothing", ""), 404, "/ws"),
        ("POST to a page", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".into(), 405, "GET"),
        ("a body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello".into(), 413, "body"),
        ("a plain GET of a WebSocket", get("/ws"), 426, ""),
        ("version 8", upgrade("/ws", "").replace("Version: 13", "Version: 8"), 426, "13"),
        ("a long head", format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(5000)), 431, "4096"),
        ("a head without an end", format!("GET /{}", "x".repeat(5000)), 431, "4096"),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 505, ""),
    ]
}

#[test]
fn refusals_arrive_whole_although_the_client_keeps_sending() {
    let server = site(Config { head_bytes_max: 4096, ..config(1) });
    for (name, head, status, word) in refused() {
        let mut client = Raw::connect(server.addr());
        client.write(head.as_bytes());
        // Whatever is sent on: left unread it would become a reset that eats the answer.
        for _ in 0..50 {
            let _ = client.stream.write_all(&[b'y'; 4000]);
        }
        let response = client.response();
        let text = response.text();
        assert_eq!(response.status, status, "{name}: {} {text}", response.head);
        assert!(text.contains(word) && text.len() > 5, "{name}: {text:?}");
        assert!(
            response.header("Connection").is_some_and(|value| value.ends_with("close")),
            "{name}: {}",
            response.head
        );
        assert_eq!(response.header("Sec-WebSocket-Version"), (status == 426).then_some("13"), "{name}");
        client.expect_end();
    }
    server.settle();
    assert_eq!(server.handle().stats().unwrap().counters.refused, refused().len() as u64);
    server.finish();
}

#[test]
fn a_head_that_drips_gets_408() {
    let timeout = Duration::from_millis(200);
    let server = site(Config { handshake_timeout: timeout, ..config(1) });
    let mut silent = Raw::connect(server.addr());
    let mut client = Raw::connect(server.addr());
    let begin = Instant::now();
    let head = get("/");
    // One byte at a time moves no deadline.
    for byte in head.as_bytes().iter().cycle().filter(|byte| !b"\r\n".contains(byte)) {
        client.write(&[*byte]);
        std::thread::sleep(Duration::from_millis(5));
        if begin.elapsed() > timeout + Duration::from_millis(50) {
            break;
        }
    }
    let response = client.response();
    assert_eq!(response.status, 408, "{}", response.head);
    assert!(response.text().contains("in time"), "{}", response.text());
    client.expect_end();
    silent.expect_end();
    drop((client, silent));
    server.finish();
}

#[test]
fn pages_keep_alive_and_pipelined() {
    let server = site(config(1));
    let mut client = Raw::connect(server.addr());
    client.write(get("/").as_bytes());
    let page = client.response();
    assert_eq!((page.status, page.text().as_str()), (200, BODY));
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    let etag = page.header("ETag").expect("a page has one").to_owned();
    client.write(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = client.response_to("HEAD");
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("12")));
    client.write(get("/").replace("\r\n\r\n", &format!("\r\nIf-None-Match: {etag}\r\n\r\n")).as_bytes());
    let known = client.response();
    assert_eq!((known.status, known.header("ETag")), (304, Some(etag.as_str())));
    client.write(get("/large").repeat(3).as_bytes());
    for _ in 0..3 {
        assert_eq!(client.response().body, vec![b'x'; 100_000]);
    }
    client.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().header("Connection"), Some("close"));
    client.expect_end();
    drop(client);
    server.finish();
}

#[test]
fn a_page_and_then_a_websocket_on_the_same_connection() {
    let server = site(config(1));
    let mut client = Raw::connect(server.addr());
    let bytes =
        [get("/").into_bytes(), upgrade_head("/ws", "").into_bytes(), crate::common::raw::text("hello")].concat();
    client.write(&bytes);
    assert_eq!(client.response().text(), BODY);
    assert_eq!(client.response().status, 101);
    assert_eq!(client.text(), "hello");
    drop(client);
    server.finish();
}

/// Who pipelines requests and does not read gets a prefix of the answers: never one left out in the middle.
#[test]
fn pipelined_requests_are_answered_in_order_or_not_at_all() {
    let server = site(config(1));
    let mut client = Raw::connect(server.addr());
    let pairs = [get("/large"), get("/")].concat();
    client.write(pairs.repeat(100).as_bytes());
    client.finish_writing();
    let mut answered = 0;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut client.stream, &mut bytes).expect("no reset");
    let mut rest = &bytes[..];
    while let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") {
        let length = [BODY.len(), 100_000][usize::from(answered % 2 == 0)];
        assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n"), "answer {answered}");
        let body = rest.get(end + 4..end + 4 + length).expect("a whole body");
        assert!(body.iter().all(|&byte| byte == b'x') == (length == 100_000), "answer {answered} is another one's");
        rest = &rest[end + 4 + length..];
        answered += 1;
    }
    assert!(rest.is_empty() && answered > 10, "{answered} answers, and {} bytes", rest.len());
    server.finish();
}

#[test]
fn a_full_server_says_503_and_recovers_at_once() {
    let server = site(Config { connections_max: 50, ..config(1) });
    let mut clients: Vec<_> = (0..50).map(|_| Raw::open_at(server.addr(), "/ws")).collect();
    // They do not go away when they are told so: that must cost nobody else a place.
    let mut refused = Vec::new();
    for _ in 0..20 {
        let mut client = Raw::connect(server.addr());
        client.write(upgrade_head("/ws", "").as_bytes());
        let response = client.response();
        assert_eq!(response.status, 503, "{}", response.head);
        assert!(response.header("Retry-After").is_some() && response.text().contains("as many"), "{}", response.head);
        client.expect_end();
        refused.push(client);
    }
    for _ in 0..10 {
        drop(clients.pop());
        eventually("one has gone", || server.gauges().connections == clients.len() as u64);
        clients.push(Raw::open_at(server.addr(), "/ws"));
    }
    for client in &mut clients {
        client.send_text("still here");
        assert_eq!(client.text(), "still here");
    }
    drop((clients, refused));
    server.finish();
}

/// The kernel spreads connections by a hash: on 8 shards, 16 of them are hardly ever two on each.
#[test]
fn connections_max_is_the_whole_servers_however_they_are_spread() {
    let server = site(Config { connections_max: 16, ..config(8) });
    for round in 0..3 {
        let mut clients: Vec<_> = (0..16).map(|_| Raw::open_at(server.addr(), "/ws")).collect();
        for _ in 0..8 {
            let mut client = Raw::connect(server.addr());
            client.write(upgrade_head("/ws", "").as_bytes());
            assert_eq!(client.response().status, 503, "round {round}");
        }
        for client in &mut clients {
            client.send_text("in");
            assert_eq!(client.text(), "in");
        }
        drop(clients);
        eventually("they have gone", || server.gauges().connections == 0);
    }
    server.finish();
}

/// A place is taken before the application is asked, and must be free again when it says no.
#[test]
fn who_is_refused_by_the_application_takes_no_place() {
    let server = TestServer::start(Config { connections_max: 2, ..config(1) }, || Doorman);
    for _ in 0..5 {
        let mut client = Raw::connect(server.addr());
        client.write(upgrade_head("/no", "").as_bytes());
        assert_eq!(client.response().status, 403);
    }
    let clients = [Raw::open_at(server.addr(), "/a"), Raw::open_at(server.addr(), "/b")];
    drop(clients);
    server.finish();
}

/// Refuses at `/no`.
struct Doorman;

impl Handler for Doorman {
    type Data = ();

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<()>, Refusal> {
        if request.path() == "/no" { Err(Refusal::forbidden("not you")) } else { Ok(Accept::default()) }
    }

    fn on_message(&mut self, _conn: &mut Conn<'_, ()>, _message: Message<'_>) {}
}

/// More connections than descriptors: those beyond wait in the kernel, and come in as soon as others go.
#[test]
fn a_full_file_table_recovers() {
    let server = site(Config { connections_max: 10, handshake_timeout: PATIENCE, ..config(1) });
    // 10 and 64 to spare; nobody says anything.
    let idle: Vec<_> = (0..120).map(|_| Raw::connect(server.addr())).collect();
    eventually("the table is full", || server.gauges().descriptors >= 74);
    let mut waiting = Raw::connect(server.addr());
    waiting.write(upgrade_head("/ws", "").as_bytes());
    drop(idle);
    assert_eq!(waiting.response().status, 101);
    waiting.send_text("in");
    assert_eq!(waiting.text(), "in");
    drop(waiting);
    eventually("nothing is held", || server.gauges() == Gauges::default());
    server.finish();
}
