//! What the decoder hands out: messages and control frames, borrowed.

#![forbid(unsafe_code)]

use crate::proto::{CloseFrame, Opcode};

/// A whole message, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The payload.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Length of the payload in bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty, which is an ordinary message all the same.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// [`Opcode::Text`] or [`Opcode::Binary`].
    #[inline]
    pub const fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Message<'a> {
    #[inline]
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    #[inline]
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Message<'a> {
    #[inline]
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

/// What the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Message(Message<'a>),
    /// A ping; answer with a pong of the same payload, at most 125 bytes (§5.5.2).
    Ping(&'a [u8]),
    /// A pong, at most 125 bytes (§5.5.3).
    Pong(&'a [u8]),
    /// The peer's close frame; nothing after it is read (§5.5.1).
    Close(CloseFrame<'a>),
}

/// The answer of one [`Decoder::decode`](super::Decoder::decode) call.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Bytes of the input that were used, from its start.
    pub consumed: usize,
    /// What they completed; `None` only when all of the input was consumed.
    pub event: Option<Event<'a>>,
    /// Whether that is a message that spanned inputs, and stands in a buffer of its own.
    pub is_assembled: bool,
}
