//! The engine on the real ring over loopback, through its public interface alone.
//!
//! One module for each side of it. A test starts a server of its own on a free port, awaits conditions and not times, and
//! ends with a check that its clients left nothing behind. Where io_uring is missing, every one fails with the reason.
//!
//! Not here: the protocol without sockets (`tests/proto`), the handshake without sockets (`tests/handshake`), faults that
//! loopback does not have (the simulated ring, beside the shard).

mod activation;
mod admin;
mod broadcast;
mod chat;
mod close;
mod common;
mod curl;
mod demo;
mod echo;
mod examples;
mod flipbook;
mod flow;
mod handle;
mod history;
mod hostile;
mod http;
mod journal;
mod polls;
mod refusals;
mod request;
mod shutdown;
mod slow;
mod sse;
mod topics;
mod transports;
mod tuning;
mod v1;
mod wildcards;
