//! Where connections go, and where they come from.

use std::io;
use std::net::SocketAddr;

use ringwire::client::{ConnId, Conns, Open, OpenAs};

use crate::sources::Sources;
use crate::target::Target;

/// A server, resolved.
#[derive(Debug, Clone)]
pub struct Site {
    addr: SocketAddr,
    host: String,
    path: String,
    sources: Sources,
}

impl Site {
    /// Looks the target up, for so many connections.
    ///
    /// # Errors
    /// When the name has no address, or there are not enough addresses to connect from.
    pub fn find(target: &Target, connections: u32) -> anyhow::Result<Self> {
        let addr = target.resolve()?;
        let sources = Sources::spread(connections, addr)?;
        Ok(Self { addr, host: target.host_header(), path: target.path_and_query().to_owned(), sources })
    }

    /// The same server, another path.
    #[must_use]
    pub fn with_path(&self, path: String) -> Self {
        Self { path, ..self.clone() }
    }

    /// The authority for `Host`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Begins to open the run's connection `number`, as a WebSocket with these subprotocols.
    ///
    /// # Errors
    /// Those of [`Conns::open`].
    pub fn open_websocket(&self, conns: &mut Conns, number: u32, protocols: &[&str]) -> io::Result<ConnId> {
        let mode = OpenAs::WebSocket { host: &self.host, target: &self.path, protocols, origin: None };
        conns.open(Open { target: self.addr, source: self.sources.of(number), mode })
    }

    /// Begins to open the run's connection `number`, for HTTP.
    ///
    /// # Errors
    /// Those of [`Conns::open`].
    pub fn open_raw(&self, conns: &mut Conns, number: u32) -> io::Result<ConnId> {
        conns.open(Open { target: self.addr, source: self.sources.of(number), mode: OpenAs::Raw })
    }
}
