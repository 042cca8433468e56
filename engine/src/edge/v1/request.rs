//! Requests: what a client asks, parsed once into types that cannot be wrong.
//!
//! A text message is one JSON object. A binary message is such an object without a line feed, a line feed, and a payload.
//! simd-json parses in place, so the strings of a [`Request`] borrow the message's own bytes.

use std::borrow::Cow;
use std::mem;

use simd_json::{Buffers, ErrorType, Node, Tape};

use super::Refusal;
use super::fields::{Field, Fields, Value, entries, quoted, string};
use crate::topic::after::{After, POSITIONS_MAX};
use crate::topic::format::{Code, from_base64};
use crate::topic::history::Position;

/// Bytes of a binary message's head, without the line feed.
const HEAD_BYTES_MAX: usize = 4096;
/// Levels of objects and arrays, the outermost included.
const DEPTH_MAX: usize = 8;
/// What the parser's memory is made for; it grows to the largest request.
const USUAL_BYTES: usize = 512;

/// A request, checked but for its topics: which names are topics is not known here.
#[derive(Debug, PartialEq)]
pub(crate) struct Request<'a> {
    /// The client's own; the answer carries it.
    pub(crate) id: Option<u64>,
    /// What is asked.
    pub(crate) operation: Operation<'a>,
}

/// What is asked.
#[derive(Debug, PartialEq)]
pub(crate) enum Operation<'a> {
    /// Send this topic's messages from now on, and those missed.
    Subscribe(Subscribe<'a>),
    /// No more of this name or pattern.
    Unsubscribe {
        /// As it was subscribed.
        topic: &'a str,
    },
    /// Send this to everybody.
    Publish(Publish<'a>),
    /// Answer at once.
    Ping,
}

/// A subscribe's fields.
#[derive(Debug, PartialEq)]
pub(crate) struct Subscribe<'a> {
    /// A name or a pattern.
    pub(crate) topic: &'a str,
    /// What the client has.
    pub(crate) after: Option<After<'a>>,
    /// Milliseconds since 1970 from which on topics without a position are replayed.
    pub(crate) since: Option<u64>,
}

/// A publish's fields.
#[derive(Debug, PartialEq)]
pub(crate) struct Publish<'a> {
    /// A name.
    pub(crate) topic: &'a str,
    /// What is published.
    pub(crate) payload: Payload<'a>,
    /// Whether to answer only when it is on disk.
    pub(crate) durable: bool,
}

/// A message to be published.
#[derive(Debug, PartialEq)]
pub(crate) enum Payload<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes: borrowed from a binary message, owned if they came as base64.
    Binary(Cow<'a, [u8]>),
}

/// Parses requests; its memory is used again, so that a small request allocates nothing.
pub(crate) struct Parser {
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Parser {
    /// One serves any number of connections.
    pub(crate) fn new() -> Self {
        Self { buffers: Buffers::with_max_depth(USUAL_BYTES, DEPTH_MAX), tape: Tape(Vec::new()) }
    }

    /// A text message. `bytes` are scrambled afterwards but for what the request borrows.
    ///
    /// # Errors
    /// What to answer instead.
    pub(crate) fn text<'a>(&mut self, bytes: &'a mut [u8]) -> Result<Request<'a>, Refusal> {
        self.with_fields(bytes, |fields| request(fields, None))
    }

    /// A binary message.
    ///
    /// # Errors
    /// What to answer instead.
    pub(crate) fn binary<'a>(&mut self, bytes: &'a mut [u8]) -> Result<Request<'a>, Refusal> {
        let searched = &bytes[..bytes.len().min(HEAD_BYTES_MAX + 1)];
        let Some(end) = memchr::memchr(b'\n', searched) else {
            let message = "a binary message begins with a JSON object of at most 4096 bytes and a line feed";
            return Err(Refusal::new(None, Code::BadRequest, message));
        };
        let (head, payload) = bytes.split_at_mut(end);
        self.with_fields(head, |fields| request(fields, Some(&payload[1..])))
    }

    fn with_fields<'a>(
        &mut self,
        bytes: &'a mut [u8],
        read: impl FnOnce(&mut Fields<'_, 'a>) -> Result<Request<'a>, Refusal>,
    ) -> Result<Request<'a>, Refusal> {
        let mut tape = mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let request = match simd_json::fill_tape(bytes, &mut self.buffers, &mut tape) {
            Ok(()) => Fields::of(&tape.0).and_then(|mut fields| read(&mut fields)),
            Err(error) => {
                let what = syntax(error.error());
                // Within strings the parser does not know where it is, and has changed the bytes that would tell.
                let place = if what == BAD_ESCAPE { String::new() } else { format!(" at byte {}", error.index()) };
                Err(Refusal::new(None, Code::BadJson, format!("not one JSON object: {what}{place}")))
            }
        };
        self.tape = tape.reset();
        request
    }
}

const BAD_ESCAPE: &str = "lone surrogate or bad escape in a string";

