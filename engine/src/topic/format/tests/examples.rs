//! The examples of the contract.

use super::super::poll::{self, Answer};
use super::super::{Code, Format, Publication, Subscribed, frames, sse, v1};
use super::{encoded, in_format, publication};
use crate::proto::CloseCode;
use crate::topic::history::MessageKind::{Binary, Text};
use crate::topic::history::Position;

const PAGE: &str = include_str!("../../../../docs/protocol.md");
const SHUTDOWN: &str = "the server shuts down: come back and resume";

/// Bodies of the blocks behind this fence, within the part of the page that begins with `heading`.
fn blocks(heading: &str, fence: &str) -> Vec<&'static str> {
    let (_, part) = PAGE.split_once(heading).expect(heading);
    let part = part.split("\n## ").next().expect("a part");
    let blocks = part.split(fence).skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0));
    blocks.collect()
}

fn at(text: &str) -> Option<Position> {
    Some(text.parse().expect("a position"))
}

#[test]
fn a_stream() {
    let subscribed = Subscribed { position: at("1f3a-19"), replayed: 2, gap: false, time_ms: 1_763_818_920_123 };
    let stream = encoded(|out| {
        sse::retry(out, 1870);
        sse::subscribed(out, "news.world", at("1f3a-17"), &subscribed);
        sse::message(out, &publication("news.world", "1f3a-18", Text, b"line 1\nline 2"));
        sse::message(out, &publication("news.world", "1f3a-19", Binary, b"\x89PNG"));
        sse::lost(out, "news.world", 12);
        sse::comment(out);
        sse::closing(out, CloseCode::GOING_AWAY, SHUTDOWN);
    });
    let [example] = blocks("Server-Sent Events\n", "```text\n")[..] else { panic!("one example") };
    assert_eq!(stream, format!("{example}\n\n"));
    let [data] = blocks("Server-Sent Events\n", "```json sse-subscribed\n")[..] else { panic!("one example") };
    assert!(stream.contains(&format!("event: subscribed\ndata: {data}\n")));
}

#[test]
fn answers_to_polls() {
    let answer = |position, time_ms, items: &[&[u8]]| {
        encoded(|out| {
            poll::answer(out, Answer { position, gap: false, time_ms }, items.iter().copied());
        })
    };
    let first = in_format(Format::PollItem, &publication("news.world", "1f3a-18", Text, b"line 1\nline 2"));
    let mut second = publication("news.world", "1f3a-19", Binary, b"\x89PNG");
    second.time_ms = 1_763_818_921_456;
    let second = in_format(Format::PollItem, &second);
    let golf = in_format(Format::PatternPollItem, &publication("sport.golf", "1f3a-91", Text, b"par"));
    let both = [&first[..], &second].concat();
    let pieces = both.chunks(7).collect::<Vec<_>>();
    let answers = [
        answer(at("1f3a-19"), 1_763_818_921_500, &pieces),
        answer(at("1f3a-19"), 1_763_818_951_500, &[]),
        answer(None, 1_763_818_921_500, &[&golf]),
    ];
    assert_eq!(blocks("topic: polling\n", "```json poll\n"), answers);
}

/// The payload of what is made of a framed message for who follows it by a pattern.
fn matched(pattern: &str, publication: &Publication<'_>) -> String {
    let frame = in_format(Format::Json, publication);
    let mut out = Vec::new();
    let rest = v1::matched(&frame, pattern, &mut out).to_vec();
    out.extend_from_slice(&rest);
    let [(kind, payload)] = frames(&out).collect::<Vec<_>>()[..] else { panic!("one frame") };
    assert_eq!(kind, publication.kind);
    String::from_utf8(payload.to_vec()).expect("text")
}

#[test]
fn heads_of_patterns_are_framed_anew_at_every_length() {
    let with = |field: &str, payload: &str| format!("{{\"event\":\"message\",{field}\"topic\":\"a\"}}\n{payload}");
    for length in [0, 1, 60, 85, 86, 87, 126, 65_400, 65_480, 65_500, 65_536] {
        let payload = "x".repeat(length);
        let publication = publication("a", "", Binary, payload.as_bytes());
        assert_eq!(matched("\"*", &publication), with("\"pattern\":\"\\\"*\",", &payload), "{length}");
    }
}

#[test]
fn events_of_v1() {
    let events = [
        encoded(|out| v1::message(out, &publication("news.world", "1f3a-20", Text, b"line 1\nline 2 \x01"))),
        encoded(|out| v1::message(out, &publication("chat.lobby", "", Text, b""))),
        matched("sport.>", &publication("sport.golf", "1f3a-91", Text, b"par")),
        encoded(|out| v1::lost(out, "ticker.eur", 12)),
        encoded(|out| v1::closing(out, CloseCode::GOING_AWAY, SHUTDOWN)),
    ];
    let listed = blocks("## `ringwire.v1`", "```json server\n");
    assert_eq!(listed.iter().filter(|block| events.contains(&(**block).to_owned())).count(), events.len());
    let binary = encoded(|out| v1::message(out, &publication("camera.1", "1f3a-21", Binary, b"89 50 4e 47")));
    assert_eq!(blocks("## `ringwire.v1`", "```json server-binary\n"), [binary]);
}

#[test]
fn ids_of_patterns_say_topic_and_time() {
    let with = |position| {
        let publication = publication("chat.lobby", position, Text, b"hi");
        String::from_utf8(in_format(Format::PatternEvents, &publication)).expect("text")
    };
    assert_eq!(with("1f3a-17"), "id: chat.lobby:1f3a-17:1763818920123\ndata: hi\n\n");
    assert!(PAGE.contains("(`chat.lobby::1763818920123`)"));
    assert_eq!(with(""), "id: chat.lobby::1763818920123\ndata: hi\n\n");
}

#[test]
fn codes_and_their_statuses_are_those_of_the_page() {
    let listed =
        PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).filter_map(|(code, rest)| {
            let status = rest.split(' ').next()?;
            (status == "–" || status.parse::<u16>().is_ok()).then_some((code, status.parse().ok()))
        });
    let all = [
        Code::BadJson,
        Code::BadRequest,
        Code::UnknownOperation,
        Code::BadTopic,
        Code::BadPosition,
        Code::NotAllowed,
        Code::WrongMessageType,
        Code::NotSubscribed,
        Code::TooManySubscriptions,
        Code::TooManyTopics,
        Code::TooLarge,
        Code::TooFast,
        Code::Busy,
        Code::NotDurable,
        Code::JournalFailed,
        Code::NoHistory,
        Code::NoMessage,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::SlowRequest,
        Code::Internal,
        Code::Closing,
    ];
    assert_eq!(listed.collect::<Vec<_>>(), all.map(|code| (code.as_str(), code.status())));
}
