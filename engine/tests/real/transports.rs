//! Nothing lost, whatever the transport: readers of all of them break off at random, resume, and have every offset exactly once
//! and in order.
//!
//! A run of its own takes a million publications:
//! `RINGWIRE_PUBLICATIONS=1000000 cargo test --release -p ringwire --test real transports -- --nocapture`; the number of the
//! seed, which is printed, is given with `RINGWIRE_SEED`.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Node, Raw, Shared};

/// Publications unless the environment says otherwise.
const PUBLICATIONS: u64 = 100_000;

/// Readers of each transport.
const READERS: u64 = 3;

/// Publications on their way at once.
const IN_FLIGHT: u64 = 256;

const RULES: &str = r#"
history_bytes_max = "1GiB"

[[topics]]
pattern = "kept.>"
history_count = 16000000
history_bytes = "512MiB"
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    /// Payloads at `/topics/NAME`.
    Raw,
    V1,
    Events,
    Polls,
}

/// Somebody who breaks off and comes back.
struct Reader {
    name: String,
    transport: Transport,
    addr: SocketAddr,
    epoch: Arc<str>,
    random: fastrand::Rng,
    /// The offset of the last message.
    seen: u64,
    last: u64,
    /// How often it came back.
    lives: u64,
}

/// Why a life ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It had enough.
    Own,
    /// The server ended it, because it was too slow.
    TooSlow,
}

impl Reader {
    /// Reads up to the last message, in as many lives as it takes.
    fn run(mut self) -> (Transport, u64, u64) {
        let mut closed = 0;
        while self.seen < self.last {
            self.lives += 1;
            let most = self.random.u64(1..4000);
            let end = match self.transport {
                Transport::Raw => self.read_raw(most),
                Transport::V1 => self.read_v1(most),
                Transport::Events => self.read_events(most),
                Transport::Polls => self.read_polls(most),
            };
            closed += u64::from(end == End::TooSlow);
        }
        (self.transport, self.lives, closed)
    }

    fn position(&self) -> String {
        format!("{}-{}", self.epoch, self.seen)
    }

    /// A message with its position, where the transport tells one.
    #[track_caller]
    fn hear(&mut self, position: Option<&str>, data: &str) {
        self.seen += 1;
        assert_eq!(data, self.seen.to_string(), "{}, life {}", self.name, self.lives);
        if let Some(position) = position {
            assert_eq!(position, self.position(), "{}, life {}", self.name, self.lives);
        }
    }

    /// Whether it breaks off here; sometimes it dawdles.
    fn has_enough(&mut self, left: &mut u64) -> bool {
        if self.random.u32(0..5000) == 0 {
            thread::sleep(Duration::from_millis(self.random.u64(1..30)));
        }
        *left -= 1;
        *left == 0 || self.seen == self.last
    }

    /// The next text of a WebSocket; none when the server closed it for being slow.
    #[track_caller]
    fn text(&self, raw: &mut Raw) -> Option<String> {
        let frame = match raw.try_frame() {
            Ok(frame) => frame?,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("{}: {error}", self.name),
        };
        if frame.opcode == 8 {
            assert_eq!(frame.close().0, Some(4000), "{}: {frame:?}", self.name);
            return None;
        }
        Some(String::from_utf8(frame.payload).expect("text"))
    }

    fn read_raw(&mut self, mut left: u64) -> End {
        let mut raw = Raw::open_at(self.addr, &format!("/topics/kept.a?after={}", self.position()));
        while let Some(text) = self.text(&mut raw) {
            self.hear(None, &text);
            if self.has_enough(&mut left) {
                return End::Own;
            }
        }
        End::TooSlow
    }

    fn read_v1(&mut self, mut left: u64) -> End {
        let mut raw = connect_v1(self.addr);
        raw.send_text(&json!({"op": "subscribe", "id": 1, "topic": "kept.a", "after": self.position()}).to_string());
        let answer: Value = serde_json::from_str(&raw.text()).expect("JSON");
        assert!(answer["event"] == "ok" && answer["gap"] == false, "{}: {answer}", self.name);
        while let Some(text) = self.text(&mut raw) {
            let event: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(event["event"], "message", "{}: {text}", self.name);
            self.hear(event["position"].as_str(), event["data"].as_str().expect("text"));
            if self.has_enough(&mut left) {
                return End::Own;
            }
        }
        End::TooSlow
    }

