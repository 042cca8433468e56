//! What peers have in common whose WebSockets are a stream and a sink of messages.
//!
//! A broadcast goes through tokio's broadcast channel. Whoever hears of one takes all that wait there, and flushes once: the
//! fastest that was found with all of these libraries.

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::options::Mode;

/// Messages that a connection may be behind. Who is further behind is closed: the generator counts what it lacks.
const BACKLOG: usize = 64 * 1024;

/// Where messages go, once for each server.
pub struct Hub<M> {
    mode: Mode,
    sender: broadcast::Sender<M>,
    is_data: fn(&M) -> bool,
}

impl<M> Clone for Hub<M> {
    fn clone(&self) -> Self {
        Self { mode: self.mode, sender: self.sender.clone(), is_data: self.is_data }
    }
}

impl<M: Clone> Hub<M> {
    pub fn new(mode: Mode, is_data: fn(&M) -> bool) -> Self {
        Self { mode, sender: broadcast::channel(if mode == Mode::Echo { 1 } else { BACKLOG }).0, is_data }
    }

    /// Serves a connection until it ends.
    pub async fn serve<W, E>(&self, websocket: W)
    where
        W: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
    {
        match self.mode {
            Mode::Echo => self.echo(websocket).await,
            Mode::Broadcast => drop(self.broadcast(websocket).await),
        }
    }

    async fn echo<W, E>(&self, mut websocket: W)
    where
        W: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
    {
        while let Some(Ok(message)) = websocket.next().await {
            if (self.is_data)(&message) && websocket.send(message).await.is_err() {
                return;
            }
        }
    }

    async fn broadcast<W, E>(&self, mut websocket: W) -> Option<()>
    where
        W: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
    {
        let mut receiver = self.sender.subscribe();
        loop {
            tokio::select! {
                message = websocket.next() => {
                    let message = message?.ok()?;
                    if (self.is_data)(&message) {
                        self.sender.send(message).ok()?;
                    }
                }
                first = receiver.recv() => {
                    let first: Result<M, RecvError> = first;
                    websocket.feed(first.ok()?).await.ok()?;
                    while let Ok(next) = receiver.try_recv() {
                        websocket.feed(next).await.ok()?;
                    }
                    websocket.flush().await.ok()?;
                }
            }
        }
    }
}

/// Accepts for ever, a task for each connection.
pub async fn accept<F>(
    listener: std::net::TcpListener,
    serve: impl Fn(tokio::net::TcpStream) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream));
    }
}
