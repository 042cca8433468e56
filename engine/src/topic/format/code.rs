//! Why something is refused, for programs: a closed list.

use std::borrow::Cow;

/// Characters of a client's own words that an error repeats.
const EXCERPT_CHARS_MAX: usize = 40;

/// What went wrong, in the words of `docs/protocol.md`; `ringwire.v1` and HTTP use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "some are of `ringwire.v1`, which the node alone speaks"))]
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
    /// Text to a topic that takes binary messages alone, or the other way round.
    WrongMessageType,
    /// Unsubscribe from what was not subscribed.
    NotSubscribed,
    /// More subscriptions than a connection may have.
    TooManySubscriptions,
    /// More topics than the server may hold.
    TooManyTopics,
    /// A payload larger than the topic allows.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing is refused for this yet"))]
    TooLarge,
    /// More requests than allowed in this time.
    TooFast,
    /// A queue in the server is full.
    Busy,
    /// Durability of a topic that has no journal.
    NotDurable,
    /// Published, but the journal cannot be written.
    JournalFailed,
    /// Polling a topic that has no history.
    NoHistory,
    /// The latest message of a topic without one.
    NoMessage,
    /// Nothing is served at this path.
    NotFound,
    /// A method that this path does not take.
    MethodNotAllowed,
    /// A request that did not arrive in time.
    SlowRequest,
    /// The server's own fault.
    Internal,
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
            Self::WrongMessageType => "wrong_message_type",
            Self::NotSubscribed => "not_subscribed",
            Self::TooManySubscriptions => "too_many_subscriptions",
            Self::TooManyTopics => "too_many_topics",
            Self::TooLarge => "too_large",
            Self::TooFast => "too_fast",
            Self::Busy => "busy",
            Self::NotDurable => "not_durable",
            Self::JournalFailed => "journal_failed",
            Self::NoHistory => "no_history",
            Self::NoMessage => "no_message",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::SlowRequest => "slow_request",
            Self::Internal => "internal",
            Self::Closing => "closing",
        }
    }
    /// Of an HTTP answer; `None` for what no request over HTTP can do.
    pub(crate) const fn status(self) -> Option<u16> {
        match self {
            Self::BadRequest | Self::BadTopic | Self::BadPosition => Some(400),
            Self::NotAllowed => Some(403),
            Self::NoMessage | Self::NotFound => Some(404),
            Self::MethodNotAllowed => Some(405),
            Self::SlowRequest => Some(408),
            Self::Internal => Some(500),
            Self::NoHistory => Some(409),
            Self::TooFast => Some(429),
            Self::TooManyTopics | Self::Busy | Self::Closing => Some(503),
            Self::BadJson
            | Self::UnknownOperation
            | Self::WrongMessageType
            | Self::NotSubscribed
            | Self::TooManySubscriptions
            | Self::TooLarge
            | Self::NotDurable
            | Self::JournalFailed => None,
        }
    }
}

/// The start of what a client wrote, for an error.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
