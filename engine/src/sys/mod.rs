//! What the operating system tells, lends and lets be set: kernel and limits, cores, listeners, wake-ups, page memory.
//!
//! Thin, typed and without policy: what a fact means for a server is said where it is judged (`ring::probe`,
//! `edge::check`). Not here: io_uring itself (`ring`).

// The node judges more facts than an embedded engine.
#![cfg_attr(not(feature = "node"), allow(dead_code))]

#[cfg(feature = "node")]
pub(crate) mod activation;
pub(crate) mod affinity;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod bench;
pub(crate) mod entropy;
pub(crate) mod kernel;
pub(crate) mod limits;
pub(crate) mod pages;
pub(crate) mod socket;
pub(crate) mod steering;
pub(crate) mod timer;
pub(crate) mod waker;
