//! What is encoded is JSON, and says what it was given.

use fastrand::Rng;
use serde_json::{Value, json};

use super::v1::event;

const NO_POSITION: Option<&str> = None;

#[test]
fn every_character_comes_back() {
    let all: String = (0..=u32::from(char::MAX)).filter_map(char::from_u32).collect();
    assert_comes_back(&all);
    for character in (0..0x3000).filter_map(char::from_u32) {
        assert_comes_back(&character.to_string());
    }
}

#[test]
fn escapes_come_back_wherever_they_are() {
    let mut random = Rng::with_seed(1);
    for _ in 0..20_000 {
        let len = random.usize(..100);
        let text: String = (0..len)
            .map(|_| *random.choice(&['a', '"', '\\', '\n', '\u{1f}', '\u{7f}', 'é', '🦀']).expect("some"))
            .collect();
        assert_comes_back(&text);
    }
}

fn assert_comes_back(text: &str) {
    let mut out = b"before".to_vec();
    event::text(&mut out, "a.b", Some("1f-2"), text);
    let json = out.strip_prefix(b"before").expect("appended");
    assert!(json.iter().all(|byte| *byte >= 0x20), "control characters are escaped");
    let value: Value = serde_json::from_slice(json).expect("JSON");
    assert_eq!(value, json!({ "event": "message", "topic": "a.b", "position": "1f-2", "data": text }));
}

#[test]
fn a_binary_head_ends_at_the_first_line_feed() {
    for topic in ["a", "with\nfeed", "\"quoted\""] {
        let mut out = Vec::new();
        event::binary(&mut out, topic, NO_POSITION, b"\n\x00payload");
        let end = out.iter().position(|byte| *byte == b'\n').expect("a line feed");
        let head: Value = serde_json::from_slice(&out[..end]).expect("JSON");
        assert_eq!(head, json!({ "event": "message", "topic": topic }));
        assert_eq!(&out[end + 1..], b"\n\x00payload");
    }
}
