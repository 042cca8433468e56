//! One message as a history holds it.

use std::sync::Arc;

use super::Offset;
use crate::config::budget::HISTORY_ENTRY_BYTES;
use crate::proto::{Message, Opcode};

/// Text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageKind {
    /// [`Opcode::Text`] or [`Opcode::Binary`].
    #[inline]
    pub(crate) const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

impl From<Message<'_>> for MessageKind {
    #[inline]
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(_) => Self::Text,
            Message::Binary(_) => Self::Binary,
        }
    }
}

/// A message with its place in the topic. A clone shares the payload, on any thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) offset: Offset,
    /// When it was published: milliseconds since 1970-01-01 UTC.
    pub(crate) time_ms: u64,
    pub(crate) kind: MessageKind,
    /// UTF-8 if `kind` is text; who appends promises that.
    pub(crate) payload: Arc<[u8]>,
}

/// The configuration counts with it.
const _: () = assert!(Entry::OVERHEAD_BYTES == HISTORY_ENTRY_BYTES);

impl Entry {
    /// What an entry takes beside its payload: its place in the ring, and the two counts in front of a shared payload.
    pub(crate) const OVERHEAD_BYTES: usize = size_of::<Self>() + 2 * size_of::<usize>();

    /// What it counts for in `bytes_max`.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.payload.len() + Self::OVERHEAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_that_of_its_message() {
        for message in [Message::Text("a"), Message::Binary(b"a")] {
            assert_eq!(MessageKind::from(message).opcode(), message.opcode());
        }
    }
}
