//! epoll, as far as the floors on it need it.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use anyhow::{Result, ensure};

/// Descriptors that one wait may tell of.
const EVENTS: usize = 1024;

/// An epoll instance.
pub struct Epoll(OwnedFd);

impl Epoll {
    /// A new one.
    ///
    /// # Errors
    /// When the kernel has none to give.
    pub fn new() -> Result<Self> {
        // SAFETY: no pointers; the descriptor, if there is one, is nobody else's.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            ensure!(fd >= 0, "no epoll: {}", io::Error::last_os_error());
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self(epoll))
    }

    /// Tells from now on when the descriptor can be read.
    ///
    /// # Errors
    /// When the kernel takes no more.
    pub fn watch(&self, fd: RawFd) -> Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: fd as u64 };
        // SAFETY: the event lives until the call returns.
        let result = unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        ensure!(result == 0, "epoll takes no more: {}", io::Error::last_os_error());
        Ok(())
    }

    /// Waits, and returns descriptors that can be read.
    pub fn wait(&self) -> impl Iterator<Item = RawFd> + use<> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: the kernel writes at most as many events as the array has.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), EVENTS as i32, -1) };
        events.into_iter().take(count.max(0) as usize).map(|event| event.u64 as RawFd)
    }
}
