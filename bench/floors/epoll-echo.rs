//! The floor under an echo, on epoll: what a connection sends comes back as it came, by one read and one write for each.
//!
//! No protocol, no queues, no timers: what does not fit into a socket at once ends the program. Prints `listening on ADDR` when
//! ready, and ends by signal.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use anyhow::{Context, Result, ensure};

/// Descriptors that one wait may tell of.
const EVENTS: usize = 1024;
/// What is read at once: a message of 16 KiB whole.
const READ_BYTES: usize = 32 * 1024;

fn main() -> Result<()> {
    let listener = ringwire_bench::listen()?;
    listener.set_nonblocking(true)?;
    Floor::new(listener)?.run()
}

struct Floor {
    epoll: OwnedFd,
    listener: TcpListener,
    streams: HashMap<RawFd, TcpStream>,
    /// One for all: it is empty between two connections.
    buffer: Vec<u8>,
}

impl Floor {
    fn new(listener: TcpListener) -> Result<Self> {
        // SAFETY: no pointers; the descriptor, if there is one, is nobody else's.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            ensure!(fd >= 0, "no epoll: {}", std::io::Error::last_os_error());
            OwnedFd::from_raw_fd(fd)
        };
        let floor = Self { epoll, listener, streams: HashMap::new(), buffer: vec![0; READ_BYTES] };
        floor.watch(floor.listener.as_raw_fd())?;
        Ok(floor)
    }

    fn run(&mut self) -> Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        loop {
            // SAFETY: the kernel writes at most as many events as the array has.
            let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), EVENTS as i32, -1) };
            for event in events.iter().take(count.max(0) as usize) {
                let fd = event.u64 as RawFd;
                if fd == self.listener.as_raw_fd() { self.accept()? } else { self.echo(fd)? }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            self.watch(stream.as_raw_fd())?;
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

    fn watch(&self, fd: RawFd) -> Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: fd as u64 };
        // SAFETY: the event lives until the call returns.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        ensure!(result == 0, "epoll takes no more: {}", std::io::Error::last_os_error());
        Ok(())
    }
}
