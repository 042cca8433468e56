//! The rules of requests written down a second time, on serde_json. The parser is judged by them.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::request::{Operation, Parser, Payload, Publish, Request, Subscribe};
use crate::topic::after::After;
use crate::topic::format::Code;
use crate::topic::history::{Epoch, Offset, Position};

/// Panics if the parser judges the message otherwise than this does.
pub(crate) fn assert_same(parser: &mut Parser, message: &[u8], is_binary: bool) {
    let mut bytes = message.to_vec();
    let parsed = if is_binary { parser.binary(&mut bytes) } else { parser.text(&mut bytes) };
    let (head, payload) = match split(message, is_binary) {
        Some(parts) => parts,
        None => return assert_eq!(parsed.expect_err("no head").code, Code::BadRequest),
    };
    let fields = fields(head);
    let expected = fields.as_ref().map_err(|code| *code).and_then(|fields| request(fields, payload));
    let shown = String::from_utf8_lossy(message);
    match (parsed, expected) {
        (Ok(parsed), Ok(expected)) => assert_eq!(parsed, expected, "{shown}"),
        (Err(refusal), Err(code)) if refusal.code != code => {
            assert!(is_integer_beyond_u64(refusal.code, head), "{refusal:?}, not {code:?}: {shown}");
        }
        (Err(refusal), Err(_)) => {
            let Ok(fields) = &fields else { return };
            assert_eq!(refusal.id, fields.id.as_ref().and_then(integer), "{shown}");
        }
        (parsed, expected) => panic!("{parsed:?}, but expected {expected:?}: {shown}"),
    }
}

/// Integers that no u64 or i64 holds are no JSON to simd-json, and a float to serde_json.
fn is_integer_beyond_u64(code: Code, head: &[u8]) -> bool {
    let digits = head.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).max();
    code == Code::BadJson && digits >= Some(19)
}

fn split(message: &[u8], is_binary: bool) -> Option<(&[u8], Option<&[u8]>)> {
    if !is_binary {
        return Some((message, None));
    }
    let end = message.iter().position(|byte| *byte == b'\n').filter(|end| *end <= 4096)?;
    Some((&message[..end], Some(&message[end + 1..])))
}

/// Every field as it was given; `null` is given too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default, deserialize_with = "given")]
    op: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    id: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    topic: Option<Value>,
    #[serde(default)]
    after: Option<Entries>,
    #[serde(default, deserialize_with = "given")]
    since: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    data: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    data64: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    durable: Option<Value>,
}

fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn fields(head: &[u8]) -> Result<Fields, Code> {
    let value: Value = serde_json::from_slice(head).map_err(|_| Code::BadJson)?;
    if depth(head) > 8 || !value.is_object() {
        return Err(Code::BadJson);
    }
    if value.get("after") == Some(&Value::Null) {
        return Err(Code::BadRequest);
    }
    serde_json::from_slice(head).map_err(|_| Code::BadRequest)
}

/// Deepest level of brackets in what is JSON, repeated names included.
fn depth(json: &[u8]) -> usize {
    let (mut level, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => level += 1,
            b']' | b'}' if !in_string => level -= 1,
            _ => {}
        }
        deepest = deepest.max(level);
    }
    deepest
}

