//! The command line, and what every peer makes of it.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};
use tokio::runtime::Builder;

/// What a message is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Echo,
    Broadcast,
}

pub struct Options {
    pub peer: String,
    listen: SocketAddr,
    pub mode: Mode,
    pub threads: usize,
}

impl Options {
    pub fn parse(peers: &[&str]) -> Result<Self> {
        let usage =
            || format!("usage: ringwire-peers {} --listen=ADDR --mode=echo|broadcast [--threads=N]", peers.join("|"));
        let mut arguments = std::env::args().skip(1);
        let peer = arguments.next().with_context(usage)?;
        if !peers.contains(&&*peer) {
            bail!("there is no peer {peer}; {}", usage());
        }
        let mut options = Self { peer, listen: ([127, 0, 0, 1], 0).into(), mode: Mode::Echo, threads: 1 };
        for argument in arguments {
            match argument.split_once('=') {
                Some(("--listen", address)) => options.listen = address.parse().context("--listen is no address")?,
                Some(("--mode", "echo")) => options.mode = Mode::Echo,
                Some(("--mode", "broadcast")) => options.mode = Mode::Broadcast,
                Some(("--threads", count)) => options.threads = count.parse().context("--threads is no number")?,
                _ => bail!("{argument}? {}", usage()),
            }
        }
        Ok(options)
    }

    /// Listens with room for many who come at once; connections inherit TCP_NODELAY.
    pub fn listener(&self) -> Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(self.listen), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&self.listen.into()).with_context(|| format!("cannot listen on {}", self.listen))?;
        socket.listen(4096)?;
        let listener = TcpListener::from(socket);
        println!("listening on {}", listener.local_addr()?);
        Ok(listener)
    }

    /// Runs on tokio: on this thread alone, or on so many.
    pub fn run(&self, serving: impl Future<Output = Result<()>>) -> Result<()> {
        let mut builder = if self.threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        builder.worker_threads(self.threads).enable_all().build()?.block_on(serving)
    }
}
