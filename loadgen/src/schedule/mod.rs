//! When messages are sent: at planned times (`Open`), or whenever an answer has come (`Closed`).
//!
//! All messages of a run are numbered; the time of each follows from its number alone, in whole numbers, so that an hour's
//! run does not drift and every thread computes the same. Message `k` is that of sender `k % senders`: at any rate the
//! senders take turns, evenly apart.
//!
//! Times are arguments, in nanoseconds since the run's start.

mod closed;
mod open;
mod rota;

pub use closed::Closed;
pub use open::{Open, ParseRateError, Plan, Rate};
pub use rota::Rota;

/// A message to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Who sends it.
    pub sender: u32,
    /// Its number among the messages of this sender.
    pub sequence: u64,
    /// When it is to be sent, in nanoseconds since the run's start; its response time counts from here.
    pub planned: u64,
}
