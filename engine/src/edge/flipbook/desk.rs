//! Where visitors of the flipbook ask for something: a WebSocket at `/flipbook/control`, with JSON text messages.
//!
//! A visitor says `{"type":"clock"}`, `{"type":"rate","fps":…}`, `{"type":"draw","pages":…}` (`drawing`) or `{"type":"builtin"}`,
//! each with an `id` if it likes. It hears `clock` with the node's time, `done`, `error`; and of each book that is shown, first
//! of the present one, `{"type":"book","book":…,"pages":…}`.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::client::{Client, Data, NodeConn};
use super::super::clock::unix_us;
use super::super::demo::FLIPBOOK_BOOK;
use super::drawing::{BYTES_MAX, Drawing};
use super::pace::Pace;
use super::{FPS, Order};
use crate::handler::{Accept, Start};
use crate::proto::Message;

/// The path of the WebSocket.
pub(in super::super) const PATH: &str = "/flipbook/control";

/// A shard's way to the player. All of them share how often something may change.
#[derive(Clone, Debug)]
pub(in super::super) struct Desk {
    orders: SyncSender<Order>,
    paces: Arc<Paces>,
}

/// Between two changes of a kind, whoever makes them. To go back is not held up by those who draw.
#[derive(Debug)]
struct Paces {
    rate: Pace,
    draw: Pace,
    builtin: Pace,
}

/// What visitors say.
#[derive(Debug, Deserialize)]
struct Said {
    id: Option<u64>,
    #[serde(flatten)]
    wish: Wish,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Wish {
    Clock,
    Rate { fps: u64 },
    Draw { pages: Drawing },
    Builtin,
}

/// What visitors hear.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Heard {
    Clock { id: Option<u64>, at: f64 },
    Done { id: Option<u64> },
    Error { id: Option<u64>, code: &'static str, message: String },
}

/// Why something was not done.
#[derive(Debug, PartialEq)]
struct Denial {
    code: &'static str,
    message: String,
}

impl Denial {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Desk {
    pub(super) fn new(orders: SyncSender<Order>) -> Self {
        let pace = |ms| Pace::new(Duration::from_millis(ms));
        Self { orders, paces: Arc::new(Paces { rate: pace(150), draw: pace(2_000), builtin: pace(1_000) }) }
    }

    pub(in super::super) fn on_connect() -> Accept<Data> {
        Accept { data: Some(Box::new(Client::Flipbook)), protocol: None }
    }

    /// Tells the present book, and the player that somebody is there.
    pub(in super::super) fn on_open(&self, conn: &mut NodeConn<'_>) {
        let start = Start { since_ms: Some(0), ..Start::default() };
        if let Err(error) = conn.subscribe_from(FLIPBOOK_BOOK, &start) {
            return send(conn, &Heard::Error { id: None, code: "busy", message: error.to_string() });
        }
        // Should there be no room, it has something to do and is awake.
        let _ = self.orders.try_send(Order::Wake);
    }

    pub(in super::super) fn on_message(&self, conn: &mut NodeConn<'_>, message: Message<'_>) {
        let heard = match understand(message) {
            Err(denial) => denied(None, denial),
            Ok(Said { id, wish: Wish::Clock }) => Heard::Clock { id, at: unix_us() as f64 / 1000.0 },
            Ok(Said { id, wish }) => match self.order(wish, conn.now_ms()) {
                Ok(()) => Heard::Done { id },
                Err(denial) => denied(id, denial),
            },
        };
        send(conn, &heard);
    }

