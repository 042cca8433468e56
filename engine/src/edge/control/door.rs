//! Accepts the admin interface's connections and speaks HTTP/1.1 on them, each bounded in time and all in number.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use super::api::{Api, router};
use super::{Phase, stopped};

/// More connections wait until one of these ends.
const CONNECTIONS_MAX: usize = 64;

/// Bytes of a request head; one of twice this, or between where the pieces it comes in fall badly, gets 431.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Time for responses that are under way when the node has stopped.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long a connection that is over is read from, so that what a client still sends does not turn our last response
/// into a reset.
const LINGER: Duration = Duration::from_secs(1);

/// What a peer hears that sends a head too slowly.
const SLOW_HEAD: &str =
    "{\"code\":\"slow_request\",\"message\":\"the request head took too long (`handshake_timeout`)\"}";

/// A listener, and how it is answered.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) api: Arc<Api>,
    /// From accept, or the last response, to a complete request head.
    pub(super) head_timeout: Duration,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Door {
    #[cfg(test)]
    pub(super) fn addr(&self) -> std::net::SocketAddr {
        self.listener.local_addr().expect("it listens")
    }

    /// Serves until the node has stopped.
    ///
    /// # Errors
    /// When the listener cannot be used at all.
    pub(super) async fn open(self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let service = TowerToHyperService::new(router(self.api));
        let mut conns = JoinSet::new();
        let mut phase = self.phase.clone();
        loop {
            tokio::select! {
                () = stopped(&mut phase) => break,
                Some(_) = conns.join_next() => {}
                accepted = listener.accept(), if conns.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => {
                        conns.spawn(converse(stream, service.clone(), self.head_timeout, self.phase.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the admin interface cannot accept a connection");
                        time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(listener);
        let _ = time::timeout(LAST_WORDS, async { while conns.join_next().await.is_some() {} }).await;
        Ok(())
    }
}

/// Serves one connection to its end.
async fn converse(
    stream: TcpStream,
    service: TowerToHyperService<axum::Router>,
    head_timeout: Duration,
    mut phase: watch::Receiver<Phase>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_BYTES_MAX);
    let mut conn = http.serve_connection(TokioIo::new(stream), service);
    let outcome = tokio::select! {
        outcome = &mut conn => outcome,
        () = stopped(&mut phase) => {
            std::pin::Pin::new(&mut conn).graceful_shutdown();
            (&mut conn).await
        }
    };
    let parts = conn.into_parts();
    let mut stream = parts.io.into_inner();
    // A connection that was only idle is closed without a word.
    if outcome.is_err_and(|error| error.is_timeout()) && !parts.read_buf.is_empty() {
        let response = format!(
            "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n\
             {SLOW_HEAD}",
            SLOW_HEAD.len()
        );
        let _ = stream.write_all(response.as_bytes()).await;
    }
    let _ = stream.shutdown().await;
    let _ = time::timeout(LINGER, drain(stream)).await;
}

/// Throws away what still comes.
async fn drain(mut stream: TcpStream) {
    let mut scrap = [0; 4096];
    while stream.read(&mut scrap).await.is_ok_and(|count| count > 0) {}
}
