//! What the operating system tells and lets be set: kernel version and settings, limits, cores.
//!
//! Thin, typed and without policy: what a fact means for a server is said where it is judged (`ring::probe`,
//! `edge::check`).
//!
//! Not here: io_uring itself (`ring`).

pub(crate) mod affinity;
pub(crate) mod kernel;
pub(crate) mod limits;
