//! A stream that brings the same bytes forever, and swallows what is written to it.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a read brings at most, as a socket's would.
const READ_BYTES_MAX: usize = 16 * 1024;

pub(super) struct Replay {
    bytes: Vec<u8>,
    at: usize,
    /// How much was written.
    pub(super) written: u64,
}

impl Replay {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0, written: 0 }
    }

    fn next(&mut self, bytes_max: usize) -> &[u8] {
        let start = self.at;
        let end = self.bytes.len().min(start + bytes_max.min(READ_BYTES_MAX));
        self.at = if end == self.bytes.len() { 0 } else { end };
        &self.bytes[start..end]
    }
}

impl Read for Replay {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next(room.len());
        room[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Replay {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Replay {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let bytes_max = room.remaining();
        room.put_slice(self.next(bytes_max));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
