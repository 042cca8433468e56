//! What the node keeps of a connection.

use super::chat::Member;
use super::topics::Follower;
use crate::handler::Conn;

/// Nothing for an echo. Boxed, because it lies in the connection's slot.
pub(super) type Data = Option<Box<Client>>;

/// A connection of the node.
pub(super) type NodeConn<'a> = Conn<'a, Data>;

/// Who is at the other end.
#[derive(Debug)]
pub(super) enum Client {
    /// Somebody in the chat.
    Chat(Member),
    /// Somebody who looks at the flipbook.
    Flipbook,
    /// One who speaks `ringwire.v1`.
    V1,
    /// One who has the payloads of one topic or pattern.
    Topic(Follower),
}
