//! What a peer can do wrong on an open connection, each with the close code that answers it.

/// A violation of RFC 6455 by the peer, or of a limit of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Text that is not UTF-8 (§8.1).
    #[error("text is not valid UTF-8")]
    InvalidUtf8,
}
