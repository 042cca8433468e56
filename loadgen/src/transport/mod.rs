//! How updates come to somebody: one file for each way, bytes in and updates out, no sockets here.
//!
//! | way | connection | what is sent |
//! |---|---|---|
//! | `Topic` | WebSocket at /topics/NAME | nothing |
//! | `V1` | WebSocket at /connect | one subscribe |
//! | `Sse` | HTTP | one request |
//! | `LongPoll` | HTTP, kept | a request behind each answer |
//! | `Poll`, `Latest` | HTTP, kept | a request at an interval |
//! | `Broadcast` | WebSocket at the target's path | nothing |
//! | `Nats` | WebSocket at the target's path | a connect and a subscribe |

pub mod nats;
mod poll;
mod sse;
#[cfg(test)]
mod tests;
pub mod v1;

use ringwire::proto::Message;
use serde::Deserialize;

use nats::Nats;
pub use poll::{Asks, Poll};
pub use sse::{EventReader, Sse};

use crate::http::ResponseError;

/// A way of getting updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A raw topic.
    Topic,
    /// `ringwire.v1`.
    V1,
    /// Server-Sent Events.
    Sse,
    /// Polls that wait.
    LongPoll,
    /// Polls for all that is new, at an interval.
    Poll,
    /// Polls for the latest, at an interval.
    Latest,
    /// A WebSocket whose server sends to all of a path.
    Broadcast,
    /// A subject of NATS, over a WebSocket.
    Nats,
}

/// What is followed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The authority for `Host`.
    pub host: String,
    /// The topic's name.
    pub topic: String,
}

/// What a connection makes of what came.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// What is published from now on will come.
    Placed,
    /// An update's payload.
    Update(&'a [u8]),
    /// An answer is whole; another request may follow.
    Answered,
    /// An answer is whole, and the server ends the connection behind it.
    AnsweredLast,
    /// The server does not do it.
    Refused(Refusal),
}

/// Why a server does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For programs: a code of docs/protocol.md, or the status.
    pub code: String,
    /// For people.
    pub message: String,
}

/// What came cannot be understood: the connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It is no HTTP.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// It is longer than an update can be.
    #[error("an answer or event is longer than it may be")]
    TooLong,
    /// It is none of the answers that docs/protocol.md tells of, or NATS's protocol.
    #[error("the answer is not one of a topic's")]
    Answer,
    /// Nothing was asked.
    #[error("an answer came that nobody asked for")]
    Unasked,
}

/// One connection that follows one topic.
#[derive(Debug)]
pub enum Follower {
    /// Payloads as they are: a raw topic, or a broadcast.
    Raw,
    /// `ringwire.v1`.
    V1,
    /// Server-Sent Events.
    Sse(Box<Sse>),
    /// Polls of any kind.
    Poll(Box<Poll>),
    /// NATS.
    Nats(Nats),
}

impl Way {
    /// Whether its connections are WebSockets.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Topic | Self::V1 | Self::Broadcast | Self::Nats)
    }

    /// Whether it is of servers of others: at the target's own path, and fed as it is followed.
    pub fn is_foreign(self) -> bool {
        matches!(self, Self::Broadcast | Self::Nats)
    }

    /// Whether it asks at an interval.
    pub fn has_interval(self) -> bool {
        matches!(self, Self::Poll | Self::Latest)
    }

    /// Whether it leaves out what came between.
    pub fn may_skip(self) -> bool {
        self == Self::Latest
    }
}

impl Follower {
    /// Follows by `way`; an answer or event has `bytes_max` at the most.
    pub fn new(way: Way, bytes_max: usize) -> Self {
        let poll = |asks| Self::Poll(Box::new(Poll::new(asks, bytes_max)));
        match way {
            Way::Topic | Way::Broadcast => Self::Raw,
            Way::V1 => Self::V1,
            Way::Sse => Self::Sse(Box::new(Sse::new(bytes_max))),
            Way::LongPoll => poll(Asks::Waiting),
            Way::Poll => poll(Asks::Behind),
            Way::Latest => poll(Asks::Latest),
            Way::Nats => Self::Nats(Nats::new(bytes_max)),
        }
    }

    /// Its connection is open: what is to be sent is appended to `out`.
    pub fn begin(&mut self, route: &Route, out: &mut Vec<u8>, hear: &mut dyn FnMut(Heard<'_>)) {
        match self {
            // The server subscribes before it answers the handshake.
            Self::Raw => hear(Heard::Placed),
            Self::V1 => v1::subscribe(route, out),
            Self::Sse(sse) => sse.begin(route, out),
            Self::Poll(poll) => poll.begin(route, out),
            Self::Nats(_) => Nats::begin(route, out),
        }
    }

    /// Takes a WebSocket's message; what is to be answered is appended to `out`.
    ///
    /// # Errors
    /// [`Trouble`]: the connection is of no use any more.
    #[inline]
    pub fn on_message(
        &mut self,
        message: Message<'_>,
        out: &mut Vec<u8>,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<(), Trouble> {
        match self {
            Self::V1 => v1::on_message(message, hear),
            Self::Nats(nats) => nats.on_message(message.as_bytes(), out, hear)?,
            _ => hear(Heard::Update(message.as_bytes())),
        }
        Ok(())
    }

    /// Takes bytes of an HTTP connection.
    ///
    /// # Errors
    /// [`Trouble`]: the connection is of no use any more.
    pub fn on_bytes(&mut self, bytes: &[u8], hear: &mut dyn FnMut(Heard<'_>)) -> Result<(), Trouble> {
        match self {
            Self::Sse(sse) => sse.on_bytes(bytes, hear),
            Self::Poll(poll) => poll.on_bytes(bytes, hear),
            Self::Raw | Self::V1 | Self::Nats(_) => Ok(()),
        }
    }

    /// Its connection ended. Whether that is the server's right, so that the next is opened at once.
    pub fn end(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> bool {
        match self {
            Self::Poll(poll) => poll.end(hear),
            _ => false,
        }
    }

    /// Asks for news, if it is one that asks, and no answer is missing. Whether it did.
    pub fn ask(&mut self, route: &Route, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Poll(poll) => poll.ask(route, out),
            _ => false,
        }
    }
}

impl Refusal {
    /// What an answer with such a status and body says: the JSON of docs/protocol.md, or text.
    pub fn of(status: u16, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Error {
            code: String,
            message: String,
        }
        serde_json::from_slice::<Error>(body).map_or_else(
            |_| Self {
                code: status.to_string(),
                message: String::from_utf8_lossy(body).trim().chars().take(200).collect(),
            },
            |Error { code, message }| Self { code, message },
        )
    }
}
