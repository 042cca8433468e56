//! The decoder from outside: RFC vectors, every length boundary, any split, hostile streams, and tungstenite as a judge.
//!
//! Requirement ids are those of `docs/rfc6455.md`.

mod support;
mod vectors;
