//! Echo and broadcast servers on other Rust libraries, which Ringwire is measured beside.
//!
//! `ringwire-peers PEER --listen=ADDR --mode=echo|broadcast [--threads=N]`. Prints `listening on ADDR` when ready, and ends by
//! signal. Any path, messages of up to 16 MiB, no compression, no pings, no time-outs; connections inherit TCP_NODELAY from the
//! listener. A broadcast goes to every connection, its sender too. The settings of each peer stand in its file.

mod actix;
mod axum;
mod fastwebsockets;
mod options;
mod session;
mod sockudo;
mod tokio_tungstenite;
mod tokio_websockets;

use anyhow::Result;

use crate::options::Options;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves until it is ended by a signal.
type Serve = fn(&Options) -> Result<()>;

const PEERS: [(&str, Serve); 6] = [
    ("tokio-tungstenite", tokio_tungstenite::serve),
    ("tokio-websockets", tokio_websockets::serve),
    ("fastwebsockets", fastwebsockets::serve),
    ("sockudo-ws", sockudo::serve),
    ("axum", axum::serve),
    ("actix-web", actix::serve),
];

fn main() -> Result<()> {
    let options = Options::parse(&PEERS.map(|(name, _)| name))?;
    let (_, serve) = PEERS.into_iter().find(|(name, _)| *name == options.peer).expect("it was looked for");
    serve(&options)
}
