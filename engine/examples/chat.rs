//! A chat: greets the newcomer, tells the others, hands every message to all, and tells of departures.
//! `cargo run --release --example chat [ADDR]`, then connect a few clients, each as ws://ADDR/?name=Ann

use ringwire::{Accept, CloseCode, Config, Conn, Handler, Message, Refusal, Request, Server};

const ROOM: &str = "chat";

/// Longest message that is passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 50;

struct Chat;

/// What is remembered of a connection: its name.
type Name = String;

impl Handler for Chat {
    type Data = Name;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<Name>, Refusal> {
        let name = request.query_pairs().find(|(key, _)| key == "name").map(|(_, name)| name.into_owned());
        match name {
            Some(name) if (1..=20).contains(&name.chars().count()) => Ok(Accept { data: name, protocol: None }),
            _ => Err(Refusal::bad_request("say who you are: ?name=… with 1 to 20 characters")),
        }
    }

    fn on_open(&mut self, conn: &mut Conn<'_, Name>) {
        let name = conn.data().clone();
        let _ = conn.send(format!("Welcome, {name}.").as_str());
        conn.publish_to_others(ROOM, format!("{name} came in.").as_str()).expect("a topic's name");
        if let Err(error) = conn.subscribe(ROOM) {
            conn.close(CloseCode::TRY_AGAIN_LATER, &error.to_string());
        }
    }

    fn on_message(&mut self, conn: &mut Conn<'_, Name>, message: Message<'_>) {
        if let Message::Text(text) = message {
            let text: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
            let line = format!("{}: {text}", conn.data());
            conn.publish(ROOM, line.as_str()).expect("a topic's name");
        }
    }

    fn on_close(&mut self, conn: &mut Conn<'_, Name>, _code: CloseCode, _reason: &str) {
        let line = format!("{} left.", conn.data());
        conn.publish(ROOM, line.as_str()).expect("a topic's name");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into()).parse()?;
    let server = Server::start(Config { listen, ..Config::default() }, |_shard| Chat)?;
    println!("chat on ws://{}/?name=YOU", server.local_addr());
    server.join();
    Ok(())
}
