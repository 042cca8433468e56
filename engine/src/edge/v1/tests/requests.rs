//! Requests, good and bad, one by one.

use std::borrow::Cow;

use super::v1::{Operation, Parser, Payload, Publish, Refusal, Request, Subscribe};
use crate::topic::after::After;
use crate::topic::format::Code;
use crate::topic::history::{Epoch, Offset, Position};

fn at(epoch: u64, offset: u64) -> Position {
    Position { epoch: Epoch(epoch), offset: Offset(offset) }
}

fn refusal(message: &str) -> Refusal {
    Parser::new().text(&mut message.as_bytes().to_vec()).expect_err(message)
}

fn assert_refused(code: Code, messages: &[&str]) {
    for message in messages {
        assert_eq!(refusal(message).code, code, "{message}");
    }
}

#[test]
fn every_operation() {
    let mut parser = Parser::new();
    let mut parse = |message: &str, expected: Request<'_>| {
        assert_eq!(parser.text(&mut message.as_bytes().to_vec()), Ok(expected), "{message}");
    };
    let subscribe = |topic, after, since| Operation::Subscribe(Subscribe { topic, after, since });
    let publish = |payload, durable| Operation::Publish(Publish { topic: "a", payload, durable });
    parse(r#"{"op":"ping"}"#, Request { id: None, operation: Operation::Ping });
    parse(
        r#" { "id" : 9007199254740991 , "op" : "ping" } "#,
        Request { id: Some((1 << 53) - 1), operation: Operation::Ping },
    );
    parse(
        r#"{"op":"unsubscribe","topic":"a.>","id":0}"#,
        Request { id: Some(0), operation: Operation::Unsubscribe { topic: "a.>" } },
    );
    parse(r#"{"op":"subscribe","topic":"a"}"#, Request { id: None, operation: subscribe("a", None, None) });
    parse(
        r#"{"op":"subscribe","topic":"a","after":"ffffffffffffffff-18446744073709551615"}"#,
        Request { id: None, operation: subscribe("a", Some(After::One(at(u64::MAX, u64::MAX))), None) },
    );
    parse(
        r#"{"op":"subscribe","topic":">","after":{"b":"0-0","a":"1-2"},"since":7}"#,
        Request {
            id: None,
            operation: subscribe(">", Some(After::Each(vec![("a".into(), at(1, 2)), ("b".into(), at(0, 0))])), Some(7)),
        },
    );
    parse(
        r#"{"op":"subscribe","after":{},"topic":">"}"#,
        Request { id: None, operation: subscribe(">", Some(After::Each(vec![])), None) },
    );
    parse(
        r#"{"op":"publish","topic":"a","data":"\u00e9\ud83e\udd80\n\u0000\/"}"#,
        Request { id: None, operation: publish(Payload::Text("é🦀\n\0/"), false) },
    );
    parse(
        r#"{"op":"publish","topic":"a","data64":"iVBORw==","durable":true}"#,
        Request { id: None, operation: publish(Payload::Binary(Cow::Borrowed(b"\x89PNG")), true) },
    );
}

#[test]
fn a_binary_message_is_a_head_and_a_payload() {
    let mut parser = Parser::new();
    for payload in [&b""[..], b"\n", b"\x00\xff\n{}"] {
        let mut message = [b"{\"op\":\"publish\",\"topic\":\"a\",\"durable\":false}\n", payload].concat();
        let operation = Operation::Publish(Publish {
            topic: "a",
            payload: Payload::Binary(Cow::Borrowed(payload)),
            durable: false,
        });
        assert_eq!(parser.binary(&mut message), Ok(Request { id: None, operation }));
    }
    for (message, code) in [
        (&b"{\"op\":\"publish\",\"topic\":\"a\"}"[..], Code::BadRequest),
        (b"", Code::BadRequest),
        (b"\n", Code::BadJson),
        (b"{\"op\":\"ping\"}\n", Code::BadRequest),
        (b"{\"op\":\"publish\",\"topic\":\"a\",\"data\":\"\"}\n", Code::BadRequest),
        (b"{\"op\":\"publish\",\n\"topic\":\"a\"}\nx", Code::BadJson),
    ] {
        assert_eq!(parser.binary(&mut message.to_vec()).expect_err("refused").code, code);
    }
}

#[test]
fn a_binary_head_has_4096_bytes_at_most() {
    let head = |len: usize| {
        let mut message = br#"{"op":"publish","topic":"a""#.to_vec();
        message.resize(len - 1, b' ');
        [&message[..], b"}\npayload"].concat()
    };
    assert!(Parser::new().binary(&mut head(4096)).is_ok());
    assert_eq!(Parser::new().binary(&mut head(4097)).expect_err("too long").code, Code::BadRequest);
}

#[test]
fn what_is_not_one_json_object() {
    assert_refused(
        Code::BadJson,
        &[
            "",
            " ",
            "nonsense",
            "null",
            "\"ping\"",
            "[]",
            "[{\"op\":\"ping\"}]",
            r#"{"op":"ping"}}"#,
            r#"{"op":"ping"} {"op":"ping"}"#,
            r#"{"op":"ping"}x"#,
            "{\"op\":\"ping\"}\0",
            r#"{"op":"ping""#,
            r#"{"op":"ping",}"#,
            r#"{'op':'ping'}"#,
            r#"{op:"ping"}"#,
            r#"{"op":"ping","id":01}"#,
            r#"{"op":"ping","id":+1}"#,
            r#"{"op":"ping","id":1e999}"#,
            r#"{"op":"ping","id":NaN}"#,
            r#"{"op":"ping","id":123456789012345678901234567890}"#,
            r#"{"op":"p\x69ng"}"#,
            "{\"op\":\"pi\nng\"}",
            // Lone surrogates, high and low, and a pair the wrong way round.
            r#"{"op":"publish","topic":"a","data":"\ud800"}"#,
            r#"{"op":"publish","topic":"a","data":"\udc00"}"#,
            r#"{"op":"publish","topic":"a","data":"\udc00\ud800"}"#,
            // Nine levels.
            r#"{"op":[[[[[[[[]]]]]]]]}"#,
        ],
    );
    let invalid = b"{\"op\":\"ping\",\"id\":\"\xff\"}";
    assert_eq!(Parser::new().text(&mut invalid.to_vec()).expect_err("no UTF-8").code, Code::BadJson);
    let deep = [&b"{\"op\":"[..], &[b'['; 100_000]].concat();
    assert_eq!(Parser::new().text(&mut deep.clone()).expect_err("deep").code, Code::BadJson);
}

#[test]
fn fields_that_are_not_right() {
    assert_refused(
        Code::BadRequest,
        &[
            "{}",
            r#"{"id":1}"#,
            r#"{"op":null}"#,
            r#"{"op":1}"#,
            r#"{"op":"ping","op":"ping"}"#,
            r#"{"op":"ping","\u006fp":"ping"}"#,
            r#"{"op":"ping","id":null}"#,
            r#"{"op":"ping","id":-1}"#,
            r#"{"op":"ping","id":1.0}"#,
            r#"{"op":"ping","id":"1"}"#,
            r#"{"op":"ping","id":9007199254740992}"#,
            r#"{"op":"ping","id":18446744073709551615}"#,
            r#"{"op":"ping","topic":"a"}"#,
            r#"{"op":"subscribe"}"#,
            r#"{"op":"subscribe","topic":["a"]}"#,
            r#"{"op":"subscribe","topic":"a","afer":"1-2"}"#,
            r#"{"op":"subscribe","topic":"a","data":""}"#,
            r#"{"op":"subscribe","topic":"a","after":1}"#,
            r#"{"op":"subscribe","topic":"a","after":null}"#,
            r#"{"op":"subscribe","topic":"a","after":["1-2"]}"#,
            r#"{"op":"subscribe","topic":">","after":{"a":1}}"#,
            r#"{"op":"subscribe","topic":">","after":{"a":{"b":"1-1"}}}"#,
            r#"{"op":"subscribe","topic":">","after":{"a":"1-1","b":"1-1","a":"1-2"}}"#,
            r#"{"op":"subscribe","topic":"a","since":-1}"#,
            r#"{"op":"publish","topic":"a"}"#,
            r#"{"op":"publish","data":""}"#,
            r#"{"op":"publish","topic":"a","data":{}}"#,
            r#"{"op":"publish","topic":"a","data":"","data64":""}"#,
            r#"{"op":"publish","topic":"a","data64":"iVBORw"}"#,
            r#"{"op":"publish","topic":"a","data64":"iVB\nORw=="}"#,
            r#"{"op":"publish","topic":"a","data":"","durable":1}"#,
        ],
    );
    assert_refused(Code::UnknownOperation, &[r#"{"op":""}"#, r#"{"op":"Ping"}"#, r#"{"op":"shout","topic":"a"}"#]);
}

#[test]
fn positions_have_one_spelling() {
    for position in [
        "",
        "-",
        "1",
        "1-",
        "-1",
        "1F-1",
        "01-1",
        "1-01",
        "1-+1",
        "+1-1",
        "1-1 ",
        "1-1-1",
        "1-18446744073709551616",
        "10000000000000000-1",
        "0x1-1",
    ] {
        assert_refused(Code::BadPosition, &[&format!(r#"{{"op":"subscribe","topic":"a","after":"{position}"}}"#)]);
        assert_refused(
            Code::BadPosition,
            &[&format!(r#"{{"op":"subscribe","topic":"a","after":{{"a":"{position}"}}}}"#)],
        );
    }
}

#[test]
fn after_has_1024_positions_at_most() {
    let message = |count: usize| {
        let positions: Vec<_> = (0..count).map(|number| format!("\"t{number}\":\"1-1\"")).collect();
        format!(r#"{{"op":"subscribe","topic":">","after":{{{}}}}}"#, positions.join(","))
    };
    assert!(Parser::new().text(&mut message(1024).into_bytes()).is_ok());
    assert_refused(Code::BadRequest, &[&message(1025)]);
}

#[test]
fn a_refusal_has_the_id_and_says_what_is_wrong() {
    for (message, id, says) in [
        (r#"{"op":"shout","id":7}"#, Some(7), "\"shout\" is none of"),
        (r#"{"op":"subscribe","topic":"a","afer":"1-2","id":7}"#, Some(7), "unknown field \"afer\""),
        (r#"{"op":"ping","op":"ping","id":7}"#, Some(7), "op is given twice"),
        (r#"{"id":7,"op":"ping","id":8}"#, None, "id is given twice"),
        (r#"{"op":"ping","id":7,"durable":true}"#, Some(7), "ping here takes no field durable"),
        (r#"{"op":"ping","id":-7}"#, None, "id must be an integer from 0"),
        (r#"{"op":"subscribe","topic":"a","after":"x","id":7}"#, Some(7), "\"x\": a position is EPOCH-OFFSET"),
    ] {
        let refusal = refusal(message);
        assert_eq!(refusal.id, id, "{message}");
        assert!(refusal.message.starts_with(says), "{} for {message}", refusal.message);
    }
    let long = refusal(&format!(r#"{{"op":"{}"}}"#, "é".repeat(10_000)));
    assert!(long.message.len() < 200, "an error repeats little of what it was sent");
}
