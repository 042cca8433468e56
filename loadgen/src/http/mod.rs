//! HTTP/1.1 as a client of polls and streams speaks it: requests with the least heads, and responses read as they come.
//!
//! Bytes in, parts out: no sockets here. A browser sends some 500 bytes of heads more with each request, so what polling costs on
//! the wire is told rather too low than too high.

mod response;
#[cfg(test)]
mod tests;

pub use response::{Head, Part, ResponseError, ResponseReader};

/// Appends a GET request; `headers` are whole lines, each with its CRLF.
pub fn write_get(out: &mut Vec<u8>, host: &str, target: &str, headers: &[&str]) {
    for part in ["GET ", target, " HTTP/1.1\r\nHost: ", host, "\r\n"].iter().chain(headers).chain(&["\r\n"]) {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A topic's name as it stands in a path: all but letters, digits and `-._~` percent-encoded.
pub fn encoded(name: &str) -> String {
    let bytes = name.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}
