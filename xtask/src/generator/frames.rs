//! The frames that go out and the frames that must come back, built once and patched per message.
//!
//! A payload is ASCII: eight hexadecimal digits of a sequence number, four of the sender's index, then letters; short
//! payloads keep what fits. Loss, repetition, reordering and mix-ups between connections all show as a difference.

use super::Opcode;

/// Any key but zero will do; one for all frames lets the masked bytes be made once.
const MASK_KEY: [u8; 4] = [0x5a, 0xc3, 0x17, 0x88];
const SEQUENCE_DIGITS: usize = 8;
const SENDER_DIGITS: usize = 4;
/// Payload bytes from which both numbers are whole.
pub(super) const NUMBERED_BYTES: usize = SEQUENCE_DIGITS + SENDER_DIGITS;

/// One frame in each direction.
#[derive(Debug)]
pub(super) struct Frames {
    client: Vec<u8>,
    server: Vec<u8>,
    client_header: usize,
    server_header: usize,
    key: [u8; 4],
}

impl Frames {
    pub(super) fn new(opcode: Opcode, payload_bytes: usize) -> Self {
        let payload: Vec<u8> = (0..payload_bytes).map(|index| b'a' + (index % 26) as u8).collect();
        let mut server = header(opcode, payload_bytes, false);
        let mut client = header(opcode, payload_bytes, true);
        client.extend(MASK_KEY);
        let (client_header, server_header) = (client.len(), server.len());
        client.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ MASK_KEY[index % 4]));
        server.extend(payload);
        Self { client, server, client_header, server_header, key: MASK_KEY }
    }

    /// A server that knows no WebSockets is sent what must come back.
    pub(super) fn bare(self, bare: bool) -> Self {
        let Self { ref server, server_header, .. } = self;
        if bare { Self { client: server.clone(), client_header: server_header, key: [0; 4], ..self } } else { self }
    }

    /// The masked frame that `sender` sends as its message number `sequence`.
    pub(super) fn client(&mut self, sender: usize, sequence: u32) -> &[u8] {
        let payload = &mut self.client[self.client_header..];
        for (index, byte) in numbers(sender, sequence).into_iter().enumerate().take(payload.len()) {
            payload[index] = byte ^ self.key[index % 4];
        }
        &self.client
    }

    /// What the server must send for it.
    pub(super) fn server(&mut self, sender: usize, sequence: u32) -> &[u8] {
        let payload = &mut self.server[self.server_header..];
        for (byte, number) in payload.iter_mut().zip(numbers(sender, sequence)) {
            *byte = number;
        }
        &self.server
    }

    /// Length of a frame from the server.
    pub(super) fn server_bytes(&self) -> usize {
        self.server.len()
    }

    /// Who sent the message in this frame from the server, if it says so.
    pub(super) fn sender_of(&self, frame: &[u8]) -> Option<usize> {
        let start = self.server_header + SEQUENCE_DIGITS;
        let digits = std::str::from_utf8(frame.get(start..start + SENDER_DIGITS)?).ok()?;
        usize::from_str_radix(digits, 16).ok()
    }
}

/// RFC 6455 §5.2, FIN set, the shortest length form.
fn header(opcode: Opcode, payload_bytes: usize, masked: bool) -> Vec<u8> {
    let first = 0x80 | if opcode == Opcode::Text { 1 } else { 2 };
    let mask_bit = if masked { 0x80 } else { 0 };
    match payload_bytes {
        0..=125 => vec![first, mask_bit | payload_bytes as u8],
        126..=0xffff => [&[first, mask_bit | 126][..], &(payload_bytes as u16).to_be_bytes()].concat(),
        _ => [&[first, mask_bit | 127][..], &(payload_bytes as u64).to_be_bytes()].concat(),
    }
}

fn numbers(sender: usize, sequence: u32) -> [u8; NUMBERED_BYTES] {
    let joined = u64::from(sequence) << (4 * SENDER_DIGITS) | sender as u64 & 0xffff;
    std::array::from_fn(|index| {
        let shift = 4 * (NUMBERED_BYTES - 1 - index);
        b"0123456789abcdef"[(joined >> shift & 0xf) as usize]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_frame_unmasks_to_the_server_frame() {
        for bytes in [0, 1, 5, 12, 20, 125, 126, 65_535, 65_536] {
            let mut frames = Frames::new(Opcode::Text, bytes);
            let server = frames.server(0x12ab, 0xfedc_0123).to_vec();
            let client = frames.client(0x12ab, 0xfedc_0123).to_vec();
            let payload = &client[client.len() - bytes..];
            let unmasked: Vec<u8> = payload.iter().enumerate().map(|(i, byte)| byte ^ MASK_KEY[i % 4]).collect();
            assert_eq!(unmasked, server[server.len() - bytes..]);
            assert_eq!(client.len(), server.len() + MASK_KEY.len());
            assert_eq!(client[1], server[1] | 0x80);
        }
    }

    #[test]
    fn numbers_are_in_the_payload() {
        let mut frames = Frames::new(Opcode::Binary, 20);
        let frame = frames.server(0x0abc, 0x0000_0042).to_vec();
        assert_eq!(frame, b"\x82\x14000000420abcmnopqrst");
        assert_eq!(frames.sender_of(&frame), Some(0x0abc));
        assert_ne!(frame, frames.server(0x0abc, 0x43));
        assert_ne!(frame, frames.server(0x0abd, 0x42));
    }
}
