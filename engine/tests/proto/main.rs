//! The decoder from outside: RFC vectors, every length boundary, any split, hostile streams, and tungstenite as a
//! judge.
//!
//! Requirement ids are those of `docs/rfc6455.md`. Random streams come from seeds that a failure names.

mod chunks;
mod differential;
mod fragments;
mod lengths;
mod requirements;
mod streams;
mod support;
mod tungstenite_verdict;
mod vectors;
mod violations;
