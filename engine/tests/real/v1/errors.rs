//! Every error that can occur, by its code and the id of its request; and that nobody else is disturbed.

use ringwire::proto::Opcode;
use serde_json::{Value, json};

use super::{Client, RULES};
use crate::common::raw::frame;
use crate::common::{Node, Shared};

#[track_caller]
fn refused(answer: &Value, id: Option<u64>, code: &str) {
    let expected = (json!("error"), id.map_or(Value::Null, Value::from), json!(code));
    assert_eq!((&answer["event"], &answer["id"], &answer["code"]), (&expected.0, &expected.1, &expected.2), "{answer}");
    assert!(answer["message"].as_str().is_some_and(|message| message.len() > 10), "{answer}");
}

#[test]
fn bad_requests_are_answered_and_the_connection_goes_on() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2", "--topic-name-bytes-max=40"]);
    let mut witness = Client::open(&node);
    witness.subscribe("kept.a", &json!({}));
    let mut client = Client::open(&node);
    let long = format!(r#"{{"op":"ping","id":7,"x":{}}}"#, "[".repeat(9) + &"]".repeat(9));
    for (request, id, code) in [
        ("", None, "bad_json"),
        ("[]", None, "bad_json"),
        (r#"{"op":"ping","id":7"#, None, "bad_json"),
        (&long, None, "bad_json"),
        ("{}", None, "bad_request"),
        (r#"{"op":"ping","id":-1}"#, None, "bad_request"),
        (r#"{"op":"ping","id":7,"extra":1}"#, Some(7), "bad_request"),
        (r#"{"op":"subscribe","id":7}"#, Some(7), "bad_request"),
        (r#"{"op":"subscribe","topic":7}"#, None, "bad_request"),
        (r#"{"op":"publish","id":7,"topic":"a"}"#, Some(7), "bad_request"),
        (r#"{"op":"publish","id":7,"topic":"a","data":"x","data64":"eA=="}"#, Some(7), "bad_request"),
        (r#"{"op":"publish","id":7,"topic":"a","data64":"?"}"#, Some(7), "bad_request"),
        (r#"{"op":"subscribe","id":7,"topic":"kept.*","after":{"other":"1-1"}}"#, Some(7), "bad_request"),
        (r#"{"op":"dance","id":7}"#, Some(7), "unknown_operation"),
        (r#"{"op":"subscribe","id":7,"topic":""}"#, Some(7), "bad_topic"),
        (r#"{"op":"subscribe","id":7,"topic":"a..b"}"#, Some(7), "bad_topic"),
        (r#"{"op":"subscribe","topic":"a.>.b"}"#, None, "bad_topic"),
        (r#"{"op":"subscribe","id":7,"topic":"kept.*","after":{"kept.*":"1-1"}}"#, Some(7), "bad_topic"),
        (r#"{"op":"unsubscribe","id":7,"topic":"a b"}"#, Some(7), "bad_topic"),
        (r#"{"op":"publish","id":7,"topic":"a.*","data":""}"#, Some(7), "bad_topic"),
        (r#"{"op":"publish","topic":"a.","data":""}"#, None, "bad_topic"),
        (
            r#"{"op":"publish","id":7,"topic":"a234567890.b234567890.c234567890.d2345678","data":""}"#,
            Some(7),
            "bad_topic",
        ),
        (r#"{"op":"subscribe","id":7,"topic":"kept.a","after":"1-01"}"#, Some(7), "bad_position"),
        (r#"{"op":"subscribe","id":7,"topic":"kept.*","after":"1-1"}"#, Some(7), "bad_position"),
        (r#"{"op":"subscribe","id":7,"topic":"closed.out"}"#, Some(7), "not_allowed"),
        (r#"{"op":"subscribe","id":7,"topic":"closed.*"}"#, Some(7), "not_allowed"),
        (r#"{"op":"publish","id":7,"topic":"closed.in","data":"x"}"#, Some(7), "not_allowed"),
        (r#"{"op":"publish","id":7,"topic":"only.text","data64":"eA=="}"#, Some(7), "wrong_message_type"),
        (r#"{"op":"publish","id":7,"topic":"only.binary","data":"x"}"#, Some(7), "wrong_message_type"),
        (r#"{"op":"unsubscribe","id":7,"topic":"kept.a"}"#, Some(7), "not_subscribed"),
        (r#"{"op":"publish","id":7,"topic":"kept.a","data":"x","durable":true}"#, Some(7), "not_durable"),
    ] {
        client.0.send_text(request);
        refused(&client.hear(), id, code);
    }
    for (payload, code) in [
        (&b"no line feed"[..], "bad_request"),
        (b"{\"op\":\"ping\"}\n", "bad_request"),
        (b"{\"op\":\n\"publish\"}\n", "bad_json"),
        (b"\xff\n", "bad_json"),
    ] {
        client.0.write(&frame(Opcode::Binary, true, payload));
        refused(&client.hear(), None, code);
    }
    let position = client.publish("kept.a", "the only one");
    assert_eq!(witness.hear(), super::message("kept.a", &position, "the only one"));
    witness.expect_nothing_more();
    client.expect_nothing_more();
}

#[test]
fn a_wrong_kind_of_message_is_told_which_is_right() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &[]);
    let mut client = Client::open(&node);
    for (request, expected) in [
        (json!({ "op": "publish", "topic": "only.text", "data64": "" }), "only.text takes text messages only"),
        (json!({ "op": "publish", "topic": "only.binary", "data": "" }), "only.binary takes binary messages only"),
    ] {
        assert_eq!(client.answer(&request)["message"], expected);
    }
    client.publish("only.text", "x");
    client.send_binary(r#"{"op":"publish","id":3,"topic":"only.binary"}"#, b"x");
    assert_eq!(client.hear(), json!({ "event": "ok", "id": 3 }));
}

#[test]
fn a_position_that_was_not_reached_subscribes_to_nothing() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--shards=2"]);
    let mut client = Client::open(&node);
    let position = client.publish("kept.a", "x");
    let (epoch, _) = position.split_once('-').expect("a position");
    let ahead = json!({ "op": "subscribe", "id": 5, "topic": "kept.a", "after": format!("{epoch}-2") });
    refused(&client.answer(&ahead), Some(5), "bad_position");
    client.publish("kept.a", "y");
    refused(&client.answer(&json!({ "op": "unsubscribe", "id": 6, "topic": "kept.a" })), Some(6), "not_subscribed");
}

#[test]
fn limits_are_errors_of_one_request() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &["--subscriptions-per-connection-max=2", "--topics-max=3"]);
    let mut client = Client::open(&node);
    client.subscribe("a", &json!({}));
    client.subscribe("b", &json!({}));
    client.subscribe("a", &json!({}));
    let third = json!({ "op": "subscribe", "id": 3, "topic": "c" });
    refused(&client.answer(&third), Some(3), "too_many_subscriptions");
    let mut other = Client::open(&node);
    other.subscribe("c", &json!({}));
    refused(&other.answer(&json!({ "op": "subscribe", "id": 4, "topic": "d" })), Some(4), "too_many_topics");
    for topic in ["kept.a", "kept.b", "kept.c"] {
        other.publish(topic, "x");
    }
    let one_more = json!({ "op": "publish", "topic": "kept.d", "data": "x" });
    refused(&other.answer(&one_more), None, "too_many_topics");
    client.publish("c", "still here");
    assert_eq!(other.hear()["data"], "still here");
}

#[test]
fn what_is_no_json_is_told_in_words_with_its_place() {
    let _machine = Shared::wait();
    let node = Node::configured(RULES, &[]);
    let mut client = Client::open(&node);
    for (request, expected) in [
        ("", "it ends too early at byte 0"),
        ("nope", "a word that is none of true, false and null at byte 0"),
        (r#"{"op":"ping" "id":7}"#, "something that may not stand there at byte 13"),
        (r#"{"op":"ping","id":1e999}"#, "a number that is none, or too large at byte 18"),
        (r#"{"op":"publish","topic":"a","data":"\ud800"}"#, "lone surrogate or bad escape in a string"),
        ("{\"op\":\"ping\"} x", "something that may not stand there at byte 12"),
    ] {
        client.0.send_text(request);
        let answer = client.hear();
        assert_eq!(answer["message"], format!("not one JSON object: {expected}"), "{request}");
    }
    let wrong = [
        ("?", "'?' may not stand at byte 0"),
        ("AA?=", "'?' may not stand at byte 2"),
        ("AAA", "its end has not the '=' that it needs"),
        ("AAE=AAE=", "'=' may not stand at byte 3"),
    ];
    for (data64, expected) in wrong {
        let answer = client.answer(&json!({ "op": "publish", "topic": "a", "data64": data64 }));
        let message = answer["message"].as_str().expect("words");
        assert!(message.ends_with(expected), "{data64}: {message}");
    }
}
