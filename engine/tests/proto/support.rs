//! What the decoder tests and the fuzz targets share: owned events, a driver that feeds chunks and holds the decoder
//! to its contract, and frames to feed.

use ringwire::proto::{CloseCode, Decoder, Event, Header, Message, Opcode, Pool, ProtocolError, Role, Rules, mask};

/// The key of frames for which the key does not matter.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// An [`Event`] that outlives its buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, String),
}

impl From<Event<'_>> for Owned {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(Message::Text(text)) => Self::Text(text.to_owned()),
            Event::Message(Message::Binary(bytes)) => Self::Binary(bytes.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(close) => Self::Close(close.code, close.reason.to_owned()),
        }
    }
}

/// All that a stream of bytes led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Owned>,
    pub(crate) error: Option<ProtocolError>,
    /// Whether the stream ended where a message may begin.
    pub(crate) is_between_messages: bool,
}

pub(crate) fn rules(role: Role, message_bytes_max: usize) -> Rules {
    Rules { role, message_bytes_max }
}

/// Decodes `bytes` in one piece.
pub(crate) fn decode(rules: Rules, bytes: &[u8]) -> Outcome {
    decode_chunks(rules, bytes, std::iter::repeat(usize::MAX))
}

/// Decodes `bytes` in chunks of these sizes (0 counts as 1; what is left after the last size is one chunk). What a chunk of odd size has of
/// a frame's rest is received where the decoder says.
///
/// # Panics
///
/// When the decoder breaks its own contract: see [`decode_chunk`], and nothing may stay lent at the end.
pub(crate) fn decode_chunks(rules: Rules, bytes: &[u8], sizes: impl IntoIterator<Item = usize>) -> Outcome {
    let mut decoder = Decoder::new();
    let mut pool = Pool::default();
    let mut outcome = Outcome { events: Vec::new(), error: None, is_between_messages: true };
    let mut sizes = sizes.into_iter();
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len());
        let room = if size % 2 == 1 { decoder.rest() } else { None };
        let filled = room.map_or(0, |room| {
            let count = size.min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            count
        });
        if filled > 0 {
            decoder.fill(filled);
            take_filled(&mut decoder, &rules, &mut pool, &mut outcome);
        }
        let (chunk, after) = rest[filled..].split_at(size - filled);
        rest = after;
        // A buffer of its own: what is borrowed for too long, or read past its end, shows.
        decode_chunk(&mut decoder, &rules, &mut pool, &mut chunk.to_vec(), &mut outcome);
        decoder.settle(&mut pool);
    }
    outcome.is_between_messages = decoder.is_between_messages();
    decoder.release(&mut pool);
    assert_eq!(pool.lent_count(), 0, "reassembly state is lost");
    outcome
}

/// Has the decoder look at what was received where it said: that ends no more than one frame.
fn take_filled(decoder: &mut Decoder, rules: &Rules, pool: &mut Pool, outcome: &mut Outcome) {
    match decoder.decode(rules, pool, &mut []) {
        Ok(decoded) => {
            assert_eq!(decoded.consumed, 0);
            outcome.events.extend(decoded.event.map(Owned::from));
        }
        Err(error) => outcome.error = Some(error),
    }
    assert!(!decoder.is_filled());
}

/// Feeds one recv buffer: no event means that all was used, each event uses something, and nothing is read after a
/// close frame or an error.
pub(crate) fn decode_chunk(
    decoder: &mut Decoder,
    rules: &Rules,
    pool: &mut Pool,
    chunk: &mut [u8],
    outcome: &mut Outcome,
) {
    let is_over = outcome.error.is_some() || matches!(outcome.events.last(), Some(Owned::Close(..)));
    let mut at = 0;
    while at < chunk.len() {
        let left = chunk.len() - at;
        match decoder.decode(rules, pool, &mut chunk[at..]) {
            Ok(decoded) => {
                assert!(decoded.consumed > 0 && decoded.consumed <= left, "{decoded:?} of {left}");
                assert!(decoded.event.is_some() || decoded.consumed == left, "{decoded:?} of {left}");
                assert!(!is_over || decoded.event.is_none(), "{decoded:?} after the end");
                at += decoded.consumed;
                outcome.events.extend(decoded.event.map(Owned::from));
            }
            Err(error) => {
                assert!(!is_over, "{error:?} after the end");
                outcome.error = Some(error);
                return;
            }
        }
    }
}

/// A frame as `receiver` gets it: masked for a server.
pub(crate) fn frame(receiver: Role, fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mask = (receiver == Role::Server).then_some(KEY);
    let header = Header { fin, rsv: 0, opcode, mask, payload_bytes: payload.len() as u64 };
    let mut bytes = header.encode().to_vec();
    let at = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(key) = mask {
        mask::unmask(&mut bytes[at..], key, 0);
    }
    bytes
}
