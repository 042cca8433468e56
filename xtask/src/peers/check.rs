//! Whether a peer really echoes, and really broadcasts: with a client that is not ours, tungstenite.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tungstenite::{Message, WebSocket};

use super::Transport;
use crate::server::{Server, ServerCommand};

/// Lengths at which headers and buffers change.
const LENGTHS: [usize; 8] = [1, 125, 126, 4096, 65_535, 65_536, 200_000, 1 << 20];
const CLIENTS: usize = 3;
const MESSAGES: usize = 5;
const ANSWER_MAX: Duration = Duration::from_secs(10);

type Client = WebSocket<TcpStream>;

/// Starts it in the mode that the command is for, and tries it.
pub(super) fn run(command: &ServerCommand, mode: &str, transport: Transport) -> Result<()> {
    let server = command.start(None)?;
    match (mode, transport) {
        ("echo", _) => echoes(&server),
        ("broadcast", Transport::Broadcast) => broadcasts(&server),
        ("broadcast", Transport::Nats) => publishes(&server),
        (other, _) => bail!("nobody knows the mode {other}"),
    }
}

fn connect(server: &Server) -> Result<Client> {
    let stream = TcpStream::connect(server.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    let (client, _) =
        tungstenite::client(format!("ws://{}/", server.address), stream).context("the handshake failed")?;
    Ok(client)
}

fn echoes(server: &Server) -> Result<()> {
    let mut client = connect(server)?;
    for length in LENGTHS {
        for message in [text(length), Message::binary(vec![0xA5; length])] {
            client.send(message.clone())?;
            ensure!(hear(&mut client)? == message, "{length} bytes came back changed");
        }
    }
    // Many at once stay many, and in order.
    for number in 0..100 {
        client.write(Message::text(number.to_string()))?;
    }
    client.flush()?;
    for number in 0..100 {
        ensure!(
            hear(&mut client)? == Message::text(number.to_string()),
            "number {number} of a hundred came back wrong"
        );
    }
    Ok(())
}

/// Everybody hears everything, the sender too, and each sender's messages in order.
fn broadcasts(server: &Server) -> Result<()> {
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| connect(server)).collect::<Result<_>>()?;
    // Some peers make a receiver of a connection a moment after the handshake.
    std::thread::sleep(Duration::from_millis(300));
    for number in 0..MESSAGES {
        for (sender, client) in clients.iter_mut().enumerate() {
            client.send(Message::text(format!("{sender} {number}")))?;
        }
    }
    for client in &mut clients {
        let mut next = [0; CLIENTS];
        for _ in 0..CLIENTS * MESSAGES {
            let message = hear(client)?.into_text()?.to_string();
            let (sender, number) = message.split_once(' ').with_context(|| format!("{message} was not published"))?;
            let (sender, number): (usize, usize) = (sender.parse()?, number.parse()?);
            ensure!(next.get(sender) == Some(&number), "{message} came out of order: {next:?}");
            next[sender] += 1;
        }
    }
    Ok(())
}

/// As [`broadcasts`], in the protocol of NATS: each publication comes behind a line of its own.
fn publishes(server: &Server) -> Result<()> {
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| connect(server)).collect::<Result<_>>()?;
    for client in &mut clients {
        client.send(Message::text("CONNECT {\"verbose\":false}\r\nSUB check 1\r\nPING\r\n"))?;
        read_until(client, "PONG\r\n")?;
    }
    for number in 0..MESSAGES {
        clients[0].send(Message::text(format!("PUB check 1\r\n{number}\r\n")))?;
    }
    let wanted: String = (0..MESSAGES).map(|number| format!("MSG check 1 1\r\n{number}\r\n")).collect();
    for client in &mut clients {
        let said = read_until(client, &format!("{}\r\n", MESSAGES - 1))?;
        ensure!(said == wanted, "instead of {wanted:?} came {said:?}");
    }
    Ok(())
}

/// All that comes until it ends like this.
fn read_until(client: &mut Client, end: &str) -> Result<String> {
    let mut said = String::new();
    while !said.ends_with(end) {
        said.push_str(std::str::from_utf8(&hear(client)?.into_data())?);
    }
    Ok(said)
}

/// The next message of data.
fn hear(client: &mut Client) -> Result<Message> {
    loop {
        let message = client.read().context("nothing came")?;
        if message.is_text() || message.is_binary() {
            return Ok(message);
        }
    }
}

fn text(length: usize) -> Message {
    Message::text("Grüße, 日本 ".repeat(length).chars().take(length).collect::<String>())
}
