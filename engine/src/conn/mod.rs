//! Connections: their identity, their slot in a shard's table, and the bytes that wait to be sent.
//!
//! A slot's index is the connection's direct descriptor in the shard's ring. An idle connection is its slot and nothing
//! else: reassembly, send queue and held input exist only while they are needed.

pub(crate) mod arena;
pub(crate) mod behind;
mod id;
pub(crate) mod peer;
pub(crate) mod queue;
pub(crate) mod slot;
pub(crate) mod table;

pub(crate) use id::GENERATION_MASK;
pub use id::{ConnId, ParseConnIdError};
