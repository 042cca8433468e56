//! Sends every message back. `cargo run --release --example echo [ADDR]`, then open a WebSocket to ws://ADDR/ on any path.

use ringwire::{Config, Conn, Handler, Message, Server};

struct Echo;

impl Handler for Echo {
    type Data = ();

    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        let _ = conn.send(message);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into()).parse()?;
    let server = Server::start(Config { listen, ..Config::default() }, |_shard| Echo)?;
    println!("echo on ws://{}/", server.local_addr());
    server.join();
    Ok(())
}
