//! What a peer can do wrong on an open connection, each with the close code that answers it.
//!
//! One variant per violation, so that a test, a counter or a log can tell them apart. What the network or the
//! operator does wrong has other types; a refused handshake has too.

#![forbid(unsafe_code)]

use super::{CloseCode, Opcode};

/// A violation of RFC 6455 by the peer, or of a limit of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// RSV bits without an extension that gives them a meaning (§5.2); the three bits, RSV1 highest.
    #[error("reserved bits {0:03b} are set, but no extension was negotiated")]
    ReservedBits(u8),
    /// Opcode 3–7 or 11–15 (§5.2).
    #[error("opcode {0:#x} is reserved")]
    ReservedOpcode(u8),
    /// A control frame without FIN (§5.5).
    #[error("a {0:?} frame may not be fragmented")]
    FragmentedControl(Opcode),
    /// A control frame of more than 125 bytes (§5.5).
    #[error("a {0:?} frame may not have more than 125 bytes of payload")]
    OversizedControl(Opcode),
    /// A frame from a client without a mask (§5.1).
    #[error("a client must mask its frames")]
    UnmaskedFrame,
    /// A frame from a server with a mask (§5.1).
    #[error("a server must not mask its frames")]
    MaskedFrame,
    /// A payload length in more bytes than it needs (§5.2).
    #[error("the payload length is not in its shortest form")]
    NonMinimalLength,
    /// A 64-bit payload length with its top bit set (§5.2).
    #[error("the payload length has its top bit set")]
    LengthOverflow,
    /// A continuation while no message is open (§5.4).
    #[error("a continuation frame without a message to continue")]
    UnexpectedContinuation,
    /// A text or binary frame while a fragmented message is open (§5.4).
    #[error("a {0:?} frame inside a fragmented message")]
    ExpectedContinuation(Opcode),
    /// A message above [`Rules::message_bytes_max`](super::Rules::message_bytes_max) (§7.4.1, §10.4).
    #[error("the message is larger than {bytes_max} bytes")]
    MessageTooBig {
        /// The limit.
        bytes_max: usize,
    },
    /// Text that is not UTF-8 (§8.1).
    #[error("text is not valid UTF-8")]
    InvalidUtf8,
    /// A close frame with a payload of one byte (§5.5.1).
    #[error("a close frame of one byte cannot hold a close code")]
    TruncatedCloseCode,
    /// A close code that may not be sent (§7.4).
    #[error("close code {0} may not be sent")]
    InvalidCloseCode(u16),
    /// A close reason that is not UTF-8 (§5.5.1, §8.1).
    #[error("the close reason is not valid UTF-8")]
    InvalidCloseReason,
}

impl ProtocolError {
    /// The code of the close frame that answers this (§7.4.1): 1002, 1007 or 1009.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidCloseReason => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
