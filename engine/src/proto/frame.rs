//! The frame header, both roles, both ways (RFC 6455 §5.2).
//!
//! [`Header::parse`] takes a header apart and refuses it at its first offending byte; [`EncodedHeader`] is one ready
//! to be sent. What needs to know of more than one frame (fragments, message limits) is in the decoder.

#![forbid(unsafe_code)]

use std::ops::Deref;

use super::{Opcode, ProtocolError};

#[cfg(test)]
mod tests;

/// Which end of the connection we are: a server receives masked frames and sends unmasked ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We accepted the connection.
    Server,
    /// We opened it.
    Client,
}

/// Most bytes of a control frame's payload (§5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// Most bytes of a header: two, a 64-bit length and a mask key.
pub const HEADER_BYTES_MAX: usize = 14;

const FIN: u8 = 0x80;
const RSV: u8 = 0x70;
const MASK: u8 = 0x80;
/// A seven-bit length of 126 or 127 says that 16 or 64 bits follow.
const LENGTH_IS_U16: u8 = 126;
const LENGTH_IS_U64: u8 = 127;

/// A parsed frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The three reserved bits, RSV1 highest. A parsed header has none: no extension is negotiated.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: Opcode,
    /// The mask key of a client's frame.
    pub mask: Option<[u8; 4]>,
    /// Length of the payload in bytes, below 2^63.
    pub payload_bytes: u64,
}

impl Header {
    /// Parses the header at the start of `bytes`, as `role` receives it, and says how long it is; `None` when more
    /// bytes are needed.
    ///
    /// # Errors
    ///
    /// Every rule of §5.1, §5.2 and §5.5 that one header can break, as soon as the byte that breaks it is there: all
    /// are answered with 1002.
    #[inline]
    pub fn parse(bytes: &[u8], role: Role) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let opcode = parse_first(first)?;
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let length = parse_second(second, opcode, role)?;
        let Some((payload_bytes, rest)) = parse_length(length, &bytes[2..])? else { return Ok(None) };
        let (mask, rest) = match role {
            Role::Client => (None, rest),
            Role::Server => match rest.split_first_chunk() {
                Some((key, rest)) => (Some(*key), rest),
                None => return Ok(None),
            },
        };
        let header = Self { fin: first & FIN != 0, rsv: 0, opcode, mask, payload_bytes };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Writes the header, its length in the shortest form.
    #[inline]
    pub fn encode(&self) -> EncodedHeader {
        let first = (u8::from(self.fin) << 7) | ((self.rsv << 4) & RSV) | self.opcode.bits();
        match self.mask {
            None => EncodedHeader::new(first, 0, self.payload_bytes),
            Some(key) => EncodedHeader::new(first, MASK, self.payload_bytes).with_key(key),
        }
    }
}

/// FIN, RSV and opcode. Without an extension every RSV bit is refused; a negotiated permessage-deflate will own RSV1.
#[inline]
fn parse_first(first: u8) -> Result<Opcode, ProtocolError> {
    // RFC6455-5.2-1
    if first & RSV != 0 {
        return Err(ProtocolError::ReservedBits((first & RSV) >> 4));
    }
    // RFC6455-5.2-2
    let opcode = Opcode::from_bits(first & 0x0F).ok_or(ProtocolError::ReservedOpcode(first & 0x0F))?;
    // RFC6455-5.5-2
    if opcode.is_control() && first & FIN == 0 {
        return Err(ProtocolError::FragmentedControl(opcode));
    }
    Ok(opcode)
}

/// MASK and the seven-bit length.
#[inline]
fn parse_second(second: u8, opcode: Opcode, role: Role) -> Result<u8, ProtocolError> {
    match (role, second & MASK != 0) {
        // RFC6455-5.1-1
        (Role::Server, false) => return Err(ProtocolError::UnmaskedFrame),
        // RFC6455-5.1-2
        (Role::Client, true) => return Err(ProtocolError::MaskedFrame),
        _ => {}
    }
    let length = second & !MASK;
    // RFC6455-5.5-1
    if opcode.is_control() && usize::from(length) > CONTROL_BYTES_MAX {
        return Err(ProtocolError::OversizedControl(opcode));
    }
    Ok(length)
}

/// The payload length that `length` announces, and what follows it in `bytes`.
#[inline]
fn parse_length(length: u8, bytes: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    match length {
        LENGTH_IS_U64 => parse_length_u64(bytes),
        LENGTH_IS_U16 => {
            let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(None) };
            let length = u16::from_be_bytes(*length);
            // RFC6455-5.2-3
            if length < u16::from(LENGTH_IS_U16) {
                return Err(ProtocolError::NonMinimalLength);
            }
            Ok(Some((u64::from(length), rest)))
        }
        _ => Ok(Some((u64::from(length), bytes))),
    }
}

fn parse_length_u64(bytes: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    // RFC6455-5.2-4
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Err(ProtocolError::LengthOverflow);
    }
    // RFC6455-5.2-3: six zeros say already that 16 bits would have been enough.
    if bytes.starts_with(&[0; 6]) {
        return Err(ProtocolError::NonMinimalLength);
    }
    Ok(bytes.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest)))
}

/// A frame header ready to be sent; lives in two registers.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeader {
    bytes: [u8; Self::PADDED_BYTES],
    len: u8,
}

impl EncodedHeader {
    /// Bytes of [`EncodedHeader::padded`].
    pub const PADDED_BYTES: usize = 16;

    /// The header of a whole message or control frame from a server: FIN, no mask.
    #[inline]
    pub fn server(opcode: Opcode, payload_bytes: u64) -> Self {
        Self::new(FIN | opcode.bits(), 0, payload_bytes)
    }

    /// The header of a whole message or control frame from a client: FIN and a mask key.
    #[inline]
    pub fn client(opcode: Opcode, payload_bytes: u64, key: [u8; 4]) -> Self {
        Self::new(FIN | opcode.bits(), MASK, payload_bytes).with_key(key)
    }

    /// The header's bytes, 2 to 14 of them.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The header's bytes and zeros after them: to be written at once, and overwritten by the payload.
    #[inline]
    pub fn padded(&self) -> &[u8; Self::PADDED_BYTES] {
        &self.bytes
    }

    // RFC6455-5.2-3: the shortest form. Composed as a number, because bytes stored one by one and read back together
    // would wait for each other.
    #[inline]
    fn new(first: u8, mask: u8, payload_bytes: u64) -> Self {
        debug_assert!(payload_bytes >> 63 == 0, "a payload of 2^63 bytes cannot be announced");
        let (second, extended, len) = if payload_bytes < u64::from(LENGTH_IS_U16) {
            (payload_bytes as u8, 0, 2)
        } else if let Ok(length) = u16::try_from(payload_bytes) {
            (LENGTH_IS_U16, u64::from(length.swap_bytes()), 4)
        } else {
            (LENGTH_IS_U64, payload_bytes.swap_bytes(), 10)
        };
        let bits = u128::from(first) | u128::from(mask | second) << 8 | u128::from(extended) << 16;
        Self { bytes: bits.to_le_bytes(), len }
    }

    #[inline]
    fn with_key(self, key: [u8; 4]) -> Self {
        let key = u128::from(u32::from_le_bytes(key)) << (8 * self.len);
        Self { bytes: (u128::from_le_bytes(self.bytes) | key).to_le_bytes(), len: self.len + 4 }
    }
}

impl Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for EncodedHeader {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}
