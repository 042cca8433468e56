//! Ringwire: a WebSocket server engine on io_uring.
//!
//! One thread, one ring and one set of connections per shard; callbacks instead of futures; payloads borrowed
//! from the kernel's buffers. `ARCHITECTURE.md` has the picture.

pub mod config;
#[cfg(feature = "node")]
pub mod edge;
pub mod http;
pub mod proto;
pub mod ring;
mod sys;