    fn read_events(&mut self, mut left: u64) -> End {
        let mut raw = Raw::connect(self.addr);
        let id = self.position();
        let head = "GET /topics/kept.a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nLast-Event-ID:";
        raw.write(format!("{head} {id}\r\n\r\n").as_bytes());
        assert_eq!(raw.response().status, 200);
        while let Some(event) = raw.until("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            match field("event") {
                None if field("retry").is_some() => {}
                None => {
                    self.hear(field("id"), field("data").expect("a text"));
                    if self.has_enough(&mut left) {
                        return End::Own;
                    }
                }
                Some("subscribed") => assert!(event.contains("\"gap\":false") && field("id") == Some(&id), "{event}"),
                Some("closing") => return End::TooSlow,
                Some(other) => panic!("{}: {other}", self.name),
            }
        }
        End::TooSlow
    }

    fn read_polls(&mut self, left: u64) -> End {
        let mut raw = Raw::connect(self.addr);
        for _ in 0..left.min(50) {
            let target = format!("/topics/kept.a?after={}&wait=10s", self.position());
            raw.write(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
            // The first life in any case: where polls bring much, there are few of them.
            if self.lives == 1 || self.random.u32(0..20) == 0 {
                // Breaks off before the answer, or in the middle of it.
                thread::sleep(Duration::from_micros(self.random.u64(0..2000)));
                return End::Own;
            }
            let response = raw.response();
            assert_eq!(response.status, 200, "{}: {}", self.name, response.text());
            let answer: Value = serde_json::from_slice(&response.body).expect("JSON");
            assert_eq!(answer["gap"], false, "{}", self.name);
            for message in answer["messages"].as_array().expect("a list") {
                self.hear(message["position"].as_str(), message["data"].as_str().expect("text"));
            }
            assert_eq!(answer["position"], self.position(), "{}", self.name);
            if self.seen == self.last {
                break;
            }
        }
        End::Own
    }
}

fn connect_v1(addr: SocketAddr) -> Raw {
    Raw::open_with(addr, "/connect", "Sec-WebSocket-Protocol: ringwire.v1\r\n")
}

/// Publishes the numbers from `first` on; their acknowledgements have the same as offsets.
fn publish(publisher: &mut Raw, epoch: &mut String, first: u64, last: u64) {
    let mut answered = first - 1;
    for number in first..=last {
        let data = number.to_string();
        publisher.send_text(&json!({"op": "publish", "id": number, "topic": "kept.a", "data": data}).to_string());
        while number == last && answered < last || number - answered >= IN_FLIGHT {
            let answer: Value = serde_json::from_str(&publisher.text()).expect("JSON");
            let position = answer["position"].as_str().unwrap_or_else(|| panic!("{answer}"));
            let (found, offset) = position.split_once('-').expect("a position");
            answered += 1;
            assert_eq!((answer["id"].as_u64(), offset), (Some(answered), &*answered.to_string()));
            found.clone_into(epoch);
        }
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: give a number")))
}

#[test]
fn nothing_is_lost_over_random_disconnects_of_all_transports() {
    let (last, seed) = (from_environment("RINGWIRE_PUBLICATIONS"), from_environment("RINGWIRE_SEED"));
    let (last, seed) = (last.unwrap_or(PUBLICATIONS), seed.unwrap_or_else(|| fastrand::u64(..)));
    println!("RINGWIRE_PUBLICATIONS={last} RINGWIRE_SEED={seed}");
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let (mut publisher, mut epoch) = (connect_v1(node.addr), String::new());
    publish(&mut publisher, &mut epoch, 1, 1);
    let (begin, epoch) = (Instant::now(), Arc::<str>::from(epoch));
    let failed = AtomicBool::new(false);
    let mut ends = Vec::new();
    thread::scope(|scope| {
        let mut readers = Vec::new();
        for transport in [Transport::Raw, Transport::V1, Transport::Events, Transport::Polls] {
            for number in 0..READERS {
                let random = fastrand::Rng::with_seed(seed ^ number << 8 ^ transport as u64);
                let (name, epoch) = (format!("{transport:?} {number}"), Arc::clone(&epoch));
                let reader = Reader { name, transport, addr: node.addr, epoch, random, seen: 0, last, lives: 0 };
                let failed = &failed;
                readers.push(scope.spawn(move || {
                    let _flag = OnPanic(failed);
                    reader.run()
                }));
            }
        }
        let mut next = 2;
        while next <= last && !failed.load(Ordering::Relaxed) {
            let end = last.min(next + 999);
            publish(&mut publisher, &mut String::new(), next, end);
            next = end + 1;
        }
        ends.extend(readers.into_iter().map(|reader| reader.join().expect("a reader")));
    });
    println!("{last} publications in {:?}; transport, lives, ended by the server: {ends:?}", begin.elapsed());
    assert!(ends.iter().all(|(_, lives, _)| *lives > last / 100_000), "they did not break off: {ends:?}");
}

/// Tells the publisher that a reader failed, so that the test ends.
struct OnPanic<'a>(&'a AtomicBool);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(thread::panicking(), Ordering::Relaxed);
    }
}
