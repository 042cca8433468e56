//! The client's half of the opening handshake (RFC 6455 §4.1): what the load generator and the tests open with.
//!
//! No extension is offered, so a server that names one is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::InvalidField;
use super::token::{elements, is_field_value, is_token};
use super::{VERSION, accept_key, parse_key};

const HEADER_COUNT_MAX: usize = 64;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct ClientRequest<'a> {
    /// The authority for `Host`, such as `localhost:9001`.
    pub host: &'a str,
    /// Path and query, starting with `/`.
    pub target: &'a str,
    /// 16 random bytes in base64; [`encode_key`] makes it.
    pub key: &'a str,
    /// Subprotocols in order of preference; may be empty.
    pub protocols: &'a [&'a str],
    /// The page's origin, as a browser would send it.
    pub origin: Option<&'a str>,
}

/// The `Sec-WebSocket-Key` of a nonce, which must be chosen at random for each connection.
pub fn encode_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// Appends the request to `out`.
///
/// # Errors
///
/// [`InvalidField`] when a part of it may not be sent; `out` is unchanged then.
pub fn write_request(out: &mut Vec<u8>, request: &ClientRequest<'_>) -> Result<(), InvalidField> {
    let is_target_byte = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>".contains(&byte);
    if !request.target.starts_with('/') || !request.target.bytes().all(is_target_byte) {
        return Err(InvalidField::Target);
    }
    let values = [Some(request.host), request.origin];
    if request.host.is_empty() || values.iter().flatten().any(|value| !is_field_value(value.as_bytes())) {
        return Err(InvalidField::Value);
    }
    parse_key(request.key.as_bytes()).ok_or(InvalidField::Key)?;
    if request.protocols.iter().any(|protocol| !is_token(protocol.as_bytes())) {
        return Err(InvalidField::Protocol);
    }

    // RFC6455-4.1-1
    for part in ["GET ", request.target, " HTTP/1.1\r\nHost: ", request.host] {
        out.extend_from_slice(part.as_bytes());
    }
    for part in ["\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ", request.key] {
        out.extend_from_slice(part.as_bytes());
    }
    for part in ["\r\nSec-WebSocket-Version: ", VERSION] {
        out.extend_from_slice(part.as_bytes());
    }
    for (index, protocol) in request.protocols.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\r\nSec-WebSocket-Protocol: " } else { b", " });
        out.extend_from_slice(protocol.as_bytes());
    }
    if let Some(origin) = request.origin {
        out.extend_from_slice(b"\r\nOrigin: ");
        out.extend_from_slice(origin.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
    Ok(())
}

/// A connection that the server opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The subprotocol that the server chose.
    pub protocol: Option<&'a str>,
    /// Length of the response's head; what follows are frames.
    pub head_bytes: usize,
}

/// Why a response does not open the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// Not a whole HTTP/1.1 response head, or one with too many headers.
    #[error("the response is not an HTTP/1.1 head")]
    Malformed,
    /// Another status than 101.
    #[error("the server answered {0} rather than 101")]
    Status(u16),
    /// `Upgrade` is not `websocket`.
    #[error("the response lacks 'Upgrade: websocket'")]
    Upgrade,
    /// `Connection` does not list `Upgrade`.
    #[error("the response lacks 'Connection: Upgrade'")]
    Connection,
    /// `Sec-WebSocket-Accept` does not answer our key.
    #[error("Sec-WebSocket-Accept does not answer the key")]
    Accept,
    /// A subprotocol that we did not offer, or more than one.
    #[error("the server chose a subprotocol that was not offered")]
    Protocol,
    /// An extension, though we offered none.
    #[error("the server chose an extension that was not offered")]
    Extension,
}

/// Checks the server's response to a request with `key` and the `offered` subprotocols (§4.1, numbers 1 to 6 at its
/// end). `head` starts at the status line; bytes after the empty line are left alone.
///
/// # Errors
///
/// [`ResponseError`]: the client must fail the connection.
pub fn check_response<'a>(head: &'a [u8], key: &str, offered: &[&str]) -> Result<Opened<'a>, ResponseError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_COUNT_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head_bytes)) = response.parse(head) else {
        return Err(ResponseError::Malformed);
    };
    // RFC6455-4.1-11
    match response.code {
        Some(101) if response.version == Some(1) => {}
        Some(status) if status != 101 => return Err(ResponseError::Status(status)),
        _ => return Err(ResponseError::Malformed),
    }
    let values = |name: &'static str| {
        let headers = response.headers.iter();
        headers.filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let only = |name| single(values(name));
    // RFC6455-4.1-12
    if !only("Upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
        return Err(ResponseError::Upgrade);
    }
    // RFC6455-4.1-13
    let is_upgrade = |element: &[u8]| element.eq_ignore_ascii_case(b"upgrade");
    if !values("Connection").flat_map(elements).any(is_upgrade) {
        return Err(ResponseError::Connection);
    }
    // RFC6455-4.1-14
    if only("Sec-WebSocket-Accept") != Some(&accept_key(key)) {
        return Err(ResponseError::Accept);
    }
    // RFC6455-4.1-15
    if values("Sec-WebSocket-Extensions").next().is_some() {
        return Err(ResponseError::Extension);
    }
    // RFC6455-4.1-16
    let protocol = match values("Sec-WebSocket-Protocol").next() {
        None => None,
        Some(_) => {
            let chosen = only("Sec-WebSocket-Protocol").and_then(|value| str::from_utf8(value).ok());
            Some(chosen.filter(|chosen| offered.contains(chosen)).ok_or(ResponseError::Protocol)?)
        }
    };
    Ok(Opened { protocol, head_bytes })
}

/// The only item, if there is exactly one.
fn single<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}
