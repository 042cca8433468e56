//! Requests: vectors, the examples of the contract, and a differential run against serde_json. Replies: byte for byte as in
//! the contract.

mod differential;
mod examples;
mod requests;

use super as v1;