fn request<'a>(fields: &'a Fields, raw: Option<&'a [u8]>) -> Result<Request<'a>, Code> {
    let id = fields.id.as_ref().map(|id| integer(id).ok_or(Code::BadRequest)).transpose()?;
    let topic = || string(&fields.topic)?.ok_or(Code::BadRequest);
    let only = |foreign: &[bool]| if foreign.contains(&true) { Err(Code::BadRequest) } else { Ok(()) };
    let published = [fields.data.is_some(), fields.data64.is_some()];
    let resumed = [fields.after.is_some(), fields.since.is_some()];
    let is_topic = [fields.topic.is_some()];
    let is_durable = [fields.durable.is_some()];
    let op = string(&fields.op)?.ok_or(Code::BadRequest)?;
    if raw.is_some() && matches!(op, "subscribe" | "unsubscribe" | "ping") {
        return Err(Code::BadRequest);
    }
    let operation = match op {
        "subscribe" => {
            only(&[&published[..], &is_durable].concat())?;
            let since = fields.since.as_ref().map(|since| integer(since).ok_or(Code::BadRequest)).transpose()?;
            Operation::Subscribe(Subscribe { topic: topic()?, since, after: after(&fields.after)? })
        }
        "unsubscribe" => {
            only(&[&published[..], &is_durable, &resumed].concat())?;
            Operation::Unsubscribe { topic: topic()? }
        }
        "ping" => {
            only(&[&published[..], &is_durable, &resumed, &is_topic].concat())?;
            Operation::Ping
        }
        "publish" => {
            only(&resumed)?;
            let durable =
                fields.durable.as_ref().map(|durable| durable.as_bool().ok_or(Code::BadRequest)).transpose()?;
            let payload = payload(fields, raw)?;
            Operation::Publish(Publish { topic: topic()?, payload, durable: durable == Some(true) })
        }
        _ => return Err(Code::UnknownOperation),
    };
    Ok(Request { id, operation })
}

fn payload<'a>(fields: &'a Fields, raw: Option<&'a [u8]>) -> Result<Payload<'a>, Code> {
    match (raw, string(&fields.data)?, string(&fields.data64)?) {
        (Some(raw), None, None) => Ok(Payload::Binary(Cow::Borrowed(raw))),
        (None, Some(text), None) => Ok(Payload::Text(text)),
        (None, None, Some(base64)) => {
            STANDARD.decode(base64).map(|bytes| Payload::Binary(Cow::Owned(bytes))).map_err(|_| Code::BadRequest)
        }
        _ => Err(Code::BadRequest),
    }
}

fn after(after: &Option<Entries>) -> Result<Option<After<'_>>, Code> {
    Ok(match after {
        None => None,
        Some(Entries::Other) => return Err(Code::BadRequest),
        Some(Entries::String(text)) => Some(After::One(position(text)?)),
        Some(Entries::Object(entries)) => {
            let mut positions = Vec::new();
            for (topic, value) in entries {
                if positions.len() == 1024 {
                    return Err(Code::BadRequest);
                }
                positions.push((Cow::Borrowed(topic.as_str()), position(value.as_str().ok_or(Code::BadRequest)?)?));
            }
            positions.sort_by(|(one, _), (other, _)| one.cmp(other));
            let count = positions.len();
            positions.dedup_by(|(one, _), (other, _)| one == other);
            if positions.len() < count {
                return Err(Code::BadRequest);
            }
            Some(After::Each(positions))
        }
    })
}

fn position(text: &str) -> Result<Position, Code> {
    let read =
        |(epoch, offset): (&str, &str)| Some((u64::from_str_radix(epoch, 16).ok()?, offset.parse::<u64>().ok()?));
    match text.split_once('-').and_then(read) {
        Some((epoch, offset)) if format!("{epoch:x}-{offset}") == text => {
            Ok(Position { epoch: Epoch(epoch), offset: Offset(offset) })
        }
        _ => Err(Code::BadPosition),
    }
}

fn string(value: &Option<Value>) -> Result<Option<&str>, Code> {
    value.as_ref().map(|value| value.as_str().ok_or(Code::BadRequest)).transpose()
}

fn integer(value: &Value) -> Option<u64> {
    value.as_u64().filter(|number| *number < 1 << 53)
}

/// An `after` in which names are kept even if they are there twice.
enum Entries {
    String(String),
    Object(Vec<(String, Value)>),
    Other,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Entries, E> {
        Ok(Entries::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Entries, E> {
        Ok(Entries::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Entries, E> {
        Ok(Entries::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Entries, E> {
        Ok(Entries::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Entries, E> {
        Ok(Entries::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Entries, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entries::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries::Object(entries))
    }
}
