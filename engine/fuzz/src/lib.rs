//! What the fuzz targets do with their input: each module has a `check`, whose oracle panics, and a `seeds`.
//!
//! The driver, the streams and tungstenite's verdict are the integration tests' own.

pub mod close_payload;
pub mod corpus;
pub mod decoder;
pub mod handshake;
pub mod journal;
pub mod mask;
#[path = "../../tests/handshake/oracle.rs"]
mod oracle;
#[path = "../../tests/proto/streams.rs"]
mod streams;
#[path = "../../tests/proto/support.rs"]
mod support;
#[path = "../../tests/proto/tungstenite_verdict.rs"]
mod tungstenite_verdict;
pub mod topic_request;
pub mod turn;
pub mod utf8;
pub mod v1_request;
#[path = "../../tests/handshake/verdict.rs"]
mod verdict;

#[doc(hidden)]
pub use libfuzzer_sys;

/// The libFuzzer entry points of the module of this name.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::corpus::write(stringify!($name), &$crate::$name::seeds()),
            |data: &[u8]| $crate::$name::check(data)
        );
    };
}
