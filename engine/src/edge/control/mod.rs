//! The control thread: the admin interface of `ringwire serve` and the writer of its journal, on a tokio-uring runtime of its own.
//!
//! It is not pinned, and nothing that a connection's message needs waits for it: it reaches shards through their lock-free
//! command queues alone. It listens before the shards start and ends after them, so that whoever asks meanwhile hears
//! [where the node stands](Phase). `docs/admin.md` describes each endpoint.
//!
//! Not here: the data port, and what is served there.

mod api;
mod ask;
mod auth;
mod body;
mod connections;
mod console;
mod door;
mod error;
mod health;
mod journal;
mod metrics;
mod shards;
#[cfg(test)]
mod tests;
mod topics;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use super::journal::{JournalStatus, JournalTask};
use crate::config::{ParseTokenError, ValidConfig};
use crate::server::ServerHandle;
use crate::sys::socket::{self, ListenOptions};

pub(super) use auth::token;

use api::Api;
use auth::Guard;
use door::Door;

/// Connections that the kernel queues before they are accepted.
const BACKLOG: u32 = 128;

/// A running control thread. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Control {
    /// Where it listens, with its real port.
    #[cfg(test)]
    addr: SocketAddr,
    phase: watch::Sender<Phase>,
    /// Taken when it is waited for.
    thread: Option<JoinHandle<()>>,
}

/// Where the node stands.
#[derive(Clone, Debug)]
enum Phase {
    /// The shards are being started.
    Starting,
    /// Connections are accepted.
    Running(ServerHandle),
    /// No more connections, and those that there are were asked to leave.
    Draining(ServerHandle),
    /// The shards have ended.
    Stopped,
}

/// Why there is no admin interface.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {addr} for the admin interface: {error}; --admin-listen=ADDR:PORT takes another address, \
             --admin-listen=none does without"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The token's file cannot be read.
    #[error("cannot read the admin token from {path}: {error}")]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The token's file holds something else.
    #[error("the first line of {path} is no admin token: {error}")]
    Token {
        /// The file.
        path: PathBuf,
        /// What is expected.
        error: ParseTokenError,
    },
    /// The thread or its runtime cannot be made.
    #[error("the control thread cannot start: {0}; `ringwire check` tells what this machine lacks")]
    Runtime(io::Error),
}

impl Control {
    /// Starts it, unless there is nothing for it to do: no admin interface and no journal to write.
    ///
    /// # Errors
    /// [`ControlError`] says what mends it.
    pub(super) fn start(
        config: &ValidConfig,
        journal: Option<(JournalTask, JournalStatus)>,
    ) -> Result<Option<Self>, ControlError> {
        let (phase, watched) = watch::channel(Phase::Starting);
        let (journal, status) = journal.unzip();
        let door = config.admin.listen.map(|addr| open_door(config, addr, watched.clone(), status)).transpose()?;
        if door.is_none() && journal.is_none() {
            return Ok(None);
        }
        #[cfg(test)]
        let addr = door.as_ref().map_or(([0, 0, 0, 0], 0).into(), Door::addr);
        let duty = Duty { door, journal, phase: watched };
        let (tell, told) = channel();
        let thread = thread::Builder::new().name("control".into()).spawn(move || duty.run(&tell));
        let control = Self {
            #[cfg(test)]
            addr,
            phase,
            thread: Some(thread.map_err(ControlError::Runtime)?),
        };
        told.recv().expect("it tells before it ends").map_err(ControlError::Runtime)?;
        Ok(Some(control))
    }

    /// The shards are there.
    pub(super) fn running(&self, server: ServerHandle) {
        self.phase.send_replace(Phase::Running(server));
    }

    /// A way to tell, from another thread, that a shutdown begins.
    pub(super) fn on_drain(&self) -> impl Fn() + Send + use<> {
        let phase = self.phase.clone();
        move || {
            phase.send_if_modified(|phase| {
                let Phase::Running(server) = phase else { return false };
                *phase = Phase::Draining(server.clone());
                true
            });
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Stopped);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread panicked");
        }
    }
}

fn open_door(
    config: &ValidConfig,
    addr: SocketAddr,
    phase: watch::Receiver<Phase>,
    journal: Option<JournalStatus>,
) -> Result<Door, ControlError> {
    let token = auth::token(&config.admin)?;
    let (addr, listener) = listen(addr).map_err(|error| ControlError::Listen { addr, error })?;
    tracing::info!("admin interface at http://{addr}/{}", if token.is_some() { ", with a token" } else { "" });
    let api = Api::new(config, Guard::new(token), phase.clone(), journal);
    Ok(Door { listener, api: Arc::new(api), head_timeout: config.handshake_timeout, phase })
}

fn listen(addr: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
    let options = ListenOptions {
        backlog: BACKLOG,
        tcp_nodelay: true,
        send_buffer_bytes: None,
        recv_buffer_bytes: None,
        notsent_lowat_bytes: None,
    };
    let (addr, mut listeners) = socket::listen_all(addr, 1, options)?;
    let listener = TcpListener::from(listeners.pop().expect("one was asked for"));
    listener.set_nonblocking(true)?;
    Ok((addr, listener))
}

/// What the thread does.
struct Duty {
    door: Option<Door>,
    journal: Option<JournalTask>,
    phase: watch::Receiver<Phase>,
}

impl Duty {
    /// The thread's body.
    fn run(self, tell: &Sender<io::Result<()>>) {
        let outcome = tokio_uring::Runtime::new(&tokio_uring::builder());
        let runtime = match outcome {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(error))),
        };
        let _ = tell.send(Ok(()));
        let Self { door, journal, phase } = self;
        runtime.block_on(async { tokio::join!(serve(door), write(journal, phase)) });
    }
}

async fn serve(door: Option<Door>) {
    if let Some(door) = door
        && let Err(error) = door.open().await
    {
        tracing::error!(%error, "the admin interface has ended");
    }
}

/// Writes the journal until the shards have ended, and then the rest of it.
async fn write(journal: Option<JournalTask>, mut phase: watch::Receiver<Phase>) {
    if let Some(journal) = journal
        && let Err(error) = journal.run(stopped(&mut phase)).await
    {
        tracing::error!(%error, "the journal is not written");
    }
}

/// Waits for the end of the node.
async fn stopped(phase: &mut watch::Receiver<Phase>) {
    // A sender that is gone has stopped.
    let _ = phase.wait_for(|phase| matches!(phase, Phase::Stopped)).await;
}
