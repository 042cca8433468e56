//! Sends every text back in upper case, and refuses binary messages with the close code for it.
//! `cargo run --release --example upper [ADDR]`

use ringwire::{CloseCode, Config, Conn, Handler, Message, Server};

struct Upper;

impl Handler for Upper {
    type Data = ();

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        match message {
            Message::Text(text) => {
                let _ = conn.send(text.to_uppercase().as_str());
            }
            Message::Binary(_) => conn.close(CloseCode::UNSUPPORTED_DATA, "send text"),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into()).parse()?;
    let server = Server::start(Config { listen, ..Config::default() }, |_shard| Upper)?;
    println!("upper-case echo on ws://{}/", server.local_addr());
    server.join();
    Ok(())
}
