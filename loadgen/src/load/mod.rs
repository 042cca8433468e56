//! What connections send, and what they make of what comes: one file for each kind of load.

pub mod connect;
pub mod echo;
pub mod idle;
