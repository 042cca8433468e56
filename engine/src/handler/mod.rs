//! What an application is to a shard: callbacks, and the view of a connection that they get.

mod conn;
pub(crate) mod handover;
mod limits;
pub(crate) mod local;
mod losses;
pub(crate) mod places;
pub(crate) mod protocols;
pub(crate) mod replays;
mod resume;
pub(crate) mod topics;
pub(crate) mod wheel;

pub use conn::{Conn, ReadyState, SendStatus};
pub(crate) use limits::Limits;
pub(crate) use resume::Plan;
pub use resume::{Replay, Start};
pub use topics::SubscribeError;

use std::io;

use crate::http::{Refusal, Request};
use crate::proto::{CloseCode, Message, ProtocolError};
use crate::topic::error::PublishError;
use crate::topic::history::Position;

/// An application. Every shard has an instance of its own, which never leaves the shard's thread: no locks, no `Sync`.
///
/// Callbacks run between two completions of the shard's ring and must not block. Payloads are borrowed from the recv buffer
/// and end with the callback.
pub trait Handler: 'static {
    /// What the application keeps for each connection; it lives in the connection's slot.
    type Data: Default + 'static;

    /// A client asks for a WebSocket. Accept it, or refuse with a status.
    ///
    /// The request passed the handshake's rules (RFC 6455 §4.2.1), the route's and the origin's.
    ///
    /// # Errors
    /// The refusal that the client gets instead of a 101.
    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<Self::Data>, Refusal> {
        let _ = request;
        Ok(Accept::default())
    }

    /// The connection is open; what is sent from here on follows the handshake's response.
    fn on_open(&mut self, conn: &mut Conn<'_, Self::Data>) {
        let _ = conn;
    }

    /// A whole message arrived, whatever frames it came in.
    fn on_message(&mut self, conn: &mut Conn<'_, Self::Data>, message: Message<'_>);

    /// What became of a publication that was to be acknowledged; `token` is what [`Conn::publish_acknowledged`] was given.
    ///
    /// The position is missing for a topic without history. Not called when the connection is not open any more.
    fn on_published(
        &mut self,
        conn: &mut Conn<'_, Self::Data>,
        token: u64,
        outcome: Result<Option<Position>, PublishError>,
    ) {
        let _ = (conn, token, outcome);
    }

    /// The send queue, after it was above its high mark, fell below its low mark.
    fn on_drain(&mut self, conn: &mut Conn<'_, Self::Data>) {
        let _ = conn;
    }

    /// The connection is over, exactly once for every `on_open`. Nothing can be sent to it any more.
    ///
    /// `code` is the peer's, or ours if we ended it for a violation of the protocol or of its limits; 1005 when the peer's close frame had none
    /// (RFC 6455 §7.1.5), 1006 when there was no close frame.
    fn on_close(&mut self, conn: &mut Conn<'_, Self::Data>, code: CloseCode, reason: &str) {
        let _ = (conn, code, reason);
    }

    /// Something went wrong; `on_close` follows.
    fn on_error(&mut self, conn: &mut Conn<'_, Self::Data>, error: &ConnError) {
        let _ = (conn, error);
    }

    /// The shard stops; no callback follows.
    fn on_terminate(&mut self) {}
}

/// Consent to a connection.
#[derive(Clone, Debug, Default)]
pub struct Accept<D> {
    /// The connection's data.
    pub data: D,
    /// The subprotocol to speak, one of those that the client offered and the route lists. `None` takes the first of the
    /// route's list that the client offered, if any.
    pub protocol: Option<String>,
}

/// Why a connection ended otherwise than by a closing handshake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnError {
    /// The peer broke the protocol or a limit; it was told by a close code.
    #[error("protocol error: {0}")]
    Protocol(#[from] ProtocolError),
    /// The network failed.
    #[error("connection lost: {0}")]
    Io(#[from] io::Error),
    /// The peer closed its end without a close frame.
    #[error("the peer closed the connection without a closing handshake")]
    Truncated,
    /// The peer did not answer a ping, stayed silent past the idle timeout, or did not complete the closing handshake.
    #[error("the peer did not answer in time: {0}")]
    Timeout(&'static str),
}
