//! The examples of the contract are requests, and what is encoded here.

use super::v1::{Parser, Refusal, reply};
use crate::topic::format::{Code, Subscribed};
use crate::topic::history::Position;

const PAGE: &str = include_str!("../../../../docs/protocol.md");

fn at(text: &str) -> Option<Position> {
    Some(text.parse().expect("a position"))
}

/// Bodies of the blocks of one kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```json {kind}\n");
    let blocks: Vec<_> = PAGE.split(&fence).skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0)).collect();
    assert!(!blocks.is_empty(), "no example of {kind}");
    blocks
}

#[test]
fn clients_examples_are_requests() {
    for block in blocks("client") {
        Parser::new().text(&mut block.as_bytes().to_vec()).expect(block);
    }
    for block in blocks("client-binary") {
        Parser::new().binary(&mut block.as_bytes().to_vec()).expect(block);
    }
}

#[test]
fn servers_examples_are_byte_for_byte_what_is_encoded() {
    let encoded = [
        encode(|out| subscribed(out, 1, at("1f3a-19"), 0, false)),
        encode(|out| subscribed(out, 2, at("1f3a-19"), 2, false)),
        encode(|out| subscribed(out, 3, None, 40, true)),
        encode(|out| reply::ok(out, 4, None)),
        encode(|out| reply::ok(out, 5, None)),
        encode(|out| reply::ok(out, 6, at("77-1204"))),
        encode(|out| reply::pong(out, Some(9))),
        encode(|out| {
            let message = "a topic has no empty token: write news.world, not news..world";
            reply::error(out, &Refusal::new(Some(2), Code::BadTopic, message));
        }),
        encode(|out| {
            let message = "not one JSON object: a word that is none of true, false and null at byte 14";
            reply::error(out, &Refusal::new(None, Code::BadJson, message));
        }),
    ];
    // Those of events are checked where events are encoded.
    let is_reply =
        |block: &&str| ["ok", "pong", "error"].iter().any(|event| block.contains(&format!(r#""event":"{event}""#)));
    assert_eq!(blocks("server").into_iter().filter(is_reply).collect::<Vec<_>>(), encoded);
}

fn subscribed(out: &mut Vec<u8>, id: u64, position: Option<Position>, replayed: u64, gap: bool) {
    reply::subscribed(out, id, &Subscribed { position, replayed, gap, time_ms: 1_763_818_920_123 });
}

fn encode(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("text")
}
