//! Generated and mutated requests, judged by the parser and by the oracle.

use fastrand::Rng;

use super::v1::Parser;
use super::v1::trial::oracle::assert_same;

const RUNS: u64 = 60_000;
/// What requests are made of, whole and broken.
const PARTS: [&str; 44] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    " ",
    "\n",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "1.5",
    "1e3",
    "-",
    "9007199254740991",
    "18446744073709551616",
    "\"op\"",
    "\"id\"",
    "\"topic\"",
    "\"after\"",
    "\"since\"",
    "\"data\"",
    "\"data64\"",
    "\"durable\"",
    "\"ping\"",
    "\"publish\"",
    "\"subscribe\"",
    "\"unsubscribe\"",
    "\"1f-2\"",
    "\"a.*\"",
    "\"\"",
    "\"iVBORw==\"",
    "\"\\ud83e\\udd80\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "é",
    "\u{1}",
    "{}",
    "[[]]",
];

#[test]
fn the_parser_agrees_with_serde_json() {
    let mut parser = Parser::new();
    for seed in 0..RUNS {
        let mut random = Rng::with_seed(seed);
        let mut message = request(&mut random).into_bytes();
        let is_binary = random.u8(..4) == 0;
        if is_binary {
            message.extend_from_slice(b"\n\x00\xff");
        }
        assert_same(&mut parser, &message, is_binary);
        for _ in 0..random.usize(..6) {
            mutate(&mut random, &mut message);
            assert_same(&mut parser, &message, is_binary);
        }
    }
}

/// An object whose fields mostly fit their names.
fn request(random: &mut Rng) -> String {
    let fields: Vec<_> = (0..random.usize(1..6)).map(|_| field(random)).collect();
    format!("{{{}}}", fields.join(","))
}

fn field(random: &mut Rng) -> String {
    let (name, values): (_, &[&str]) = *random
        .choice::<&[(&str, &[&str])]>(&[
            ("op", &["\"ping\"", "\"publish\"", "\"subscribe\"", "\"unsubscribe\"", "\"other\""]),
            ("op", &["\"publish\"", "\"subscribe\""]),
            ("id", &["0", "7", "9007199254740991", "9007199254740992", "-1", "1.0"]),
            ("topic", &["\"a\"", "\"a.>\"", "\"\\u00e9\"", "7"]),
            ("topic", &["\"a\""]),
            (
                "after",
                &["\"1-2\"", "\"01-2\"", "{}", "{\"a\":\"1-2\"}", "{\"a\":\"1-2\",\"a\":\"1-2\"}", "{\"a\":2}", "[1]"],
            ),
            ("since", &["0", "1763818920123", "\"0\""]),
            ("data", &["\"\"", "\"text \\n \\ud83e\\udd80\"", "{\"a\":[1,{}]}"]),
            ("data64", &["\"\"", "\"iVBORw==\"", "\"iVBORw\""]),
            ("durable", &["true", "false", "null"]),
            ("other", &["1", "[[[[[[[]]]]]]]", "[[[[[[[[]]]]]]]]"]),
        ])
        .expect("some");
    let any = random.choice(PARTS).expect("some");
    let value = if random.u8(..20) == 0 { any } else { *random.choice(values).expect("some") };
    format!("\"{name}\":{value}")
}

/// Puts in, takes out, overwrites or repeats a few bytes.
fn mutate(random: &mut Rng, message: &mut Vec<u8>) {
    let at = random.usize(..=message.len());
    let end = (at + random.usize(..8)).min(message.len());
    match random.u8(..4) {
        0 => drop(message.splice(at..at, random.choice(PARTS).expect("some").bytes())),
        1 => drop(message.drain(at..end)),
        2 => message[at..end].fill_with(|| random.u8(..)),
        _ => message.extend_from_within(at..end),
    }
}
