//! Sockets that a service manager opened and passed on (`sd_listen_fds(3)`), so that no connection is refused while the node is
//! replaced, and so that it needs no right to a low port.

use std::io;
use std::net::TcpListener;
use std::os::fd::BorrowedFd;

use super::socket;

/// What was passed on; none, where nothing was.
///
/// # Errors
///
/// If what was passed on is no listening TCP socket, or is not described as it should be.
pub(crate) fn listeners() -> io::Result<Vec<TcpListener>> {
    let passed = sd_notify::listen_fds()?;
    let take = |fd| {
        // SAFETY: the service manager opened it for this process before it began, and nobody here closes it: it is copied.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let listener = TcpListener::from(fd.try_clone_to_owned()?);
        let wrong = || {
            io::Error::other(format!(
                "descriptor {fd:?} is no listening TCP socket: ListenStream=ADDRESS:PORT makes one"
            ))
        };
        if socket::is_listening(&listener).unwrap_or(false) { Ok(listener) } else { Err(wrong()) }
    };
    passed.map(take).collect()
}
