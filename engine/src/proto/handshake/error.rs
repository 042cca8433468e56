//! What can be wrong with an opening handshake, by whose fault.

/// A rule of RFC 6455 §4.2.1 that the client's handshake breaks. The text is meant for the answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Another method than `GET`.
    #[error("a WebSocket handshake is a GET request")]
    MethodNotGet,
    /// HTTP/1.0.
    #[error("a WebSocket handshake needs HTTP/1.1")]
    HttpVersion,
    /// `Upgrade` is missing or does not list `websocket`.
    #[error("this path speaks WebSocket: the request must carry 'Upgrade: websocket'")]
    NotAnUpgrade,
    /// `Connection` is missing or does not list `upgrade`.
    #[error("the Connection header must list 'Upgrade'")]
    ConnectionWithoutUpgrade,
    /// No `Host`.
    #[error("the Host header is missing")]
    HostMissing,
    /// More than one `Host`.
    #[error("there is more than one Host header")]
    HostRepeated,
    /// `Sec-WebSocket-Version` is missing or is not 13.
    #[error("Sec-WebSocket-Version must be 13")]
    VersionUnsupported,
    /// More than one `Sec-WebSocket-Version`.
    #[error("there is more than one Sec-WebSocket-Version header")]
    VersionRepeated,
    /// No `Sec-WebSocket-Key`.
    #[error("the Sec-WebSocket-Key header is missing")]
    KeyMissing,
    /// More than one `Sec-WebSocket-Key`.
    #[error("there is more than one Sec-WebSocket-Key header")]
    KeyRepeated,
    /// `Sec-WebSocket-Key` does not decode to 16 bytes.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64, that is 24 characters with '==' at the end")]
    KeyInvalid,
    /// `Sec-WebSocket-Protocol` is empty or has an element that is not a token.
    #[error("Sec-WebSocket-Protocol must be a comma-separated list of tokens")]
    ProtocolMalformed,
    /// The same subprotocol twice.
    #[error("Sec-WebSocket-Protocol names a subprotocol twice")]
    ProtocolRepeated,
    /// More subprotocols than [`super::PROTOCOL_COUNT_MAX`].
    #[error("Sec-WebSocket-Protocol names too many subprotocols")]
    ProtocolsTooMany,
    /// `Sec-WebSocket-Extensions` does not follow the grammar of §9.1.
    #[error("Sec-WebSocket-Extensions is malformed")]
    ExtensionsMalformed,
}

impl HandshakeError {
    /// The HTTP status that answers it: 405, 426 or 400.
    pub fn status(self) -> u16 {
        match self {
            Self::MethodNotGet => 405,
            Self::NotAnUpgrade | Self::VersionUnsupported => 426,
            _ => 400,
        }
    }
}

/// A field that our side wanted to send and must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidField {
    /// Not a token.
    #[error("a header's name must be a token")]
    Name,
    /// Control bytes, bytes over 126, or whitespace around it.
    #[error("a header's value must be visible ASCII, with spaces only inside")]
    Value,
    /// A header that the handshake or the connection's framing is made of.
    #[error("this header is written by the engine alone")]
    Reserved,
    /// A subprotocol that is not a token.
    #[error("a subprotocol's name must be a token")]
    Protocol,
    /// A subprotocol that the client did not offer.
    #[error("the chosen subprotocol is not among those that the client offers")]
    ProtocolNotOffered,
    /// A request target that does not start with `/` or has bytes that may not stand in one.
    #[error("a request target must start with '/' and be visible ASCII without any of #\"<>")]
    Target,
    /// A `Sec-WebSocket-Key` that is not 16 bytes in base64.
    #[error("a Sec-WebSocket-Key must be 16 bytes in base64")]
    Key,
}
