//! What a publication looks like to each kind of subscriber. `docs/protocol.md` is the contract.
//!
//! Everything here appends to a buffer of the caller's and knows nothing of one connection, so a publication is encoded once
//! for all subscribers of its [`Format`]. Encodings stand behind one another, a turn's publications in one buffer.
//!
//! Not here: heads of HTTP responses, answers to requests of `ringwire.v1`, who subscribed with which format.

mod code;
mod json;
pub(crate) mod poll;
pub(crate) mod sse;
#[cfg(test)]
mod tests;
pub(crate) mod v1;

pub(crate) use code::{Code, excerpt};
pub(crate) use json::Object;

use super::history::{Entry, History, MessageKind, Position};
use crate::conn::Channel;
use crate::proto::frame::{EncodedHeader, Header};
use crate::proto::{CloseCode, Opcode, Role};

/// How a subscriber gets its messages; a connection has one for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// The payload in a WebSocket frame.
    Frames,
    /// The event of `ringwire.v1` in a WebSocket frame.
    Json,
    /// A Server-Sent Event of one topic.
    Events,
    /// The same for a pattern: its id says which topic.
    PatternEvents,
    /// An item of the answer to a poll of one topic.
    PollItem,
    /// The same for a pattern: it says which topic.
    PatternPollItem,
}

/// One message, as it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publication<'a> {
    /// Of its topic; a valid one, so without line breaks.
    pub(crate) name: &'a str,
    pub(crate) kind: MessageKind,
    /// UTF-8 if `kind` is text; who publishes promises that.
    pub(crate) payload: &'a [u8],
    /// None where the topic has no history.
    pub(crate) position: Option<Position>,
    /// When it was published: milliseconds since 1970-01-01 UTC.
    pub(crate) time_ms: u64,
}

/// How a subscription begins; on every transport the first that a subscriber hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscribed {
    /// Of the topic's last message; none for a pattern and without history.
    pub(crate) position: Option<Position>,
    /// Messages of the history that follow.
    pub(crate) replayed: u64,
    /// Whether something before these is missing.
    pub(crate) gap: bool,
    /// Milliseconds since 1970-01-01 UTC, now.
    pub(crate) time_ms: u64,
}

impl Format {
    /// That of a message that a subscriber in `channel` gets.
    pub(crate) fn of(channel: Channel) -> Self {
        match channel {
            Channel::Frames => Self::Frames,
            Channel::Json => Self::Json,
            Channel::Events => Self::Events,
            Channel::PatternEvents => Self::PatternEvents,
            Channel::Polls => unreachable!("an answer is made of a poll's messages, not sent one by one"),
        }
    }

    /// Appends `publication`. A poll's item of a topic without history is nothing: such topics cannot be polled.
    pub(crate) fn encode(self, publication: &Publication<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Frames => {
                out.extend_from_slice(&EncodedHeader::server(
                    publication.kind.opcode(),
                    publication.payload.len() as u64,
                ));
                out.extend_from_slice(publication.payload);
            }
            Self::Json => framed(out, publication.kind.opcode(), |out| v1::message(out, publication)),
            Self::Events => sse::message(out, publication),
            Self::PatternEvents => sse::pattern_message(out, publication),
            Self::PollItem => poll::item(out, publication),
            Self::PatternPollItem => poll::pattern_item(out, publication),
        }
    }

    /// Messages in what this format has encoded.
    pub(crate) fn count(self, encoded: &[u8]) -> usize {
        match self {
            Self::Frames | Self::Json => frames(encoded).count(),
            // Only the end of an event has an empty line.
            Self::Events | Self::PatternEvents => memchr::memmem::find_iter(encoded, b"\n\n").count(),
            Self::PollItem | Self::PatternPollItem => unreachable!("items are not sent one by one"),
        }
    }

    /// Whether subscribers are told what was dropped for them.
    pub(crate) fn tells_losses(self) -> bool {
        matches!(self, Self::Json | Self::Events | Self::PatternEvents)
    }

    /// Appends that `count` messages of subscription `name` were dropped for a subscriber; nothing where that is not told.
    pub(crate) fn lost(self, name: &str, count: u64, out: &mut Vec<u8>) {
        match self {
            Self::Json => framed(out, Opcode::Text, |out| v1::lost(out, name, count)),
            Self::Events | Self::PatternEvents => sse::lost(out, name, count),
            Self::Frames | Self::PollItem | Self::PatternPollItem => {}
        }
    }

    /// Appends that the server is about to close the connection; nothing where that is not told. `message` is for people.
    pub(crate) fn closing(self, code: CloseCode, message: &str, out: &mut Vec<u8>) {
        match self {
            Self::Json => framed(out, Opcode::Text, |out| v1::closing(out, code, message)),
            Self::Events | Self::PatternEvents => sse::closing(out, code, message),
            Self::Frames | Self::PollItem | Self::PatternPollItem => {}
        }
    }
}

impl<'a> Publication<'a> {
    /// A message that `history`, the one of topic `name`, holds.
    pub(crate) fn held(name: &'a str, history: &History, entry: &'a Entry) -> Self {
        let Entry { offset, time_ms, kind, ref payload } = *entry;
        Self { name, kind, payload, position: Some(history.at(offset)), time_ms }
    }

    fn text(&self) -> &'a str {
        str::from_utf8(self.payload).expect("a text payload is UTF-8")
    }
}

/// The messages in frames of our own.
pub(crate) fn frames(mut frames: &[u8]) -> impl Iterator<Item = (MessageKind, &[u8])> {
    std::iter::from_fn(move || {
        let (header, header_bytes) = Header::parse(frames, Role::Client).expect("we framed it")?;
        let (frame, rest) = frames.split_at(header_bytes + header.payload_bytes as usize);
        frames = rest;
        let kind = if header.opcode == Opcode::Text { MessageKind::Text } else { MessageKind::Binary };
        Some((kind, &frame[header_bytes..]))
    })
}

/// Appends what `write` appends as one unmasked frame. Its length is known only behind it, so the header goes in front last.
pub(crate) fn framed(out: &mut Vec<u8>, opcode: Opcode, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let header = EncodedHeader::server(opcode, (out.len() - start) as u64);
    out.extend_from_slice(&header);
    out[start..].rotate_right(header.len());
}

/// Appends base64 with padding (RFC 4648 §4).
fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    use base64::Engine;
    let start = out.len();
    out.resize(start + base64::encoded_len(bytes.len(), true).expect("a payload fits into memory"), 0);
    base64::engine::general_purpose::STANDARD.encode_slice(bytes, &mut out[start..]).expect("the room was made");
}

/// The bytes that base64 with padding stands for, or what is wrong with it.
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "the node alone takes it"))]
pub(crate) fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    use base64::{DecodeError, Engine};
    let wrong = |what| format!("data64 is not base64 with padding (RFC 4648 §4): {what}");
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| match error {
        DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol { offset: at, .. } => {
            let found = text.char_indices().take_while(|(index, _)| *index <= at).last();
            wrong(format!("{:?} may not stand at byte {at}", found.map_or('\0', |(_, found)| found)))
        }
        DecodeError::InvalidLength(_) => wrong(format!("its {} characters are not a multiple of four", text.len())),
        DecodeError::InvalidPadding => wrong("its end has not the '=' that it needs".to_owned()),
    })
}
