//! Entity tags of messages: their positions (RFC 9110 §8.8.3, §13.1.2).

use crate::http::Request;
use crate::proto::handshake::elements;
use crate::topic::history::Position;

/// The messages that a client has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    has_any: bool,
    positions: Vec<Position>,
}

impl Known {
    /// As `If-None-Match` says. Tags that are no positions were not given here, so they match nothing.
    pub(super) fn to_client(request: &Request<'_>) -> Self {
        let mut known = Self::default();
        for tag in request.header_values("If-None-Match").flat_map(elements) {
            known.has_any |= tag == b"*";
            known.positions.extend(position(tag));
        }
        known
    }

    /// Whether the message at `position` needs not be sent.
    pub(crate) fn has(&self, position: Position) -> bool {
        self.has_any || self.positions.contains(&position)
    }
}

/// A weak tag means the same here: the comparison is the weak one.
fn position(tag: &[u8]) -> Option<Position> {
    let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
    let text = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    str::from_utf8(text).ok()?.parse().ok()
}
