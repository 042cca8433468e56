//! Why a request is refused: a code for programs, from a closed list, and a sentence for people.

use std::borrow::Cow;

/// What went wrong, in the words of `docs/protocol.md`; HTTP answers use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Not one well-formed JSON object.
    BadJson,
    /// A field is missing, unknown, given twice, of a wrong type or out of range.
    BadRequest,
    /// No operation of this protocol.
    UnknownOperation,
    /// The name breaks a rule of names, or is a pattern where none may be.
    BadTopic,
    /// Not a position, or one that has not been reached.
    BadPosition,
    /// The client may not do that with this topic.
    NotAllowed,
    /// Unsubscribe from what was not subscribed.
    NotSubscribed,
    /// More subscriptions than a connection may have.
    TooManySubscriptions,
    /// More topics than the server may hold.
    TooManyTopics,
    /// A payload larger than the topic allows.
    TooLarge,
    /// More requests than allowed in this time.
    TooFast,
    /// A queue in the server is full.
    Busy,
    /// Durability of a topic that has no journal.
    NotDurable,
    /// Polling a topic that has no history.
    NoHistory,
    /// The latest message of a topic without one.
    NoMessage,
    /// The server shuts down.
    Closing,
}

impl Code {
    /// As it stands on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadRequest => "bad_request",
            Self::UnknownOperation => "unknown_operation",
            Self::BadTopic => "bad_topic",
            Self::BadPosition => "bad_position",
            Self::NotAllowed => "not_allowed",
            Self::NotSubscribed => "not_subscribed",
            Self::TooManySubscriptions => "too_many_subscriptions",
            Self::TooManyTopics => "too_many_topics",
            Self::TooLarge => "too_large",
            Self::TooFast => "too_fast",
            Self::Busy => "busy",
            Self::NotDurable => "not_durable",
            Self::NoHistory => "no_history",
            Self::NoMessage => "no_message",
            Self::Closing => "closing",
        }
    }
}

/// A request that is answered with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The request's, if it could be read.
    pub(crate) id: Option<u64>,
    /// For programs.
    pub(crate) code: Code,
    /// For people: what is wrong and what would be right.
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(id: Option<u64>, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { id, code, message: message.into() }
    }
}
