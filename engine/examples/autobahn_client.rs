//! Sends back what Autobahn's fuzzing server sends, case by case: how the client's role is tested.
//!
//! `cargo run --example autobahn_client -- 127.0.0.1:9010`

use std::io;
use std::net::SocketAddr;

use ringwire::client::{Client, ClientConfig, ClientHandler, ConnId, Conns, End, Open, OpenAs};
use ringwire::proto::Message;

/// 9.* sends messages of 16 MiB.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// What the suite is asked for: how many cases there are, then each, then a report.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Count,
    Case(u32),
    Report,
    Done,
}

struct Mirror {
    server: SocketAddr,
    step: Step,
    cases: u32,
    error: Option<String>,
}

impl Mirror {
    fn open(&self, conns: &mut Conns) -> io::Result<ConnId> {
        let target = match self.step {
            Step::Count | Step::Done => "/getCaseCount".to_owned(),
            Step::Case(case) => format!("/runCase?case={case}&agent=client"),
            Step::Report => "/updateReports?agent=client".to_owned(),
        };
        let host = self.server.to_string();
        let mode = OpenAs::WebSocket { host: &host, target: &target, protocols: &[], origin: None };
        conns.open(Open { target: self.server, source: None, mode })
    }

    fn next(&self) -> Step {
        match self.step {
            Step::Count if self.cases > 0 => Step::Case(1),
            Step::Case(case) if case < self.cases => Step::Case(case + 1),
            Step::Case(_) => Step::Report,
            Step::Count | Step::Report | Step::Done => Step::Done,
        }
    }
}

impl ClientHandler for Mirror {
    fn on_message(&mut self, conns: &mut Conns, id: ConnId, message: Message<'_>) {
        match (self.step, message) {
            (Step::Count, Message::Text(count)) => self.cases = count.parse().unwrap_or(0),
            // A connection that is closing takes nothing more, which is right.
            _ => drop(conns.send(id, message)),
        }
    }

    fn on_close(&mut self, conns: &mut Conns, _id: ConnId, end: End<'_>) {
        if self.step == Step::Count && self.cases == 0 {
            self.error = Some(format!("no number of cases: {end}"));
        }
        self.step = self.next();
        if self.step != Step::Done
            && let Err(error) = self.open(conns)
        {
            (self.error, self.step) = (Some(error.to_string()), Step::Done);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = std::env::args().nth(1).ok_or("usage: autobahn_client ADDRESS")?.parse()?;
    let config = ClientConfig {
        message_bytes_max: MESSAGE_BYTES_MAX,
        send_queue_bytes_max: 2 * MESSAGE_BYTES_MAX,
        ..ClientConfig::default()
    };
    let mut client = Client::new(&config)?;
    let mut mirror = Mirror { server, step: Step::Count, cases: 0, error: None };
    mirror.open(client.conns())?;
    while mirror.step != Step::Done {
        client.turn(&mut mirror, None)?;
    }
    println!("{} cases", mirror.cases);
    mirror.error.map_or(Ok(()), |error| Err(error.into()))
}
