//! A server: shards on their threads, and the handle by which every other thread reaches them.

mod error;
mod handle;
mod port;
mod start;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

pub use error::{CommandError, StartError};
pub use handle::ServerHandle;
pub use port::{Answer, AnswerFuture, ShardHandle};

use crate::config::Config;
use crate::handler::Handler;
use crate::http::{Routes, WebSocketRoute};
use crate::topic::journal::Kept;

/// A running server. Dropping it does not stop it: [`ServerHandle::shutdown`] does.
#[derive(Debug)]
pub struct Server {
    handle: ServerHandle,
    threads: Vec<JoinHandle<()>>,
}

/// What a shard's handler may want to know at its making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardInfo {
    /// Counted from 0.
    pub index: usize,
    /// Number of shards.
    pub count: usize,
    /// The core that its thread is pinned to.
    pub core: Option<usize>,
}

impl Server {
    /// Starts a server that takes WebSockets on every path; `handler` is called once on each shard's thread.
    ///
    /// # Errors
    /// [`StartError`] says what stands in the way and what mends it.
    pub fn start<H, F>(config: Config, handler: F) -> Result<Self, StartError>
    where
        H: Handler,
        F: Fn(ShardInfo) -> H + Send + Sync + 'static,
    {
        Self::builder(config).start(handler)
    }

    /// A server with routes of its own.
    pub fn builder(config: Config) -> ServerBuilder {
        ServerBuilder { config, routes: None, kept: None, listeners: Vec::new() }
    }

    /// The address that it listens on, with the real port where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.handle.local_addr()
    }

    /// Reaches the server from any thread.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Waits until every shard has ended, which is after a [`ServerHandle::shutdown`].
    ///
    /// # Panics
    /// When a shard's thread panicked.
    pub fn join(self) {
        for thread in self.threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Collects what a server is made of.
#[derive(Debug)]
pub struct ServerBuilder {
    config: Config,
    routes: Option<Routes>,
    kept: Option<Kept>,
    listeners: Vec<TcpListener>,
}

impl ServerBuilder {
    /// Sets what is served at which path, instead of WebSockets everywhere.
    pub fn routes(self, routes: Routes) -> Self {
        Self { routes: Some(routes), ..self }
    }

    /// Takes connections from sockets that listen already instead of from [`Config::listen`]: shard *i* from the *i*-th of them, and
    /// if they are fewer than shards, from the first again. The options of the configuration that connections have of their
    /// listener are set on them; none is as if this had not been called.
    pub fn listeners(self, listeners: Vec<TcpListener>) -> Self {
        Self { listeners, ..self }
    }

    /// Goes on with what a journal has.
    #[cfg(feature = "node")]
    pub(crate) fn kept(self, kept: Option<Kept>) -> Self {
        Self { kept, ..self }
    }

    /// Starts the server; see [`Server::start`].
    ///
    /// # Errors
    /// [`StartError`] says what stands in the way and what mends it.
    pub fn start<H, F>(self, handler: F) -> Result<Server, StartError>
    where
        H: Handler,
        F: Fn(ShardInfo) -> H + Send + Sync + 'static,
    {
        let routes = match self.routes {
            Some(routes) => routes,
            None => Routes::builder().websocket(WebSocketRoute::new("*")?).build()?,
        };
        start::start(self.config.validated()?, Arc::new(routes), self.listeners, self.kept, Arc::new(handler))
    }
}
