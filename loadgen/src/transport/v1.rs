//! Topics over one WebSocket, by the subprotocol `ringwire.v1` (engine/docs/protocol.md): how one is followed, and fed.

use std::borrow::Cow;

use ringwire::proto::Message;
use serde::Deserialize;

use super::{Heard, Refusal, Route};

/// The subprotocol's name.
pub const PROTOCOL: &str = "ringwire.v1";
/// Where it is spoken.
pub const PATH: &str = "/connect";

/// What the server says.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// The request of who follows a topic.
pub fn subscribe(route: &Route, out: &mut Vec<u8>) {
    // Nothing else is asked, so that the one `ok` is the answer.
    begin(out, "{\"op\":\"subscribe\",\"id\":1,\"topic\":", &route.topic);
    out.push(b'}');
}

/// A publication of text, which stands in JSON as it is.
pub fn publish_text(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    begin(out, "{\"op\":\"publish\",\"topic\":", topic);
    out.extend_from_slice(b",\"data\":\"");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\"}");
}

/// A publication of bytes: a head and a line feed before them.
pub fn publish_binary(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    begin(out, "{\"op\":\"publish\",\"topic\":", topic);
    out.extend_from_slice(b"}\n");
    out.extend_from_slice(payload);
}

fn begin(out: &mut Vec<u8>, head: &str, topic: &str) {
    out.extend_from_slice(head.as_bytes());
    serde_json::to_writer(&mut *out, topic).expect("text becomes JSON, and memory takes it");
}

/// Takes a message of the server.
pub fn on_message(message: Message<'_>, hear: &mut dyn FnMut(Heard<'_>)) {
    let (head, payload) = match message {
        Message::Text(text) => (text.as_bytes(), None),
        Message::Binary(bytes) => {
            let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
            (&bytes[..end], Some(&bytes[(end + 1).min(bytes.len())..]))
        }
    };
    // What is not what the protocol says is an update that came damaged.
    let Ok(said) = serde_json::from_slice::<Said<'_>>(head) else { return hear(Heard::Update(message.as_bytes())) };
    match &*said.event {
        "message" => hear(Heard::Update(payload.unwrap_or(said.data.as_bytes()))),
        "ok" => hear(Heard::Placed),
        "error" => hear(Heard::Refused(Refusal { code: said.code.into(), message: said.message.into() })),
        _ => {}
    }
}
