//! What `ringwire-load` is made of: what is sent and when, what came of it, and how that is told.
//!
//! Nothing in this library opens a socket: time is an argument, buffers are the caller's, and the commands bring both
//! together with connections.

pub mod cli;
pub mod latency;
pub mod ledger;
pub mod live;
pub mod objective;
pub mod payload;
pub mod report;
pub mod schedule;
pub mod sizes;
pub mod sources;
pub mod target;
pub mod watched;
