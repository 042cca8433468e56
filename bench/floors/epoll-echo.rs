//! The floor under an echo, on epoll: what a connection sends comes back as it came, by one read and one write for each.
//!
//! No protocol, no queues, no timers: what does not fit into a socket at once ends the program. Prints `listening on ADDR` when
//! ready, and ends by signal.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use anyhow::{Context, Result};
use ringwire_bench::epoll::Epoll;

/// What is read at once: a message of 16 KiB whole.
const READ_BYTES: usize = 32 * 1024;

fn main() -> Result<()> {
    let listener = ringwire_bench::listen()?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new()?;
    epoll.watch(listener.as_raw_fd())?;
    Floor { epoll, listener, streams: HashMap::new(), buffer: vec![0; READ_BYTES] }.run()
}

struct Floor {
    epoll: Epoll,
    listener: TcpListener,
    streams: HashMap<RawFd, TcpStream>,
    /// One for all: it is empty between two connections.
    buffer: Vec<u8>,
}

impl Floor {
    fn run(&mut self) -> Result<()> {
        loop {
            for fd in self.epoll.wait() {
                if fd == self.listener.as_raw_fd() { self.accept()? } else { self.echo(fd)? }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            self.epoll.watch(stream.as_raw_fd())?;
            self.streams.insert(stream.as_raw_fd(), stream);
        }
        Ok(())
    }

    fn echo(&mut self, fd: RawFd) -> Result<()> {
        let stream = self.streams.get_mut(&fd).context("an event of a connection that is gone")?;
        match stream.read(&mut self.buffer) {
            Ok(0) => drop(self.streams.remove(&fd)),
            Ok(count) => stream.write_all(&self.buffer[..count]).context("a write fell short")?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => drop(self.streams.remove(&fd)),
        }
        Ok(())
    }
}
