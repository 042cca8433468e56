//! Why a connection ended.

use std::io;

use crate::proto::handshake::client::ResponseError;
use crate::proto::{CloseCode, ProtocolError};

/// Why a connection ended, or never came to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum End<'a> {
    /// The closing handshake: the server's code, [`CloseCode::NO_STATUS`] if it gave none.
    #[error("closed with code {code}{}{reason}", if .reason.is_empty() { "" } else { ": " })]
    Closed {
        /// The server's code.
        code: CloseCode,
        /// The server's reason; may be empty.
        reason: &'a str,
    },
    /// The server's answer opens no WebSocket.
    #[error("{0}")]
    Refused(ResponseError),
    /// The server broke RFC 6455; it was told which rule by the close code.
    #[error("the server broke the protocol: {0}")]
    Protocol(ProtocolError),
    /// TCP ended without a closing handshake: the ordinary end of a raw connection.
    #[error("the server ended the connection")]
    EndOfStream,
    /// The network failed, or nobody listens.
    #[error("{0}")]
    Lost(io::Error),
    /// It did not open within [`open_timeout`](super::ClientConfig::open_timeout).
    #[error("it did not open in time")]
    OpenTimeout,
    /// The server did not end it within [`close_timeout`](super::ClientConfig::close_timeout).
    #[error("the server did not close in time")]
    CloseTimeout,
    /// The application did not want it any more.
    #[error("aborted")]
    Aborted,
}

/// An end that is told later in the turn, when the handler is at hand.
#[derive(Debug)]
pub(super) enum Ending {
    Closed(CloseCode, Box<str>),
    Refused(ResponseError),
    Protocol(ProtocolError),
    EndOfStream,
    Lost(i32),
    OpenTimeout,
    CloseTimeout,
    Aborted,
}

impl Ending {
    pub(super) fn end(&self) -> End<'_> {
        match self {
            Self::Closed(code, reason) => End::Closed { code: *code, reason },
            Self::Refused(error) => End::Refused(*error),
            Self::Protocol(error) => End::Protocol(*error),
            Self::EndOfStream => End::EndOfStream,
            Self::Lost(errno) => End::Lost(io::Error::from_raw_os_error(*errno)),
            Self::OpenTimeout => End::OpenTimeout,
            Self::CloseTimeout => End::CloseTimeout,
            Self::Aborted => End::Aborted,
        }
    }
}
