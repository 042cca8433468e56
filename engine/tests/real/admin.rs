//! The admin interface of `ringwire serve`, as `curl` and a monitor use it: every endpoint, good and bad.

mod access;
mod connections;
mod metrics;
mod slow;
mod topics;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::common::raw::Response;
use crate::common::{Node, Polite, Raw, Shared, eventually, holds_within, polite};

/// A node with an admin interface.
struct Admin {
    node: Node,
    addr: SocketAddr,
    _machine: Shared,
}

impl Admin {
    fn start(arguments: &[&str]) -> Self {
        let machine = Shared::wait();
        let node = Node::start(&[&["serve", "--admin-listen=127.0.0.1:0"], arguments].concat());
        let addr = node.admin_addr();
        Self { node, addr, _machine: machine }
    }

    /// A request with `headers`, each line of which ends in `\r\n`, on a connection of its own.
    #[track_caller]
    fn request(&self, method: &str, target: &str, headers: &str, body: impl AsRef<[u8]>) -> Response {
        let body = body.as_ref();
        let mut raw = Raw::connect(self.addr);
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{headers}{length}\r\n", self.addr);
        raw.write(&[head.as_bytes(), body].concat());
        raw.response_to(method)
    }

    #[track_caller]
    fn get(&self, target: &str) -> Value {
        good(&self.request("GET", target, "", ""))
    }

    #[track_caller]
    fn post(&self, target: &str, content_type: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", target, &format!("Content-Type: {content_type}\r\n"), body)
    }

    /// Somebody who follows the topic `chat`, which no rule is for.
    #[track_caller]
    fn follower(&self) -> Polite {
        polite(self.node.addr, "/topics/chat")
    }

    /// Ids of connections that match `query`.
    #[track_caller]
    fn ids(&self, query: &str) -> Vec<String> {
        let page = self.get(&format!("/connections{query}"));
        let conns = page["connections"].as_array().expect("a list");
        conns.iter().map(|conn| conn["id"].as_str().expect("an id").to_owned()).collect()
    }
}

#[track_caller]
fn good(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}{}", response.head, response.text());
    serde_json::from_slice(&response.body).expect("JSON")
}

/// Asserts that a response is an error of this status and code, in the one form that errors have; returns its message.
#[track_caller]
fn refused(response: &Response, status: u16, code: &str) -> String {
    assert_eq!(response.status, status, "{}{}", response.head, response.text());
    assert_eq!(response.header("Content-Type"), Some("application/json"), "{}", response.head);
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(body["code"], code, "{body}");
    let message = body["message"].as_str().unwrap_or_default();
    assert!(message.len() > 10 && body.as_object().is_some_and(|body| body.len() == 2), "{body}");
    message.to_owned()
}

#[test]
fn unknown_paths_and_wrong_methods_are_told_what_there_is() {
    let admin = Admin::start(&[]);
    let message = refused(&admin.request("GET", "/nothing", "", ""), 404, "not_found");
    assert!(message.contains("/nothing") && message.contains("GET /healthz"), "{message}");
    for (method, target, allowed) in [
        ("POST", "/healthz", "GET,HEAD"),
        ("DELETE", "/topics", "GET,HEAD,POST"),
        ("GET", "/topics/a", "POST"),
        ("PUT", "/connections/0000000000000000", "GET,HEAD,POST,DELETE"),
    ] {
        let response = admin.request(method, target, "", "");
        refused(&response, 405, "method_not_allowed");
        assert_eq!(response.header("Allow"), Some(allowed), "{method} {target}");
    }
    let head = admin.request("HEAD", "/healthz", "", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_shutdown_is_told_at_once_and_to_the_end() {
    let mut admin = Admin::start(&["--shards=2", "--shutdown-grace=20s", "--close-timeout=20s"]);
    assert_eq!(admin.get("/readyz")["status"], "ready");
    assert_eq!(admin.get("/healthz")["shards"], 2);
    // A peer that does not answer the close frame, so that the grace is used.
    let client = Raw::open_at(admin.node.addr, "/ws");
    admin.node.signal("TERM");
    assert!(holds_within(Duration::from_secs(5), || admin.request("GET", "/readyz", "", "").status == 503));
    refused(&admin.request("GET", "/readyz", "", ""), 503, "draining");
    assert_eq!(admin.get("/healthz")["status"], "ok");
    eventually("the peer is asked to leave", || admin.ids("?state=closing").len() == 1);
    let mut idle = Raw::connect(admin.addr);
    drop(client);
    assert!(admin.node.wait(Duration::from_secs(10)).success());
    idle.expect_end();
}

#[test]
fn a_signal_ends_a_node_that_still_waits_for_its_admin_port() {
    let _machine = Shared::wait();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = format!("--admin-listen={}", taken.local_addr().expect("it is bound"));
    let mut node = Node::waiting(&["serve", &listen], "somebody listens");
    let begin = std::time::Instant::now();
    node.signal("TERM");
    let status = node.wait(Duration::from_secs(10));
    assert!(status.success() && begin.elapsed() < Duration::from_secs(2), "{status} after {:?}", begin.elapsed());
}

#[test]
fn a_second_signal_ends_an_admin_interface_that_somebody_uses() {
    let mut admin = Admin::start(&[]);
    let mut slow = Raw::connect(admin.addr);
    slow.write(
        b"POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nhalf",
    );
    assert_eq!(admin.get("/readyz")["status"], "ready");
    admin.node.signal("TERM");
    assert!(admin.node.wait(Duration::from_secs(5)).success(), "a request that never ends holds nothing up");
}
