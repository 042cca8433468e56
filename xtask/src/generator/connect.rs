//! Opens the generator's connections: TCP, then the handshake of RFC 6455 §4 with the RFC's own sample key, or the greeting of
//! a server that knows no WebSockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{Options, Pattern};

/// The sample key and answer of RFC 6455 §1.3: constant, so that the check is one comparison.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// A response head longer than this is none of ours.
const HEAD_BYTES_MAX: usize = 8192;
/// How long one handshake may take; a server under valgrind is slow.
const HANDSHAKE_MAX: Duration = Duration::from_secs(20);

/// Opens all connections, one after the other, and leaves them non-blocking.
pub(super) fn open_all(options: &Options) -> Result<Vec<TcpStream>> {
    (0..options.connections).map(|index| open(options).with_context(|| format!("connection {index}"))).collect()
}

fn open(options: &Options) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(options.connect)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(HANDSHAKE_MAX))?;
    if options.bare && options.pattern == Pattern::Fanout {
        stream.read_exact(&mut [0]).context("no greeting")?;
    } else if !options.bare {
        shake_hands(&mut stream, options.connect, &options.path)?;
    }
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn shake_hands(stream: &mut TcpStream, address: SocketAddr, path: &str) -> Result<()> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    check_head(&read_head(stream)?)
}

/// Byte by byte would cost the server nothing but us a call each; what follows the head must not be lost, and nothing
/// may follow it, since the client speaks first.
fn read_head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut chunk).context("no answer to the handshake")?;
        ensure!(count > 0, "closed during the handshake after {:?}", String::from_utf8_lossy(&head));
        head.extend_from_slice(&chunk[..count]);
        ensure!(head.len() <= HEAD_BYTES_MAX, "the response head does not end");
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn check_head(head: &str) -> Result<()> {
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.split(' ').nth(1) == Some("101"), "the handshake was refused: {status}");
    let accept = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("sec-websocket-accept"));
    match accept {
        Some((_, value)) if value.trim() == ACCEPT => Ok(()),
        Some((_, value)) => bail!("wrong Sec-WebSocket-Accept: {value}"),
        None => bail!("no Sec-WebSocket-Accept in the answer"),
    }
}

/// Reads once. `None`: nothing there now. The peer's end of stream is an error: no server may end these connections.
pub(super) fn read_some(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(0) => bail!("the server closed the connection"),
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error).context("reading"),
    }
}

/// Writes as much as there is room for; how much that was.
pub(super) fn write_some(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("writing"),
        }
    }
    Ok(written)
}
