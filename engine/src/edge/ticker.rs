//! The ticker behind `/demo/ticker`: prices that nobody pays, published from a thread of its own.
//!
//! Each symbol has a topic below `demo.ticker.` and is published 20 times a second, as JSON text:
//! `{"price":…,"open":…,"at":…,"bids":[[price,size],…],"asks":[…]}`, `at` in milliseconds since 1970. Nothing is published while
//! nobody subscribes to what begins with `demo`.
//!
//! Not here: what a slow reader gets of it. The rule of these topics says that (`demo`).

use std::fmt::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fastrand::Rng;

use super::audience;
use super::clock::unix_ms;
use super::demo::{PRICES, TICKER_PREFIX, names_demo};
use crate::server::{CommandError, ServerHandle};
use crate::topic::name::overlaps;

/// Between two prices of a symbol.
const TICK: Duration = Duration::from_millis(50);

/// Between two looks whether anybody subscribes.
const LOOK: Duration = Duration::from_millis(500);

/// Levels of each side of an order book.
const LEVELS: u32 = 16;

/// Symbols with the price that each begins with.
const SYMBOLS: [(&str, f64); 16] = [
    ("CORK", 18.40),
    ("CQE", 96.10),
    ("DRUM", 7.25),
    ("EDGE", 242.00),
    ("FRAME", 53.30),
    ("KELP", 12.85),
    ("LOOM", 131.70),
    ("MASK", 34.05),
    ("NODE", 410.50),
    ("OPAL", 78.20),
    ("PONG", 22.90),
    ("RING", 187.60),
    ("SHARD", 305.15),
    ("SQE", 95.80),
    ("TIDE", 61.45),
    ("WIRE", 148.75),
];

/// The ticker, once it was started. It ends when this is dropped, or with the server.
#[derive(Debug, Default)]
pub(super) struct Ticker {
    /// Never sent on: its end tells.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts it, once. A node that has no thread for it goes without.
    pub(super) fn start(&mut self, server: ServerHandle) {
        let (running, ended) = channel();
        match thread::Builder::new().name("ticker".into()).spawn(move || run(&server, &ended)) {
            Ok(thread) => (self.running, self.thread) = (Some(running), Some(thread)),
            Err(error) => tracing::warn!(%error, "no ticker: its thread cannot start"),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.running.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the ticker panicked");
        }
    }
}

/// The thread's body.
fn run(server: &ServerHandle, ended: &Receiver<()>) {
    let mut market = Market::new(Rng::new());
    while !server.is_stopped() {
        if !is_watched(server) {
            if has_ended(ended, LOOK) {
                return;
            }
            continue;
        }
        for _ in 0..LOOK.as_millis() / TICK.as_millis() {
            if market.publish(server) == Err(CommandError::Stopped) || has_ended(ended, TICK) {
                return;
            }
        }
    }
}

/// Waits, unless it ends before that.
fn has_ended(ended: &Receiver<()>, wait: Duration) -> bool {
    ended.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
}

fn is_watched(server: &ServerHandle) -> bool {
    audience::is_watched(server, is_for_prices)
}

/// Whether who subscribes to this wants prices. Who wants all there is, with `>` for instance, does not ask for a ticker.
fn is_for_prices(interest: &str) -> bool {
    names_demo(interest) && overlaps(interest, PRICES)
}

/// All symbols.
struct Market {
    random: Rng,
    quotes: Vec<Quote>,
    text: String,
}

/// A symbol and its price.
struct Quote {
    topic: String,
    open: f64,
    /// Logarithm of the price as a multiple of what it began with.
    way: f64,
    /// How far one step goes: it changes, so that there are busy and quiet times.
    pace: f64,
}

impl Market {
    fn new(random: Rng) -> Self {
        let quote = |(symbol, open)| Quote { topic: format!("{TICKER_PREFIX}{symbol}"), open, way: 0.0, pace: 0.001 };
        Self { random, quotes: SYMBOLS.into_iter().map(quote).collect(), text: String::new() }
    }

