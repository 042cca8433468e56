//! Requests of ringwire.v1: the parser's verdict is serde_json's, and what is encoded is JSON that says the same.

use serde_json::Value;

use crate::v1::{Parser, event};
use crate::v1_oracle::assert_same;

/// The first byte says whether the message is binary; the rest comes from the client.
pub fn check(data: &[u8]) {
    let Some((kind, message)) = data.split_first() else { return };
    let mut parser = Parser::new();
    assert_same(&mut parser, message, kind & 1 == 1);
    // Its memory is used again, whatever came before.
    assert_same(&mut parser, br#"{"op":"publish","topic":"a","data":"\u00e9"}"#, false);
    comes_back(&String::from_utf8_lossy(message));
}

/// A message that is encoded has its text again when it is decoded.
fn comes_back(text: &str) {
    let mut out = Vec::new();
    event::text(&mut out, "a", Some("1f-2"), text);
    let value: Value = serde_json::from_slice(&out).expect("what is encoded is JSON");
    assert_eq!(value["data"], text);
}

/// The examples of the contract.
pub fn seeds() -> Vec<Vec<u8>> {
    let blocks = |fence: &'static str, kind: u8| {
        let page = include_str!("../../docs/protocol.md");
        let blocks = page.split(fence).skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0));
        blocks.map(move |block| [&[kind], block.as_bytes()].concat())
    };
    blocks("```json client\n", 0).chain(blocks("```json client-binary\n", 1)).collect()
}
