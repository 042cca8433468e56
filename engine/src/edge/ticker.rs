//! The ticker behind `/demo/ticker`: prices that nobody pays, published from a thread of its own.
//!
//! Each symbol has a topic below `demo.ticker.` and is published 20 times a second, as JSON text:
//! `{"price":…,"open":…,"at":…,"bids":[[price,size],…],"asks":[…]}`, `at` in milliseconds since 1970. Nothing is published while
//! nobody subscribes.
//!
//! Not here: what a slow reader gets of it. The rule of these topics says that (`demo`).

use std::fmt::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastrand::Rng;

use super::demo::TICKER_PREFIX;
use crate::config::ValidConfig;
use crate::server::{CommandError, ServerHandle};
use crate::shard::command::TopicQuery;
use crate::topic::name::overlaps;

/// Between two prices of a symbol.
const TICK: Duration = Duration::from_millis(50);

/// Between two looks whether anybody subscribes.
const LOOK: Duration = Duration::from_millis(500);

/// Places of a shard's table that one look sees.
const PLACES_MAX: u32 = 1024;

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

/// The running ticker. It ends when this is dropped, or with the server.
#[derive(Debug)]
pub(super) struct Ticker {
    /// Never sent on: its end tells.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts it, if there are demos. A node that has no thread for it goes without.
    pub(super) fn start(config: &ValidConfig, server: ServerHandle) -> Option<Self> {
        if !config.demo {
            return None;
        }
        let (running, ended) = channel();
        let thread = thread::Builder::new().name("ticker".into()).spawn(move || run(&server, &ended));
        match thread {
            Ok(thread) => Some(Self { running: Some(running), thread: Some(thread) }),
            Err(error) => {
                tracing::warn!(%error, "no ticker: its thread cannot start");
                None
            }
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

/// Whether anybody subscribes. A table that is larger than what one look sees is not looked through: there may be somebody.
fn is_watched(server: &ServerHandle) -> bool {
    let wanted = format!("{TICKER_PREFIX}*");
    server.shards().any(|shard| {
        let query = TopicQuery { from: 0, places_max: PLACES_MAX, after: "".into() };
        let page = shard.topics(query).and_then(crate::server::Answer::wait);
        page.is_ok_and(|page| page.next.is_some() || page.topics.iter().any(|topic| overlaps(&topic.name, &wanted)))
    })
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
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
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

    fn print(&self, out: &mut String, at: u128, random: &mut Rng) {
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
    use serde_json::Value;

    use super::*;
    use crate::config::{Config, MessageTypes};
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
    fn symbols_are_names_that_the_rule_is_for() {
        let mut config = Config::default();
        super::super::demo::prepare(&mut config);
        let config = config.validated().expect("valid");
        let rules = crate::topic::settings::TopicRules::new(&config);
        for Quote { topic, .. } in Market::new(Rng::new()).quotes {
            check_name(&topic, NameLimits::new(&config)).expect("a name");
            let settings = rules.find(&topic);
            assert!(settings.history.is_some() && settings.messages == MessageTypes::Text, "{topic}");
        }
    }
}
