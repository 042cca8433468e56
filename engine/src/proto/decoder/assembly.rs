//! Where a message is put together: its payload, with room before it for a frame's header, so that it can be sent on as it lies.

#![forbid(unsafe_code)]

use crate::proto::frame::{EncodedHeader, HEADER_BYTES_MAX};

/// Room before the payload, for a header and more: a payload that begins as far into its page as in the page that it is copied from,
/// or up to 15 bytes further, is copied at half the speed on a Zen 4 (decision 18). A header of ours would put it 2 to 8 bytes further.
const HEAD_BYTES: usize = 64;

const _: () = assert!(HEAD_BYTES >= HEADER_BYTES_MAX + 16 && HEAD_BYTES >= EncodedHeader::PADDED_BYTES);

/// A message's payload as far as it has come.
#[derive(Debug, Default)]
pub struct Assembly {
    /// Room for a header, the payload, and room for more of it; or nothing at all. All bytes have values, so that others may write
    /// where there is room.
    bytes: Vec<u8>,
    payload_bytes: usize,
}

impl Assembly {
    /// The payload so far.
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(HEAD_BYTES..HEAD_BYTES + self.payload_bytes).unwrap_or_default()
    }

    /// Writes `header` before the payload; the result is where the frame begins in [`Assembly::frame`].
    pub(crate) fn put_header(&mut self, header: &EncodedHeader) -> usize {
        let start = HEAD_BYTES - header.as_bytes().len();
        self.reserve(0);
        self.bytes[start..HEAD_BYTES].copy_from_slice(header.as_bytes());
        start
    }

    /// The bytes from `start` to the end of the payload.
    pub(crate) fn frame(&self, start: usize) -> &[u8] {
        &self.bytes[start..HEAD_BYTES + self.payload_bytes]
    }

    /// Whether it holds far more memory than its payload needs.
    pub(crate) const fn is_roomy(&self) -> bool {
        self.capacity() > 2 * self.payload_bytes
    }

    /// The same payload in as much memory as it needs.
    pub(crate) fn fitted(&self) -> Self {
        let mut fitted = Self::default();
        fitted.reserve(self.payload_bytes);
        fitted.push(self.payload());
        fitted
    }

    /// Length of the payload in bytes.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.payload_bytes
    }

    /// Bytes of payload that it has memory for.
    #[inline]
    pub(super) const fn capacity(&self) -> usize {
        self.bytes.len().saturating_sub(HEAD_BYTES)
    }

    pub(super) fn clear(&mut self) {
        self.payload_bytes = 0;
    }

    /// Appends to the payload; [`Assembly::reserve`] has made room.
    #[inline]
    pub(crate) fn push(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            // There may be no memory at all yet.
            return;
        }
        let start = HEAD_BYTES + self.payload_bytes;
        self.bytes[start..start + piece.len()].copy_from_slice(piece);
        self.payload_bytes += piece.len();
    }

    /// Makes room for exactly `count` bytes more, unless there is as much.
    pub(crate) fn reserve(&mut self, count: usize) {
        let wanted = HEAD_BYTES + self.payload_bytes + count;
        if self.bytes.len() < wanted {
            // Memory that is fresh from the system has its zeros already, which growing in place would write once more.
            let mut bytes = vec![0; wanted];
            bytes[HEAD_BYTES..HEAD_BYTES + self.payload_bytes].copy_from_slice(self.payload());
            self.bytes = bytes;
        }
    }

    /// The room behind the payload.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(HEAD_BYTES + self.payload_bytes..).unwrap_or_default()
    }

    /// Counts what somebody wrote at the start of the room to the payload.
    pub(super) fn advance(&mut self, count: usize) {
        assert!(count <= self.capacity() - self.payload_bytes, "more was written than there was room for");
        self.payload_bytes += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Opcode;

    #[test]
    fn a_payload_goes_out_behind_a_header_of_any_length() {
        for payload_bytes in [0, 5, 125, 126, 65_535, 65_536] {
            let mut assembly = Assembly::default();
            let payload = vec![7; payload_bytes];
            assembly.reserve(payload.len());
            assembly.push(&payload);
            let header = EncodedHeader::server(Opcode::Binary, payload_bytes as u64);
            let start = assembly.put_header(&header);
            assert_eq!(assembly.frame(start), [header.as_bytes(), &payload].concat());
        }
    }

    #[test]
    fn what_others_write_into_the_room_belongs_to_the_payload_when_it_is_counted() {
        let mut assembly = Assembly::default();
        assert!(assembly.room().is_empty() && assembly.payload().is_empty());
        assembly.reserve(8);
        assembly.push(b"mine");
        assembly.room().copy_from_slice(b"your");
        assert_eq!(assembly.payload(), b"mine");
        assembly.advance(3);
        assert_eq!(assembly.payload(), b"mineyou");
        assert_eq!(assembly.room(), b"r");
        assembly.clear();
        assert_eq!((assembly.len(), assembly.room().len(), assembly.capacity()), (0, 8, 8));
    }
}
