//! What can stand in the way of a start, and of a request to a running server.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::config::ConfigError;
use crate::http::RouteError;
use crate::ring::probe::ProbeError;
use crate::topic::name::TopicNameError;

/// Why a server did not start. Nothing was left behind.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A limit or setting is out of range.
    #[error("the configuration cannot be used:\n{0}")]
    Config(#[from] ConfigError),
    /// A route is wrong.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The machine lacks something that the ring needs.
    #[error("{0}{mend}", mend = mend_lines(.0))]
    Ring(#[from] ProbeError),
    /// The kernel does not let connections be steered to cores.
    #[error("cannot steer connections to the cores of shards: {0}; --steering=off leaves that")]
    Steering(io::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {error}{advice}", advice = listen_advice(.error))]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// A core cannot be used.
    #[error("shard {shard} cannot be pinned to core {core}: this process may use {allowed:?}; see --pin")]
    Pin {
        /// The shard.
        shard: usize,
        /// The core.
        core: usize,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
    /// A thread, a descriptor or memory was refused.
    #[error("shard {shard} cannot start: {error}; `ringwire check` tells what this machine lacks")]
    Shard {
        /// The shard.
        shard: usize,
        /// Why.
        error: io::Error,
    },
}

/// As it is displayed: a `main` that returns this error shows the advice.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What mends it, an arrow before each alternative.
fn mend_lines(error: &ProbeError) -> String {
    error.mend().lines().map(|line| format!("\n  → {line}")).collect()
}

fn listen_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; `ss -ltnp` tells who does already, --listen=ADDR takes another address",
        io::ErrorKind::AddrNotAvailable => "; `ip addr` tells the addresses of this machine",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE, or a lower net.ipv4.ip_unprivileged_port_start"
        }
        _ => "",
    }
}

/// Why a request to a running server was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// A shard's command queue is full (`command_queue_count`, `command_queue_bytes_max`); nothing was done. Try again.
    #[error("the server is too busy: a command queue is full (`command_queue_count`, `command_queue_bytes_max`)")]
    Busy,
    /// The server has stopped.
    #[error("the server has stopped")]
    Stopped,
    /// No open connection has this id.
    #[error("no open connection has this id")]
    NoSuchConnection,
    /// The message was dropped: the connection's send queue is full.
    #[error("dropped: the connection's send queue is full")]
    Dropped,
    /// The question was asked by a shard's callback, which would wait for itself.
    #[error("a callback cannot wait for its own shard: ask from another thread")]
    InCallback,
    /// The topic's name is none; nothing was done.
    #[error(transparent)]
    TopicName(#[from] TopicNameError),
    /// The close code may not be sent.
    #[error("this close code may not be sent (RFC 6455 §7.4)")]
    InvalidCloseCode,
}
