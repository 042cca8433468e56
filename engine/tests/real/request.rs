//! What the application sees of a request, and what it may answer.

use ringwire::http::{Routes, WebSocketRoute};
use ringwire::{Accept, Conn, Handler, Message, Refusal, Request};

use crate::common::raw::upgrade_head;
use crate::common::{Log, Raw, TestServer, config, polite};

/// Logs the request, refuses at `/no`, and answers messages with the subprotocol and its data.
struct Door(Log);

impl Handler for Door {
    type Data = String;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<String>, Refusal> {
        let values: Vec<_> = request.header_values("x-twice").map(String::from_utf8_lossy).collect();
        let cookies: Vec<_> = request.cookies().collect();
        let query: Vec<_> = request.query_pairs().collect();
        self.0.push(format!("{} {} {:?}", request.method(), request.path(), request.query()));
        self.0.push(format!("{values:?} {cookies:?} {query:?}"));
        self.0.push(format!("{} {:?} {}", request.host(), request.origin(), request.remote_addr()));
        match request.path() {
            "/no" => {
                let refusal =
                    Refusal::new(401, "say who you are").and_then(|no| no.with_header("WWW-Authenticate", "Basic"));
                Err(refusal.expect("both may be sent"))
            }
            "/choose" => Ok(Accept { data: "chosen".into(), protocol: Some("v3".into()) }),
            path => Ok(Accept { data: path.into(), protocol: None }),
        }
    }

    fn on_open(&mut self, conn: &mut Conn<'_, String>) {
        let _ = conn.send("welcome");
    }

    fn on_message(&mut self, conn: &mut Conn<'_, String>, message: Message<'_>) {
        let kind = match message {
            Message::Text(_) => "text",
            Message::Binary(_) => "binary",
        };
        let data = conn.data().clone();
        let line = format!("{kind} {} {} {:?} {data}", message.len(), conn.route(), conn.protocol());
        let _ = conn.send(line.as_str());
    }
}

fn door() -> (TestServer, Log) {
    let log = Log::default();
    let for_shard = log.clone();
    let any = WebSocketRoute::new("*").unwrap().protocols(["v2", "v1"]).unwrap();
    let choose = WebSocketRoute::new("/choose").unwrap().protocols(["v1", "v3"]).unwrap();
    let routes = Routes::builder().websocket(any).websocket(choose).build().unwrap();
    (TestServer::with_routes(config(1), routes, move || Door(for_shard.clone())), log)
}

#[test]
fn the_request_is_seen_whole() {
    let (server, log) = door();
    let mut client = Raw::connect(server.addr());
    let more = "X-Twice: one\r\nCookie: a=1; b=two\r\nx-twice: two\r\nOrigin: http://page.test\r\nCookie: c=3\r\n";
    client.write(upgrade_head("/at/some%20path?room=a+b&room=%C3%BC&empty", more).as_bytes());
    assert_eq!(client.response().status, 101);
    assert_eq!(client.text(), "welcome");
    let addr = client.stream.local_addr().unwrap();
    assert_eq!(
        log.lines(),
        [
            r#"GET /at/some%20path Some("room=a+b&room=%C3%BC&empty")"#.to_owned(),
            r#"["one", "two"] [("a", "1"), ("b", "two"), ("c", "3")] [("room", "a b"), ("room", "ü"), ("empty", "")]"#
                .to_owned(),
            format!(r#"x Some("http://page.test") {addr}"#),
        ]
    );
    drop(client);
    server.finish();
}

#[test]
fn subprotocols_are_chosen_by_route_or_by_the_application() {
    let (server, _) = door();
    for (path, offer, chosen, line) in [
        ("/a", "v1, v2", Some("v2"), r#"text 2 0 Some("v2") /a"#),
        ("/b", "v1", Some("v1"), r#"text 2 0 Some("v1") /b"#),
        ("/c", "v9", None, "text 2 0 None /c"),
        ("/choose", "v1, v3", Some("v3"), r#"text 2 1 Some("v3") chosen"#),
    ] {
        let mut client = Raw::connect(server.addr());
        client.write(upgrade_head(path, &format!("Sec-WebSocket-Protocol: {offer}\r\n")).as_bytes());
        let response = client.response();
        assert_eq!(response.header("Sec-WebSocket-Protocol"), chosen, "{path}");
        assert_eq!(client.text(), "welcome");
        client.send_text("hi");
        assert_eq!(client.text(), line);
    }
    // Nothing was offered: the application's own choice may not be sent, and that is our fault.
    let mut client = Raw::connect(server.addr());
    client.write(upgrade_head("/choose", "").as_bytes());
    assert_eq!(client.response().status, 500);
    drop(client);
    server.finish();
}

#[test]
fn kinds_of_messages_reach_the_application() {
    let (server, _) = door();
    let mut client = polite(server.addr(), "/kinds");
    assert_eq!(client.read().unwrap().to_text().unwrap(), "welcome");
    client.send(tungstenite::Message::text("für")).unwrap();
    assert_eq!(client.read().unwrap().to_text().unwrap(), "text 4 0 None /kinds");
    client.send(tungstenite::Message::binary(vec![0; 5])).unwrap();
    assert_eq!(client.read().unwrap().to_text().unwrap(), "binary 5 0 None /kinds");
    drop(client);
    server.finish();
}

#[test]
fn the_application_refuses_with_a_status() {
    let (server, _) = door();
    let mut client = Raw::connect(server.addr());
    client.write(upgrade_head("/no", "").as_bytes());
    let response = client.response();
    assert_eq!((response.status, response.text().trim_end()), (401, "say who you are"));
    assert_eq!(response.header("WWW-Authenticate"), Some("Basic"));
    client.expect_end();
    drop(client);
    let counters = server.handle().stats().unwrap().counters;
    assert_eq!((counters.refused, counters.opened), (1, 0));
    server.finish();
}
