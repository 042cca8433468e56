//! RFC 6455 without IO: frames, the incremental decoder, masking, UTF-8, close codes and the handshake.
//!
//! Bytes come in as slices, events go out as borrows of the same slices; nothing here knows of sockets, rings or time.

pub mod close;
pub mod decoder;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod mask;
pub mod opcode;
pub mod simd;
pub mod utf8;

pub use close::{CloseCode, CloseFrame};
pub use decoder::{Assembly, Decoded, Decoder, Event, Message, Pool, Rules};
pub use error::ProtocolError;
pub use frame::{EncodedHeader, Header, Role};
pub use opcode::Opcode;
