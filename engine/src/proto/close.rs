//! Close codes and the close frame's payload (RFC 6455 §5.5.1, §7.4).
//!
//! A payload is nothing, or a code of two bytes and a reason. [`CloseFrame`] reads and writes it; when to send one
//! is the connection's business.

#![forbid(unsafe_code)]

use std::fmt;

use super::{ProtocolError, utf8};

/// A close code as it stands on the wire or in an API; see the associated constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: data of a kind that is not accepted here.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the close frame had no code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: text that is not UTF-8, or data inconsistent with its message's type.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: against a rule of the endpoint's.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client needed an extension that the server did not offer.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts; come back (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overloaded; come back later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 4000: Ringwire's own for a subscriber that read too slowly of a topic with history; it comes back and resumes.
    pub const RESUME: Self = Self(4000);
    /// 4410: Ringwire's own for a position whose successors are not kept any more; the client begins anew, without one.
    pub const TOO_OLD: Self = Self(4410);
    /// 1014: a gateway got an invalid answer from behind (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never sent.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Whether a close frame may carry this code, ours or the peer's: 1000–1003, 1007–1014, 3000–4999 (§7.4.2).
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// The registered name; `None` for codes without one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NORMAL => "normal",
            Self::GOING_AWAY => "going away",
            Self::PROTOCOL_ERROR => "protocol error",
            Self::UNSUPPORTED_DATA => "unsupported data",
            Self::NO_STATUS => "no status",
            Self::ABNORMAL => "abnormal",
            Self::INVALID_PAYLOAD => "invalid payload",
            Self::POLICY_VIOLATION => "policy violation",
            Self::MESSAGE_TOO_BIG => "message too big",
            Self::MANDATORY_EXTENSION => "mandatory extension",
            Self::INTERNAL_ERROR => "internal error",
            Self::SERVICE_RESTART => "service restart",
            Self::TRY_AGAIN_LATER => "try again later",
            Self::BAD_GATEWAY => "bad gateway",
            Self::TLS_HANDSHAKE => "TLS handshake",
            _ => return None,
        })
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What a close frame says. `code` is `None` when the payload was empty (an application sees 1005 then).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// The code, never one of those that may not be sent.
    pub code: Option<CloseCode>,
    /// At most 123 bytes of UTF-8.
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// Most bytes of a reason: a control frame's 125 less the code's two.
    pub const REASON_BYTES_MAX: usize = 123;

    /// A close frame to send.
    pub const fn new(code: CloseCode, reason: &'a str) -> Self {
        Self { code: Some(code), reason }
    }

    /// Reads an unmasked payload.
    ///
    /// # Errors
    ///
    /// One byte alone, or a code that may not be sent: 1002. A reason that is not UTF-8: 1007.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ProtocolError> {
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            return match payload {
                [] => Ok(Self { code: None, reason: "" }),
                // RFC6455-5.5.1-1
                _ => Err(ProtocolError::TruncatedCloseCode),
            };
        };
        let code = CloseCode(u16::from_be_bytes(*code));
        // RFC6455-7.4-1
        if !code.is_sendable() {
            return Err(ProtocolError::InvalidCloseCode(code.0));
        }
        // RFC6455-5.5.1-2
        let reason = utf8::validate_str(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
        Ok(Self { code: Some(code), reason })
    }

    /// Writes the payload, unmasked, into `payload` and returns the part in use.
    ///
    /// A reason above 123 bytes is cut between characters. Without a code, or with one that may not be sent, the
    /// payload is empty: a reason cannot stand alone.
    pub fn encode<'b>(&self, payload: &'b mut [u8; 125]) -> &'b [u8] {
        // RFC6455-7.4-2
        let Some(code) = self.code.filter(|code| code.is_sendable()) else {
            return &[];
        };
        let reason = &self.reason[..self.reason.floor_char_boundary(Self::REASON_BYTES_MAX)];
        payload[..2].copy_from_slice(&code.0.to_be_bytes());
        payload[2..2 + reason.len()].copy_from_slice(reason.as_bytes());
        &payload[..2 + reason.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC6455-7.4-1
    #[test]
    fn every_code_is_judged_as_the_registry_says() {
        for code in 0..=u16::MAX {
            let allowed = match code {
                1004..=1006 | 1015 => false,
                1000..=1014 | 3000..=4999 => true,
                _ => false,
            };
            assert_eq!(CloseCode(code).is_sendable(), allowed, "{code}");
            let parsed = CloseFrame::parse(&code.to_be_bytes()).map(|close| close.code);
            let expected = if allowed { Ok(Some(CloseCode(code))) } else { Err(ProtocolError::InvalidCloseCode(code)) };
            assert_eq!(parsed, expected);
        }
    }

    /// RFC6455-5.5.1-1, RFC6455-5.5.1-2
    #[test]
    fn payloads() {
        assert_eq!(CloseFrame::parse(b""), Ok(CloseFrame { code: None, reason: "" }));
        assert_eq!(CloseFrame::parse(b"\x03"), Err(ProtocolError::TruncatedCloseCode));
        assert_eq!(CloseFrame::parse(b"\x03\xe8bye"), Ok(CloseFrame::new(CloseCode::NORMAL, "bye")));
        assert_eq!(CloseFrame::parse(b"\x03\xe8\xff"), Err(ProtocolError::InvalidCloseReason));
        // A reason that ends inside a character is as wrong as any other.
        assert_eq!(CloseFrame::parse(b"\x03\xe8\xe2\x82"), Err(ProtocolError::InvalidCloseReason));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let mut payload = [0; 125];
        let reason = "€".repeat(50);
        let bytes = CloseFrame::new(CloseCode::GOING_AWAY, &reason).encode(&mut payload);
        assert_eq!(bytes.len(), 2 + 123);
        let reason = format!("a{reason}");
        let bytes = CloseFrame::new(CloseCode::GOING_AWAY, &reason).encode(&mut payload);
        assert_eq!(bytes.len(), 2 + 121);
        assert_eq!(CloseFrame::parse(bytes).expect("whole characters").reason, &reason[..121]);
    }

    /// RFC6455-7.4-2
    #[test]
    fn codes_that_may_not_be_sent_are_left_out() {
        for code in [None, Some(CloseCode::NO_STATUS), Some(CloseCode::ABNORMAL), Some(CloseCode(999))] {
            assert_eq!(CloseFrame { code, reason: "why" }.encode(&mut [0; 125]), b"");
        }
    }

    #[test]
    fn shown_with_its_name() {
        assert_eq!(CloseCode::GOING_AWAY.to_string(), "1001 (going away)");
        assert_eq!(CloseCode(4321).to_string(), "4321");
    }
}
