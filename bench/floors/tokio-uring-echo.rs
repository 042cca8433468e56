//! The floor under an echo, on tokio-uring: what a connection sends comes back as it came, one read and one write at a time.
//!
//! It shows what an async runtime over a ring costs: why the engine has none. Prints `listening on ADDR` when ready, and ends by
//! signal.

use std::io;

use anyhow::Result;
use tokio_uring::net::{TcpListener, TcpStream};

/// What is read at once: a message of 16 KiB whole.
const READ_BYTES: usize = 32 * 1024;

fn main() -> Result<()> {
    let listener = ringwire_bench::listen()?;
    tokio_uring::start(async {
        let listener = TcpListener::from_std(listener);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio_uring::spawn(connection(stream));
        }
    })
}

/// A connection that fails ends alone: the generator, which counts what comes back, is the judge.
async fn connection(stream: TcpStream) {
    let _ = echo(stream).await;
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let (outcome, read) = stream.read(buffer).await;
        let count = outcome?;
        if count == 0 {
            return Ok(());
        }
        let bytes = tokio_uring::buf::BoundedBuf::slice(read, ..count);
        let (outcome, written) = stream.write_all(bytes).await;
        outcome?;
        buffer = written.into_inner();
    }
}