    fn order(&self, wish: Wish, now_ms: u64) -> Result<(), Denial> {
        let (pace, order) = match wish {
            Wish::Clock => return Ok(()),
            Wish::Rate { fps } => (&self.paces.rate, Order::Rate(check_rate(fps)?)),
            Wish::Builtin => (&self.paces.builtin, Order::Builtin),
            Wish::Draw { pages } => {
                pages.check().map_err(|why| Denial::new("bad_request", why))?;
                (&self.paces.draw, Order::Draw(pages))
            }
        };
        pace.take(now_ms).map_err(|wait_ms| {
            Denial::new(
                "too_fast",
                format!("everybody shares this, and somebody has just changed it: again in {wait_ms} ms"),
            )
        })?;
        self.orders.try_send(order).map_err(|error| {
            // What is not done takes nobody's turn.
            pace.give_back(now_ms);
            match error {
                TrySendError::Full(_) => Denial::new("busy", "the flipbook has too much to do: again in a moment"),
                TrySendError::Disconnected(_) => Denial::new("closing", "the flipbook has ended with the node"),
            }
        })
    }
}

fn understand(message: Message<'_>) -> Result<Said, Denial> {
    let Message::Text(text) = message else {
        return Err(Denial::new("bad_request", "messages are JSON text"));
    };
    if text.len() > BYTES_MAX {
        return Err(Denial::new("too_large", format!("a message has at most {BYTES_MAX} bytes, not {}", text.len())));
    }
    // The parser works in place, so it gets a copy.
    simd_json::serde::from_slice(&mut text.as_bytes().to_vec()).map_err(|error| {
        let expected = r#"{"type":"clock"}, {"type":"rate","fps":30}, {"type":"draw","pages":[[[0,10,10,20,20]]]} or {"type":"builtin"}"#;
        Denial::new("bad_request", format!("not understood: {error}; send {expected}"))
    })
}

fn check_rate(fps: u64) -> Result<u32, Denial> {
    let fps = u32::try_from(fps).ok().filter(|fps| FPS.contains(fps));
    fps.ok_or_else(|| {
        Denial::new("bad_request", format!("fps is a whole number from {} to {}", FPS.start(), FPS.end()))
    })
}

fn denied(id: Option<u64>, Denial { code, message }: Denial) -> Heard {
    Heard::Error { id, code, message }
}

fn send(conn: &mut NodeConn<'_>, heard: &Heard) {
    // Who reads so slowly that there is no room for an answer does not miss it.
    let _ = conn.send(simd_json::serde::to_string(heard).expect("strings and numbers are always JSON").as_str());
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn wish(text: &str) -> Result<Wish, Denial> {
        understand(Message::Text(text)).map(|said| said.wish)
    }

    #[test]
    fn what_is_asked_becomes_an_order() {
        let (sender, orders) = sync_channel(8);
        let desk = Desk::new(sender);
        for text in [
            r#"{"type":"rate","fps":60,"id":7}"#,
            r#"{"id":8,"type":"draw","pages":[[[0,1,2]]]}"#,
            r#"{"type":"builtin"}"#,
        ] {
            assert_eq!(desk.order(wish(text).expect(text), 10_000), Ok(()), "{text}");
        }
        assert!(matches!(orders.recv(), Ok(Order::Rate(60))));
        let Ok(Order::Draw(pages)) = orders.recv() else { panic!("no drawing") };
        assert_eq!(simd_json::serde::to_string(&pages).expect("numbers"), "[[[0,1,2]]]");
        assert!(matches!(orders.recv(), Ok(Order::Builtin)));
        assert_eq!(understand(Message::Text(r#"{"type":"clock","id":9}"#)).expect("a clock").id, Some(9));
    }

    #[test]
    fn bad_input_is_told_and_takes_nobodys_turn() {
        let (sender, orders) = sync_channel(8);
        let desk = Desk::new(sender);
        let ask = |text: &str| wish(text).and_then(|wish| desk.order(wish, 10_000)).expect_err(text);
        for (text, why) in [
            ("", "not understood"),
            ("[]", "not understood"),
            ("{\"type\":\"rate\"}", "not understood"),
            ("{\"type\":\"other\"}", "not understood"),
            ("{\"type\":\"rate\",\"fps\":0}", "from 1 to 60"),
            ("{\"type\":\"rate\",\"fps\":61}", "from 1 to 60"),
            ("{\"type\":\"rate\",\"fps\":4294967326}", "from 1 to 60"),
            ("{\"type\":\"rate\",\"fps\":1.5}", "not understood"),
            ("{\"type\":\"rate\",\"fps\":-1}", "not understood"),
            ("{\"type\":\"draw\",\"pages\":[]}", "1 to 24 pages"),
            ("{\"type\":\"draw\",\"pages\":[[[0,1]]]}", "x and y"),
            ("{\"type\":\"draw\",\"pages\":[[[0,1,70000]]]}", "not understood"),
            ("{\"type\":\"draw\",\"pages\":[[[0,-1,7]]]}", "not understood"),
            ("{\"type\":\"draw\",\"pages\":[[[0,\"1\",7]]]}", "not understood"),
        ] {
            let denial = ask(text);
            assert_eq!(denial.code, "bad_request", "{text}");
            assert!(denial.message.contains(why), "{text}: {}", denial.message);
        }
        assert_eq!(understand(Message::Binary(b"{}")).expect_err("binary").code, "bad_request");
        let long = format!("{{\"type\":\"builtin\"{}}}", " ".repeat(BYTES_MAX));
        assert_eq!(ask(&long).code, "too_large");
        assert!(orders.try_recv().is_err(), "nothing was ordered");
        desk.order(Wish::Rate { fps: 5 }, 10_000).expect("nobody has had this turn");
    }

    #[test]
    fn changes_are_rationed_for_everybody_by_kind() {
        let (sender, orders) = sync_channel(8);
        let (desk, other) = (Desk::new(sender.clone()), Desk::new(sender));
        let shards = [desk.clone(), desk];
        let rate = |shard: &Desk, now| shard.order(Wish::Rate { fps: 5 }, now);
        rate(&shards[0], 10_000).expect("the first");
        let denial = rate(&shards[1], 10_100).expect_err("too soon");
        assert_eq!(denial.code, "too_fast");
        assert!(denial.message.contains("again in 50 ms"), "{}", denial.message);
        shards[1].order(Wish::Builtin, 10_100).expect("another kind");
        rate(&shards[1], 10_150).expect("later");
        rate(&other, 10_150).expect("another node");
        drop(orders);
        assert_eq!(rate(&other, 20_000).expect_err("nobody there").code, "closing");
    }

    #[test]
    fn a_player_that_lags_behind_is_busy_and_that_takes_nobodys_turn() {
        let (sender, orders) = sync_channel(1);
        let desk = Desk::new(sender);
        desk.order(Wish::Rate { fps: 5 }, 10_000).expect("room for one");
        assert_eq!(desk.order(Wish::Builtin, 10_000).expect_err("no room").code, "busy");
        orders.recv().expect("the rate");
        desk.order(Wish::Builtin, 10_000).expect("nobody has had this turn");
        orders.recv().expect("the horse");
        assert_eq!(desk.order(Wish::Builtin, 10_001).expect_err("too soon").code, "too_fast");
    }
}
