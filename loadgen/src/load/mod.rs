//! What connections send, and what they make of what comes: one file for each kind of load.

mod account;
pub mod cast;
pub mod connect;
pub mod echo;
pub mod fanout;
pub mod idle;
mod publisher;
pub mod show;
mod staleness;

pub use account::{Timed, Told};
pub use publisher::Published;
