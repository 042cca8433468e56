//! Requests: vectors, the examples of the contract, and a differential run against serde_json. Replies and events: byte for
//! byte as in the contract, and back through serde_json.

mod differential;
mod encoded;
mod examples;
mod oracle;
mod requests;

use super as v1;
