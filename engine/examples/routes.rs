//! Routes: an echo, a path that speaks one of two subprotocols, a path for one site's pages only, and closing with a code.
//! `cargo run --release --example routes [ADDR]`; a text `bye CODE REASON` has the server close with these.

use ringwire::http::{OriginRules, Routes, WebSocketRoute};
use ringwire::{CloseCode, Config, Conn, Handler, Message, Server};

struct Rooms;

impl Handler for Rooms {
    type Data = ();

    fn on_open(&mut self, conn: &mut Conn<'_, ()>) {
        if let Some(protocol) = conn.protocol().map(str::to_owned) {
            let _ = conn.send(format!("speaking {protocol}").as_str());
        }
    }

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let goodbye = match message {
            Message::Text(text) => text.strip_prefix("bye ").and_then(|rest| rest.split_once(' ')),
            Message::Binary(_) => None,
        };
        match goodbye.and_then(|(code, reason)| Some((CloseCode::from(code.parse::<u16>().ok()?), reason))) {
            // `close` panics at 1005 and the like, and here the peer chooses the code.
            Some((code, _)) if !code.is_sendable() => conn.close(CloseCode::POLICY_VIOLATION, "no such close code"),
            Some((code, reason)) => conn.close(code, reason),
            None => {
                let _ = conn.send(message);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into()).parse()?;
    let routes = Routes::builder()
        .websocket(WebSocketRoute::new("/echo")?)
        .websocket(WebSocketRoute::new("/versions")?.protocols(["v2.example", "v1.example"])?)
        .websocket(WebSocketRoute::new("/members")?.origins(OriginRules::parse(["https://members.example"])?))
        .build()?;
    let server = Server::builder(Config { listen, ..Config::default() }).routes(routes).start(|_shard| Rooms)?;
    println!("listening on {}", server.local_addr());
    server.join();
    Ok(())
}
