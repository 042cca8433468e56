//! An echo server that does one thing wrong, and runs of the generator against it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use ringwire_load::cli::Cli;
use ringwire_load::commands;
use ringwire_load::report::Report;
use tungstenite::{Bytes, Message, Utf8Bytes, WebSocket};

/// One message in so many is treated badly.
const ONE_IN: u64 = 10_000;

/// What the server does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Nothing is sent for `length` at the start of each `every`.
    Stall {
        every: Duration,
        length: Duration,
    },
    /// Each message of a connection takes it so long.
    Slow(Duration),
    Drop,
    Repeat,
    /// A message comes after the next one.
    Swap,
    Corrupt,
    /// It ends each connection after a few messages.
    Vanish,
}

pub(crate) struct FaultyServer {
    addr: SocketAddr,
    /// How often it did something wrong.
    pub(crate) faults: Arc<AtomicU64>,
}

impl FaultyServer {
    /// Listens on a free port until the test's process ends.
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (faults, count) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let noted = Arc::clone(&faults);
        let began = Instant::now();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut peer = Peer { fault, began, faults: Arc::clone(&noted), count: Arc::clone(&count), held: None };
                thread::spawn(move || peer.serve(stream));
            }
        });
        Self { addr, faults }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }
}

struct Peer {
    fault: Fault,
    began: Instant,
    faults: Arc<AtomicU64>,
    /// Messages of all connections.
    count: Arc<AtomicU64>,
    held: Option<Message>,
}

impl Peer {
    fn serve(&mut self, stream: TcpStream) {
        stream.set_nodelay(true).expect("an open socket");
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        let mut served = 0;
        while let Ok(message) = socket.read() {
            if !message.is_text() && !message.is_binary() {
                continue;
            }
            served += 1;
            if self.fault == Fault::Vanish && served > 5 {
                return;
            }
            if self.answer(&mut socket, message).is_err() {
                return;
            }
        }
    }

    fn answer(&mut self, socket: &mut WebSocket<TcpStream>, message: Message) -> tungstenite::Result<()> {
        if let Fault::Stall { every, length } = self.fault {
            let into = Duration::from_nanos((self.began.elapsed().as_nanos() % every.as_nanos()) as u64);
            thread::sleep(length.saturating_sub(into));
        }
        if let Fault::Slow(each) = self.fault {
            thread::sleep(each);
        }
        if let Some(held) = self.held.take() {
            self.faults.fetch_add(1, Ordering::Relaxed);
            socket.write(message)?;
            return socket.send(held);
        }
        let is_bad = self.count.fetch_add(1, Ordering::Relaxed) % ONE_IN == ONE_IN / 2;
        match self.fault {
            Fault::Drop if is_bad => {}
            Fault::Repeat if is_bad => {
                socket.write(message.clone())?;
                socket.send(message)?;
            }
            Fault::Swap if is_bad => {
                self.held = Some(message);
                return Ok(());
            }
            Fault::Corrupt if is_bad => socket.send(changed(message))?,
            _ => return socket.send(message),
        }
        self.faults.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The same with one bit changed, in the last byte.
fn changed(message: Message) -> Message {
    match message {
        Message::Text(text) => {
            let mut bytes = text.as_bytes().to_vec();
            *bytes.last_mut().expect("a payload") ^= 1;
            Message::Text(Utf8Bytes::try_from(Bytes::from(bytes)).expect("ASCII"))
        }
        message => {
            let mut bytes = message.into_data().to_vec();
            *bytes.last_mut().expect("a payload") ^= 1;
            Message::Binary(bytes.into())
        }
    }
}

/// What `ringwire-load` makes of a command line.
pub(crate) fn report_of(arguments: &[&str]) -> anyhow::Result<Report> {
    let line = ["ringwire-load"].iter().chain(arguments).chain(&["--quiet"]);
    let plan = Cli::try_parse_from(line)?.into_plan()?;
    commands::run(&plan)
}

/// An echo run against the server.
pub(crate) fn report(server: &FaultyServer, arguments: &[&str]) -> Report {
    let url = server.url();
    let line: Vec<&str> = ["echo", &url].iter().chain(arguments).copied().collect();
    report_of(&line).expect("a run")
}
