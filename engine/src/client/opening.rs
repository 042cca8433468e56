//! How a connection opens: TCP, and for a WebSocket the handshake (RFC 6455 §4.1).

use std::net::{IpAddr, SocketAddr};

use memchr::memmem;

use crate::proto::handshake::InvalidField;
use crate::proto::handshake::client::{self, ClientRequest, ResponseError};

/// A response head longer than this is refused.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Where to connect to.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// The server.
    pub target: SocketAddr,
    /// The address to connect from; the kernel chooses the port. Many addresses allow more than 28,000 connections to
    /// one server.
    pub source: Option<IpAddr>,
    /// What to be when TCP is connected.
    pub mode: OpenAs<'a>,
}

/// What a connection is.
#[derive(Clone, Copy, Debug)]
pub enum OpenAs<'a> {
    /// A WebSocket.
    WebSocket {
        /// The authority for `Host`, such as `localhost:9001`.
        host: &'a str,
        /// Path and query, starting with `/`.
        target: &'a str,
        /// Subprotocols in order of preference; may be empty.
        protocols: &'a [&'a str],
        /// The page's origin, as a browser would send it.
        origin: Option<&'a str>,
    },
    /// Bytes both ways, as they are.
    Raw,
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Opening {
    key: String,
    protocols: Vec<Box<str>>,
    /// Sent when TCP is connected.
    pub(super) request: Vec<u8>,
    /// What came of the response.
    head: Vec<u8>,
}

impl Opening {
    /// `None` for a raw connection.
    pub(super) fn new(mode: OpenAs<'_>, nonce: [u8; 16]) -> Result<Option<Self>, InvalidField> {
        let OpenAs::WebSocket { host, target, protocols, origin } = mode else { return Ok(None) };
        let key = client::encode_key(nonce);
        let mut request = Vec::new();
        client::write_request(&mut request, &ClientRequest { host, target, key: &key, protocols, origin })?;
        let protocols = protocols.iter().map(|&protocol| protocol.into()).collect();
        Ok(Some(Self { key, protocols, request, head: Vec::new() }))
    }

    /// Takes bytes of the response; when its head is whole, how many of them belong to it, and the subprotocol.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Option<(usize, Option<&str>)>, ResponseError> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        // The empty line may have begun in the bytes before.
        let Some(at) = memmem::find(&self.head[before.saturating_sub(3)..], b"\r\n\r\n") else {
            return if self.head.len() > HEAD_BYTES_MAX { Err(ResponseError::Malformed) } else { Ok(None) };
        };
        let head_bytes = before.saturating_sub(3) + at + 4;
        let offered: Vec<&str> = self.protocols.iter().map(AsRef::as_ref).collect();
        let opened = client::check_response(&self.head[..head_bytes], &self.key, &offered)?;
        Ok(Some((head_bytes - before, opened.protocol)))
    }
}
