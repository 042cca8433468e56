//! The examples of the contract are requests, and what is encoded here.

use super::v1::reply::{self, Subscribed};
use super::v1::{Code, Parser, Refusal, event};

const PAGE: &str = include_str!("../../../../docs/protocol.md");
const NO_POSITION: Option<&str> = None;

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
        encode(|out| subscribed(out, 1, Some("1f3a-19"), 0, false)),
        encode(|out| subscribed(out, 2, Some("1f3a-19"), 2, false)),
        encode(|out| subscribed(out, 3, None, 40, true)),
        encode(|out| reply::ok(out, 4, NO_POSITION)),
        encode(|out| reply::ok(out, 5, NO_POSITION)),
        encode(|out| reply::ok(out, 6, Some("77-1204"))),
        encode(|out| reply::pong(out, Some(9))),
        encode(|out| event::text(out, "news.world", Some("1f3a-20"), "line 1\nline 2 \u{1}")),
        encode(|out| event::text(out, "chat.lobby", NO_POSITION, "")),
        encode(|out| event::lost(out, "ticker.eur", 12)),
        encode(|out| event::closing(out, "the server shuts down: come back and resume")),
        encode(|out| {
            let message = "a topic has no empty token: write news.world, not news..world";
            reply::error(out, &Refusal::new(Some(2), Code::BadTopic, message));
        }),
        encode(|out| {
            let message = "not one JSON object: lone surrogate or bad escape in a string at byte 14";
            reply::error(out, &Refusal::new(None, Code::BadJson, message));
        }),
    ];
    assert_eq!(blocks("server"), encoded);
    let binary = encode(|out| event::binary(out, "camera.1", Some("1f3a-21"), b"89 50 4e 47"));
    assert_eq!(blocks("server-binary"), [binary]);
}

fn subscribed(out: &mut Vec<u8>, id: u64, position: Option<&str>, replayed: u64, gap: bool) {
    reply::subscribed(out, id, &Subscribed { position, replayed, gap, time: 1_763_818_920_123 });
}

fn encode(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn codes_are_those_of_the_page() {
    let listed =
        PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).filter_map(|(code, rest)| {
            let status = rest.split(' ').next()?;
            (status == "–" || status.parse::<u16>().is_ok()).then_some(code)
        });
    let all = [
        Code::BadJson,
        Code::BadRequest,
        Code::UnknownOperation,
        Code::BadTopic,
        Code::BadPosition,
        Code::NotAllowed,
        Code::NotSubscribed,
        Code::TooManySubscriptions,
        Code::TooManyTopics,
        Code::TooLarge,
        Code::TooFast,
        Code::Busy,
        Code::NotDurable,
        Code::NoHistory,
        Code::NoMessage,
        Code::Closing,
    ];
    assert_eq!(listed.collect::<Vec<_>>(), all.map(Code::as_str));
}
