//! `ringwire.v1`, the JSON subprotocol for many topics on one connection, without IO: requests in, replies and events out.
//!
//! [`Parser`] takes a message apart where it lies and lends its strings. [`reply`] and [`event`] append to a buffer of the
//! caller's; an event has nothing of one connection in it, so it is encoded once for all subscribers.
//!
//! Not here: which names are topics, who may do what, and what a request does. `docs/protocol.md` is the contract.

#![forbid(unsafe_code)]

pub(super) mod event;
mod fields;
mod json;
mod position;
mod refusal;
pub(super) mod reply;
mod request;
#[cfg(test)]
mod tests;

pub(super) use refusal::{Code, Refusal};
pub(super) use request::{After, Operation, Parser, Payload, Publish, Request, Subscribe};
