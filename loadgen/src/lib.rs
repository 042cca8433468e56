//! What `ringwire-load` is made of: what is sent and when, what came of it, and how that is told.
//!
//! `run`, `load` and `commands` bring it together with connections; in all else time is an argument, and buffers are the
//! caller's.

pub mod cli;
pub mod commands;
pub mod http;
pub mod latency;
pub mod ledger;
pub mod live;
pub mod load;
pub mod objective;
pub mod payload;
pub mod report;
pub mod run;
pub mod schedule;
pub mod sizes;
pub mod sources;
pub mod target;
pub mod transport;
pub mod watched;
