//! The server's answer that opens the connection (RFC 6455 §4.2.2).

use super::error::InvalidField;
use super::token::{is_field_value, is_token};

/// Headers that say what kind of answer this is, or how long it is. An application that could add them could turn the
/// handshake into something else.
const RESERVED: [&str; 8] = [
    "Connection",
    "Content-Length",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Transfer-Encoding",
    "Upgrade",
];

/// Appends a `101 Switching Protocols` to `out`. That the client offered `protocol` is checked by
/// [`super::Upgrade::write_response`], not here.
///
/// # Errors
///
/// [`InvalidField`] when `protocol` is no token, or a name or value in `extra` may not be sent; `out` is unchanged
/// then.
pub fn write_response(
    out: &mut Vec<u8>,
    accept: &[u8; 28],
    protocol: Option<&str>,
    extra: &[(&str, &str)],
) -> Result<(), InvalidField> {
    if protocol.is_some_and(|protocol| !is_token(protocol.as_bytes())) {
        return Err(InvalidField::Protocol);
    }
    extra.iter().try_for_each(|&(name, value)| check_extra(name, value))?;

    // RFC6455-4.2.2-1; and no Sec-WebSocket-Extensions: RFC6455-4.2.2-5.
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    out.extend_from_slice(accept);
    if let Some(protocol) = protocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(protocol.as_bytes());
    }
    for (name, value) in extra {
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
    Ok(())
}

fn check_extra(name: &str, value: &str) -> Result<(), InvalidField> {
    if !is_token(name.as_bytes()) {
        return Err(InvalidField::Name);
    }
    if !is_field_value(value.as_bytes()) {
        return Err(InvalidField::Value);
    }
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err(InvalidField::Reserved);
    }
    Ok(())
}
