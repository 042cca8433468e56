//! What Ringwire is measured beside: peers in `peers/`, the floors under an echo and a fan-out in `floors/`; the
//! [`jobs`] that `benches/` times and `bin/count-job` counts. Here is also what the floors share.

pub mod epoll;
pub mod jobs;

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, Result, bail};
use socket2::Socket;

/// Listens where the one argument, `--listen=ADDR`, says, and tells it. Connections inherit `TCP_NODELAY`.
///
/// # Errors
/// Any other argument, and an address that cannot be listened on.
pub fn listen() -> Result<TcpListener> {
    let address = listen_address()?;
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let listener = Socket::from(listener);
    listener.set_tcp_nodelay(true)?;
    let listener = TcpListener::from(listener);
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

fn listen_address() -> Result<SocketAddr> {
    let mut address = SocketAddr::from(([127, 0, 0, 1], 0));
    for argument in std::env::args().skip(1) {
        match argument.strip_prefix("--listen=") {
            Some(value) => address = value.parse().with_context(|| format!("not an address: {value}"))?,
            None => bail!("unknown argument {argument}; the one that there is: --listen=ADDR"),
        }
    }
    Ok(address)
}
