//! How a connection gets the messages of its topics.

/// One way for a connection's life. What each looks like is `topic::format`'s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Channel {
    /// Payloads in WebSocket frames.
    #[default]
    Frames,
    /// Events of `ringwire.v1` in WebSocket frames.
    Json,
}

impl Channel {
    pub(crate) const COUNT: usize = Self::ALL.len();

    pub(crate) const ALL: [Self; 2] = [Self::Frames, Self::Json];

    /// All but that of plain frames.
    pub(crate) const ENCODED: [Self; 1] = [Self::Json];
}
