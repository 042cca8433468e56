//! Bytes to messages, incrementally.

use super::{CloseFrame, ProtocolError, Role};

/// What the decoder enforces; one per shard, shared by all its connections.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Our role.
    pub role: Role,
    /// Largest message, after reassembly, in bytes.
    pub message_bytes_max: usize,
}

/// A whole message, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

/// What the peer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Message(Message<'a>),
    /// A ping; answer with a pong of the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer's close frame; nothing after it is read.
    Close(CloseFrame<'a>),
}

/// The answer of one [`Decoder::decode`] call.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// Bytes of the input that were used, from its start.
    pub consumed: usize,
    /// What they completed; `None` only when all of the input was consumed.
    pub event: Option<Event<'a>>,
}

/// Reassembly state that connections borrow while a message spans recv buffers; bounded.
#[derive(Debug, Default)]
pub struct Pool {}

/// A connection's decoder: eight bytes while it is between frames.
#[derive(Debug, Default)]
pub struct Decoder {}

impl Decoder {
    /// Decodes up to one event from `input`, unmasking in place.
    pub fn decode<'a>(
        &'a mut self,
        rules: &Rules,
        pool: &mut Pool,
        input: &'a mut [u8],
    ) -> Result<Decoded<'a>, ProtocolError> {
        let _ = (rules, pool, input);
        todo!()
    }

    /// Gives the memory of a message that was delivered back to `pool`; call it after the last event of a read.
    pub fn settle(&mut self, pool: &mut Pool) {
        let _ = pool;
    }
}
