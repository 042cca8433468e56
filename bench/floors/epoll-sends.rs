//! The floor under a fan-out, on epoll: a bare loop of writes, of bytes that are there already.
//!
//! What one connection sends goes to all of them as it came, in one system call for each: what a ring saves. No protocol, no
//! queues, no timers: a write that falls short ends the program. Each connection is greeted with one byte once it is among the
//! receivers. Prints `listening on ADDR` when ready, and ends by signal.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use anyhow::{Context, Result};
use ringwire_bench::epoll::Epoll;

/// What is read at once. Longer input is passed on in parts.
const READ_BYTES: usize = 4096;

fn main() -> Result<()> {
    let listener = ringwire_bench::listen()?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new()?;
    epoll.watch(listener.as_raw_fd())?;
    Floor { epoll, listener, receivers: Vec::new(), buffer: vec![0; READ_BYTES] }.run()
}

struct Floor {
    epoll: Epoll,
    listener: TcpListener,
    receivers: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Floor {
    fn run(&mut self) -> Result<()> {
        loop {
            for fd in self.epoll.wait() {
                if fd == self.listener.as_raw_fd() { self.accept()? } else { self.pass_on(fd)? }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        while let Ok((mut stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            self.epoll.watch(stream.as_raw_fd())?;
            // Who is gone already is found by its read.
            let _ = stream.write_all(b".");
            self.receivers.push(stream);
        }
        Ok(())
    }

    fn pass_on(&mut self, fd: RawFd) -> Result<()> {
        let at = self.receivers.iter().position(|stream| stream.as_raw_fd() == fd);
        let at = at.context("an event of a connection that is gone")?;
        let Ok(count @ 1..) = self.receivers[at].read(&mut self.buffer) else {
            self.receivers.swap_remove(at);
            return Ok(());
        };
        for mut receiver in &self.receivers {
            receiver.write_all(&self.buffer[..count]).context("a write fell short")?;
        }
        Ok(())
    }
}
