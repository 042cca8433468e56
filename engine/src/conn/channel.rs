//! How a connection gets the messages of its topics.

/// One way for a WebSocket's life, for a stream, or while a poll waits. What each looks like is `topic::format`'s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Channel {
    /// Payloads in WebSocket frames.
    #[default]
    Frames,
    /// Events of `ringwire.v1` in WebSocket frames.
    Json,
    /// Server-Sent Events of one topic.
    Events,
    /// The same of a pattern: they say which topic.
    PatternEvents,
    /// The answer to a poll, made when there is a message; batches say how many.
    Polls,
}

impl Channel {
    pub(crate) const COUNT: usize = Self::ALL.len();

    pub(crate) const ALL: [Self; 5] = [Self::Frames, Self::Json, Self::Events, Self::PatternEvents, Self::Polls];

    /// Those whose batches are messages, but for plain frames.
    pub(crate) const ENCODED: [Self; 3] = [Self::Json, Self::Events, Self::PatternEvents];

    /// Server-Sent Events.
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Events | Self::PatternEvents)
    }

    /// A stream, or a poll that waits.
    pub(crate) fn is_http(self) -> bool {
        self.is_stream() || self == Self::Polls
    }
}
