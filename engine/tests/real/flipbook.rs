//! The flipbook's topics: the same frames in order over four transports, a desk that takes changes within bounds, and rest for nobody.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Node, Raw, Shared, eventually};

const FRAMES: usize = 40;

fn node() -> Node {
    Node::start(&["serve", "--shards=2"])
}

/// Number, publication time, rate and book of a frame.
#[track_caller]
fn frame(text: &str) -> (u64, f64, u64, u64) {
    let frame: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let number = |name: &str| frame[name].as_u64().unwrap_or_else(|| panic!("no {name}: {text}"));
    (number("frame"), frame["at"].as_f64().expect("a time"), number("fps"), number("book"))
}

fn get(client: &mut Raw, target: &str, more: &str) -> crate::common::raw::Response {
    client.write(format!("GET {target} HTTP/1.1\r\nHost: x\r\n{more}\r\n").as_bytes());
    client.response()
}

fn by_websocket(addr: SocketAddr) -> Vec<String> {
    let mut client = Raw::open_at(addr, "/topics/demo.flipbook");
    (0..FRAMES).map(|_| client.text()).collect()
}

fn by_events(addr: SocketAddr) -> Vec<String> {
    let mut client = Raw::connect(addr);
    client.write(b"GET /topics/demo.flipbook HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    assert_eq!(client.response().status, 200);
    let mut frames = Vec::new();
    while frames.len() < FRAMES {
        let event = client.until("\n\n").expect("it goes on");
        let data = event.lines().find_map(|line| line.strip_prefix("data: "));
        frames.extend(data.filter(|data| data.contains("\"frame\"")).map(str::to_owned));
    }
    frames
}

fn by_long_polls(addr: SocketAddr) -> Vec<String> {
    let mut client = Raw::connect(addr);
    let (mut frames, mut query) = (Vec::new(), String::new());
    while frames.len() < FRAMES {
        let answer = get(&mut client, &format!("/topics/demo.flipbook{query}"), "");
        let answer: Value = serde_json::from_str(&answer.text()).expect("JSON");
        assert_eq!(answer["gap"], false, "{answer}");
        let messages = answer["messages"].as_array().expect("a list");
        frames.extend(messages.iter().map(|message| message["data"].as_str().expect("text").to_owned()));
        query = format!("?after={}&wait=20s", answer["position"].as_str().expect("a position"));
    }
    frames
}

/// For as long as the others take: who asks for the latest gets what there is, and 304 where it has that.
fn by_short_polls(addr: SocketAddr) -> Vec<String> {
    let mut client = Raw::connect(addr);
    let (mut frames, mut known) = (Vec::new(), String::new());
    while frames.len() < FRAMES / 8 {
        let answer = get(&mut client, "/topics/demo.flipbook/latest", &known);
        match answer.status {
            200 => frames.push(answer.text()),
            304 => {}
            // A node that has just begun to listen. It ends the connection of whom it refuses.
            404 if frames.is_empty() => {
                client = Raw::connect(addr);
                continue;
            }
            status => panic!("status {status}: {}", answer.text()),
        }
        known = format!("If-None-Match: {}\r\n", answer.header("ETag").expect("a position"));
        thread::sleep(Duration::from_millis(100));
    }
    frames
}

#[test]
fn all_four_transports_bring_the_same_frames_in_order() {
    let _machine = Shared::wait();
    let node = node();
    let readers = [by_websocket, by_events, by_long_polls, by_short_polls].map(|read| {
        let addr = node.addr;
        thread::spawn(move || read(addr))
    });
    let [websocket, events, long, short] = readers.map(|reader| reader.join().expect("it reads"));
    for (name, texts) in [("websocket", &websocket), ("events", &events), ("long polls", &long)] {
        let frames: Vec<_> = texts.iter().map(|text| frame(text)).collect();
        assert!(frames.windows(2).all(|two| two[0].0 + 1 == two[1].0), "{name}: none twice, none missing: {texts:?}");
        assert!(frames.windows(2).all(|two| two[0].1 <= two[1].1), "{name}: in the order of their times: {texts:?}");
        assert!(frames.iter().all(|frame| (frame.2, frame.3) == (30, 0)), "{name}: {texts:?}");
        // 39 periods of a thirtieth are 1.3 s; a busy machine may take longer, no machine less than by a period.
        let took = frames[FRAMES - 1].1 - frames[0].1;
        assert!((1_266.0..20_000.0).contains(&took), "{name}: {took} ms");
        // The same numbers are the same messages.
        let also: Vec<_> =
            websocket.iter().filter(|text| texts.iter().any(|own| frame(own).0 == frame(text).0)).collect();
        assert!(also.iter().all(|text| texts.contains(text)), "{name}");
    }
    let short: Vec<_> = short.iter().map(|text| frame(text).0).collect();
    assert!(short.windows(2).all(|two| two[0] < two[1]), "in order: {short:?}");
    assert!(short.windows(2).any(|two| two[0] + 1 < two[1]), "every 100 ms is too seldom for all of them: {short:?}");
}

#[test]
fn nothing_is_published_for_nobody() {
    let _machine = Shared::wait();
    let node = node();
    let ask = || get(&mut Raw::connect(node.addr), "/topics/demo.flipbook/latest", "");
    assert_eq!(ask().status, 404, "nobody came");
    thread::sleep(Duration::from_millis(700));
    assert_eq!(ask().status, 404, "a poll alone is nobody");
    // Who has the desk open looks, and does not wait for it.
    let mut desk = Raw::open_at(node.addr, "/flipbook/control");
    assert!(desk.text().contains("\"book\":0"), "the book comes first");
    eventually("there is a frame", || ask().status == 200);
    let latest = || frame(&ask().text()).0;
    eventually("it plays", || latest() > 20);
    drop(desk);
    let mut last = latest();
    eventually("it rests", || {
        thread::sleep(Duration::from_millis(300));
        std::mem::replace(&mut last, latest()) == last
    });
}

/// A visitor's connection. What it hears of books is apart from what it hears as answers.
struct Visitor {
    raw: Raw,
    books: Vec<Value>,
}

impl Visitor {
    #[track_caller]
    fn open(node: &Node) -> Self {
        let mut visitor = Self { raw: Raw::open_at(node.addr, "/flipbook/control"), books: Vec::new() };
        visitor.book();
        visitor
    }

    #[track_caller]
    fn hear(&mut self) -> Value {
        serde_json::from_str(&self.raw.text()).expect("JSON")
    }

    #[track_caller]
    fn answer(&mut self, request: &str) -> Value {
        self.raw.send_text(request);
        loop {
            let said = self.hear();
            if said["type"] != "book" {
                return said;
            }
            self.books.push(said);
        }
    }

    /// The next book.
    #[track_caller]
    fn book(&mut self) -> Value {
        if !self.books.is_empty() {
            return self.books.remove(0);
        }
        let said = self.hear();
        assert_eq!(said["type"], "book", "{said}");
        said
    }
}

#[test]
fn a_drawing_is_shown_to_everybody_until_somebody_goes_back() {
    let _machine = Shared::wait();
    let node = node();
    let [mut ann, mut bob] = [(); 2].map(|()| Visitor::open(&node));
    let pages = json!([[[0, 10, 10, 20, 20]], [], [[2, 800, 600]]]);
    let answer = ann.answer(&json!({ "type": "draw", "id": 5, "pages": pages }).to_string());
    assert_eq!(answer, json!({ "type": "done", "id": 5 }));
    let shown = bob.book();
    assert_eq!((&shown, &shown["pages"]), (&ann.book(), &pages));
    assert!(shown["book"].as_u64() > Some(0), "{shown}");
    let mut late = Raw::open_at(node.addr, "/flipbook/control");
    assert_eq!(serde_json::from_str::<Value>(&late.text()).expect("JSON"), shown, "who comes late sees it too");
    let mut reader = Raw::open_at(node.addr, "/topics/demo.flipbook");
    assert_eq!(Some(frame(&reader.text()).3), shown["book"].as_u64(), "frames are its pages");
    assert_eq!(bob.answer(r#"{"type":"builtin"}"#), json!({ "type": "done", "id": null }), "anybody may");
    assert_eq!(ann.book(), json!({ "type": "book", "book": 0, "pages": null }));
    eventually("frames are of the built-in one", || frame(&reader.text()).3 == 0);
}

#[test]
fn a_rate_is_for_everybody_and_holds() {
    let _machine = Shared::wait();
    let node = node();
    let mut visitor = Visitor::open(&node);
    let mut reader = Raw::open_at(node.addr, "/topics/demo.flipbook");
    assert_eq!(visitor.answer(r#"{"type":"rate","fps":10,"id":1}"#)["type"], "done");
    eventually("the rate is told with frames", || frame(&reader.text()).2 == 10);
    let times: Vec<_> = (0..6).map(|_| frame(&reader.text()).1).collect();
    // Some may be late, so that the next is sooner; five periods are five periods.
    let took = times[5] - times[0];
    assert!((400.0..5_000.0).contains(&took), "{times:?}");
    assert_eq!(
        visitor.answer(r#"{"type":"rate","fps":60,"id":2}"#)["type"],
        "done",
        "a moment later it may be changed again"
    );
    eventually("and again", || frame(&reader.text()).2 == 60);
}

#[test]
fn what_is_wrong_is_answered_with_a_reason_and_changes_nothing() {
    let _machine = Shared::wait();
    let node = node();
    let mut visitor = Visitor::open(&node);
    let many = json!({ "type": "draw", "pages": vec![json!([[0, 1, 1]]); 25] }).to_string();
    let long = format!("{{\"type\":\"builtin\",\"id\":1{}}}", " ".repeat(70_000));
    for (request, code, words) in [
        ("hello", "bad_request", "not understood"),
        (r#"{"type":"draw","pages":[[[0,1,1,900,1]]]}"#, "bad_request", "page 1: stroke 1: (900, 1) is not on a page"),
        (&many, "bad_request", "1 to 24 pages"),
        (&long, "too_large", "65536 bytes"),
        (r#"{"type":"rate","fps":61,"id":3}"#, "bad_request", "1 to 60"),
    ] {
        let answer = visitor.answer(request);
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(code)), "{answer}");
        assert!(answer["message"].as_str().is_some_and(|message| message.contains(words)), "{answer}");
    }
    assert_eq!(visitor.answer(r#"{"type":"builtin","id":8}"#)["type"], "done", "nobody's turn was taken by all that");
    let mut other = Visitor::open(&node);
    // On a busy machine an answer may take longer than the ration, and is then granted: the next is asked for at once.
    let refused = (0..20).map(|_| other.answer(r#"{"type":"builtin","id":9}"#)).find(|answer| answer["type"] != "done");
    let refused = refused.expect("rationed for all together");
    assert_eq!((&refused["code"], &refused["id"]), (&json!("too_fast"), &json!(9)), "{refused}");
    let asked = Instant::now();
    let at = other.answer(r#"{"type":"clock","id":10}"#)["at"].as_f64().expect("a time");
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3;
    let most = asked.elapsed().as_secs_f64() * 1e3 + 1.0;
    assert!((now - most..=now + 1.0).contains(&at), "the node's clock: {at}, here {now}");
}