/// What a parser's error means to who wrote the request.
fn syntax(error: &ErrorType) -> &'static str {
    match error {
        ErrorType::Eof | ErrorType::UnterminatedString => "it ends too early",
        ErrorType::ExpectedNull | ErrorType::ExpectedTrue | ErrorType::ExpectedFalse => {
            "a word that is none of true, false and null"
        }
        ErrorType::InvalidNumber | ErrorType::InvalidExponent | ErrorType::ExpectedNumber => {
            "a number that is none, or too large"
        }
        ErrorType::InvalidEscape | ErrorType::InvalidUnicodeEscape | ErrorType::InvalidUnicodeCodepoint => BAD_ESCAPE,
        ErrorType::InvalidUtf8 => "bytes that are not UTF-8",
        ErrorType::DepthLimitExceeded => "more than 8 levels of objects and arrays",
        ErrorType::ExpectedObjectColon => "a ':' is missing",
        ErrorType::ExpectedArrayComma | ErrorType::ExpectedMapComma => "a ',' is missing",
        ErrorType::KeyMustBeAString | ErrorType::BadKeyType | ErrorType::ExpectedObjectKey => {
            "a field's name is not a string"
        }
        _ => "something that may not stand there",
    }
}

/// `raw` is the payload of a binary message.
fn request<'a>(fields: &mut Fields<'_, 'a>, raw: Option<&'a [u8]>) -> Result<Request<'a>, Refusal> {
    fields.check()?;
    let operation = match fields.required_string(Field::Op)? {
        "publish" => Operation::Publish(publish(fields, raw)?),
        "subscribe" | "unsubscribe" | "ping" if raw.is_some() => {
            return Err(fields.refuse("only publish may be a binary message"));
        }
        "subscribe" => Operation::Subscribe(subscribe(fields)?),
        "unsubscribe" => {
            fields.only("unsubscribe", &[Field::Topic])?;
            Operation::Unsubscribe { topic: fields.required_string(Field::Topic)? }
        }
        "ping" => {
            fields.only("ping", &[])?;
            Operation::Ping
        }
        unknown => {
            let message = format!("{} is none of subscribe, unsubscribe, publish and ping", quoted(unknown));
            return Err(Refusal::new(fields.id(), Code::UnknownOperation, message));
        }
    };
    Ok(Request { id: fields.id(), operation })
}

fn subscribe<'a>(fields: &Fields<'_, 'a>) -> Result<Subscribe<'a>, Refusal> {
    fields.only("subscribe", &[Field::Topic, Field::After, Field::Since])?;
    let topic = fields.required_string(Field::Topic)?;
    let since = fields.integer(Field::Since)?;
    Ok(Subscribe { topic, after: after(fields)?, since })
}

fn after<'a>(fields: &Fields<'_, 'a>) -> Result<Option<After<'a>>, Refusal> {
    let Some(value) = fields.value(Field::After) else { return Ok(None) };
    let after = match (value, entries(value)) {
        ([Node::String(text)], _) => After::One(position(fields, text)?),
        (_, Some(entries)) => positions(fields, entries)?,
        _ => return Err(fields.refuse("after must be a position, or an object from topics to positions")),
    };
    Ok(Some(after))
}

fn position(fields: &Fields<'_, '_>, text: &str) -> Result<Position, Refusal> {
    text.parse().map_err(|error| Refusal::new(fields.id(), Code::BadPosition, format!("{}: {error}", quoted(text))))
}

fn positions<'t, 'a: 't>(
    fields: &Fields<'_, 'a>,
    entries: impl Iterator<Item = (&'a str, Value<'t, 'a>)>,
) -> Result<After<'a>, Refusal> {
    let mut positions = Vec::new();
    for (topic, value) in entries {
        let text = string(value).ok_or_else(|| fields.refuse("positions in after must be strings"))?;
        if positions.len() == POSITIONS_MAX {
            return Err(fields.refuse(format!("after has more than {POSITIONS_MAX} positions")));
        }
        positions.push((Cow::Borrowed(topic), position(fields, text)?));
    }
    After::each(positions).map_err(|topic| fields.refuse(format!("{} is given twice in after", quoted(&topic))))
}

fn publish<'a>(fields: &Fields<'_, 'a>, raw: Option<&'a [u8]>) -> Result<Publish<'a>, Refusal> {
    let taken = [Field::Topic, Field::Durable, Field::Data, Field::Data64];
    fields.only("publish", if raw.is_some() { &taken[..2] } else { &taken })?;
    let topic = fields.required_string(Field::Topic)?;
    let durable = fields.boolean(Field::Durable)?.unwrap_or(false);
    let payload = match (raw, fields.string(Field::Data)?, fields.string(Field::Data64)?) {
        (Some(raw), ..) => Payload::Binary(Cow::Borrowed(raw)),
        (None, Some(text), None) => Payload::Text(text),
        (None, None, Some(base64)) => Payload::Binary(Cow::Owned(decode(fields, base64)?)),
        _ => return Err(fields.refuse("publish takes one of data and data64")),
    };
    Ok(Publish { topic, payload, durable })
}

fn decode(fields: &Fields<'_, '_>, base64: &str) -> Result<Vec<u8>, Refusal> {
    from_base64(base64).map_err(|wrong| fields.refuse(wrong))
}
