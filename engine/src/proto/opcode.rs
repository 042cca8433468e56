//! The four bits that say what a frame is (RFC 6455 §5.2, §11.8).

/// A frame's opcode; the reserved values 3–7 and 11–15 have no variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// Continues a fragmented message.
    Continuation = 0x0,
    /// UTF-8 text.
    Text = 0x1,
    /// Any bytes.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// Asks for a pong.
    Ping = 0x9,
    /// Answers a ping, or is a one-way heartbeat.
    Pong = 0xA,
}