    /// Publishes a new price of each symbol. What a busy server does not take is left out.
    fn publish(&mut self, server: &ServerHandle) -> Result<(), CommandError> {
        let at = unix_ms();
        for quote in &mut self.quotes {
            quote.step(&mut self.random);
            quote.print(&mut self.text, at, &mut self.random);
            match server.publish(&quote.topic, self.text.as_str()) {
                Ok(()) | Err(CommandError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Quote {
    fn price(&self) -> f64 {
        self.open * self.way.exp()
    }

    /// A random walk that is drawn back to where it began, so that it goes on for years.
    fn step(&mut self, random: &mut Rng) {
        // The sum of three uniform numbers is near enough to a normal one.
        let swing = (random.f64() + random.f64() + random.f64()) * 2.0 - 3.0;
        self.pace = (self.pace * (0.98 + 0.04 * random.f64())).clamp(0.0004, 0.002);
        self.way += swing * self.pace - self.way * 0.0005;
    }

    fn print(&self, out: &mut String, at: u64, random: &mut Rng) {
        let price = self.price();
        out.clear();
        // Writing to a String cannot fail.
        let _ = write!(out, "{{\"price\":{price:.2},\"open\":{:.2},\"at\":{at}", self.open);
        for (side, sign) in [("bids", -1.0), ("asks", 1.0)] {
            let _ = write!(out, ",\"{side}\":");
            for level in 1..=LEVELS {
                let (begin, at) =
                    (if level == 1 { '[' } else { ',' }, price * (1.0 + sign * f64::from(level) * 0.0005));
                let _ = write!(out, "{begin}[{at:.2},{}]", random.u32(1..=40) * 25 * level);
            }
            out.push(']');
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    use serde_json::Value;

    use super::super::audience::PLACES_PER_TURN;
    use super::*;
    use crate::config::{Config, MessageTypes, Pin, Shards};
    use crate::handler::{Accept, Conn, Handler};
    use crate::http::{Refusal, Request};
    use crate::proto::Message;
    use crate::server::{Answer, Server};
    use crate::shard::command::TopicQuery;
    use crate::topic::name::{NameLimits, check_name};

    #[test]
    fn prices_are_json_and_stay_prices() {
        let mut market = Market::new(Rng::with_seed(7));
        for step in 0..20_000 {
            for quote in &mut market.quotes {
                quote.step(&mut market.random);
                let price = quote.price();
                assert!(price > quote.open / 4.0 && price < quote.open * 4.0, "{}: {price} at {step}", quote.topic);
            }
        }
        for quote in &market.quotes {
            quote.print(&mut market.text, 17, &mut market.random);
            let said: Value = serde_json::from_str(&market.text).expect("JSON");
            let best = |side: &str| said[side][0][0].as_f64().expect("a price");
            let price = said["price"].as_f64().expect("a price");
            assert!(best("bids") <= price && price <= best("asks"), "{said}");
            assert_eq!((said["at"].as_u64(), said["asks"].as_array().map(Vec::len)), (Some(17), Some(16)), "{said}");
        }
    }

    #[test]
    fn who_names_the_demos_wants_prices() {
        for (interest, wanted) in [
            ("demo.ticker.RING", true),
            ("demo.ticker.*", true),
            ("demo.*.RING", true),
            ("demo.>", true),
            ("demo.chat", false),
            ("demo.*", false),
            ("demo", false),
            ("demonstration.ticker.*", false),
            ("*.ticker.*", false),
            (">", false),
        ] {
            assert_eq!(is_for_prices(interest), wanted, "{interest}");
        }
    }

    /// Subscribes each connection to what its path names, and to so many topics before.
    struct Subscriber;

    impl Handler for Subscriber {
        type Data = String;

        fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<String>, Refusal> {
            Ok(Accept { data: request.path()[1..].to_owned(), protocol: None })
        }

        fn on_open(&mut self, conn: &mut Conn<'_, String>) {
            // No path has a `>`.
            let path = conn.data().replace("%3E", ">");
            let (interest, before) = path.split_once('/').expect("a name and a number");
            let before: u32 = before.parse().expect("a number");
            for index in 0..before {
                conn.subscribe(&format!("t{index}")).expect("within the limits");
            }
            conn.subscribe(interest).expect("within the limits");
            let _ = conn.send("ready");
        }

        fn on_message(&mut self, _conn: &mut Conn<'_, String>, _message: Message<'_>) {}
    }

    /// A connection that has subscribed.
    fn open(addr: SocketAddr, path: &str) -> TcpStream {
        let mut client = TcpStream::connect(addr).expect("it listens");
        client.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
        write!(
            client,
            "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .expect("it reads");
        let mut heard = Vec::new();
        while !heard.ends_with(b"ready") {
            let mut byte = [0];
            client.read_exact(&mut byte).expect("it answers");
            heard.push(byte[0]);
        }
        client
    }

    #[test]
    fn a_large_table_is_looked_through_to_its_end() {
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            shards: Shards::Count(1),
            pin: Pin::None,
            subscriptions_per_connection_max: 5000,
            ..Config::default()
        };
        let server = Server::start(config, |_| Subscriber).expect("io_uring is there");
        let (addr, handle) = (server.local_addr(), server.handle());
        assert!(!is_watched(&handle));
        let many = open(addr, "/%3E/3000");
        let query = TopicQuery { from: 0, places_max: PLACES_PER_TURN, after: "".into() };
        let first = handle.shards().next().expect("one").topics(query).and_then(Answer::wait).expect("it runs");
        assert!(first.next.is_some(), "more than one part");
        assert!(!is_watched(&handle), "nobody wants prices");
        let reader = open(addr, "/demo.ticker.RING/0");
        assert!(is_watched(&handle), "the last of the table does");
        drop((many, reader));
        handle.shutdown(Duration::ZERO);
        server.join();
    }

    #[test]
    fn symbols_are_names_that_the_rule_is_for() {
        let mut config = Config::default();
        let _ = super::super::demo::prepare(&mut config);
        let config = config.validated().expect("valid");
        let rules = crate::topic::settings::TopicRules::new(&config);
        for Quote { topic, .. } in Market::new(Rng::new()).quotes {
            check_name(&topic, NameLimits::new(&config)).expect("a name");
            let settings = rules.find(&topic);
            assert!(settings.history.is_some() && settings.messages == MessageTypes::Text, "{topic}");
        }
    }
}
