//! `ringwire.v1`, the JSON subprotocol for many topics on one connection, without IO: requests in, replies and events out.
//!
//! [`Parser`] takes a message apart where it lies and lends its strings. [`reply`] appends to a buffer of the caller's.
//!
//! Not here: which names are topics, who may do what, and what a request does; events, which shards encode
//! (`topic/format/v1.rs`). `docs/protocol.md` is the contract.

#![forbid(unsafe_code)]

mod fields;
mod refusal;
pub(super) mod reply;
mod request;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod trial;

pub(super) use refusal::Refusal;
pub(super) use request::{Operation, Parser, Payload, Publish, Request, Subscribe};
