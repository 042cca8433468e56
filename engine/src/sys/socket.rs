//! Listening sockets: one per shard on the same address, so that the kernel spreads connections.

use std::io;
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// What a listener sets once and every accepted connection inherits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenOptions {
    pub(crate) backlog: u32,
    pub(crate) tcp_nodelay: bool,
    pub(crate) send_buffer_bytes: Option<u32>,
    pub(crate) recv_buffer_bytes: Option<u32>,
    pub(crate) notsent_lowat_bytes: Option<u32>,
}

/// How long a new process waits for the port of one that was just killed: the kernel tears the old rings down late.
const PORT_WAIT: Duration = Duration::from_secs(5);

/// Opens `count` listeners on `addr`. Port 0 picks a free one, the same for all.
///
/// The address is claimed exclusively first: without that, SO_REUSEPORT would let a second server share the port
/// unnoticed, and its clients would reach either.
///
/// # Errors
/// `AddrInUse` when another process still listens after five seconds; whatever `bind(2)` says otherwise.
pub(crate) fn listen_all(
    addr: SocketAddr,
    count: usize,
    options: ListenOptions,
) -> io::Result<(SocketAddr, Vec<OwnedFd>)> {
    // Held until all listen: a free port that was let go of could be somebody else's by then.
    let (_claim, addr) = claim(addr)?;
    let listeners = (0..count).map(|_| listen(addr, options)).collect::<io::Result<Vec<_>>>()?;
    Ok((addr, listeners))
}

/// Waits until nobody listens on `addr`, and returns a socket that is bound to it, and the address with its port filled in.
fn claim(addr: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let deadline = Instant::now() + PORT_WAIT;
    let mut told = false;
    loop {
        let socket = tcp_socket(addr)?;
        set(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        match bind(&socket, addr).and_then(|()| local_addr(&socket)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!("somebody listens on {addr}: waiting {PORT_WAIT:?} for it to end");
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            outcome => return outcome.map(|addr| (socket, addr)),
        }
    }
}

fn listen(addr: SocketAddr, options: ListenOptions) -> io::Result<OwnedFd> {
    let socket = tcp_socket(addr)?;
    set(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    set(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    set_inherited(&socket, options)?;
    bind(&socket, addr)?;
    // SAFETY: no pointers; the descriptor is open.
    check(unsafe { libc::listen(socket.as_raw_fd(), i32::try_from(options.backlog).unwrap_or(i32::MAX)) })?;
    Ok(socket)
}

/// Listeners for `count` shards out of those that are open already: each has one of them, and if they are fewer, several share
/// one, and with it the queue of connections that wait.
///
/// # Errors
/// Whatever `setsockopt(2)` and `fcntl(2)` say.
///
/// # Panics
/// If there is none.
pub(crate) fn share(
    open: &[TcpListener],
    count: usize,
    options: ListenOptions,
) -> io::Result<(SocketAddr, Vec<OwnedFd>)> {
    let addr = open[0].local_addr()?;
    let copies = open.iter().cycle().take(count).map(|listener| listener.as_fd().try_clone_to_owned());
    let listeners = copies.collect::<io::Result<Vec<_>>>()?;
    listeners.iter().try_for_each(|listener| set_inherited(listener, options))?;
    Ok((addr, listeners))
}

/// Whether it accepts connections (`SO_ACCEPTCONN`).
///
/// # Errors
/// If it is no socket.
#[cfg(feature = "node")]
pub(crate) fn is_listening(socket: &impl AsRawFd) -> io::Result<bool> {
    let (mut value, mut len) = (0i32, size_of::<i32>() as libc::socklen_t);
    let (level, name) = (libc::SOL_SOCKET, libc::SO_ACCEPTCONN);
    // SAFETY: both pointers are to locals of the sizes given.
    check(unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len) })?;
    Ok(value != 0)
}

/// Sets what connections have of their listener.
fn set_inherited(socket: &OwnedFd, options: ListenOptions) -> io::Result<()> {
    if options.tcp_nodelay {
        set(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    }
    for (level, name, value) in [
        (libc::SOL_SOCKET, libc::SO_SNDBUF, options.send_buffer_bytes),
        (libc::SOL_SOCKET, libc::SO_RCVBUF, options.recv_buffer_bytes),
        (libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, options.notsent_lowat_bytes),
    ] {
        if let Some(value) = value {
            set(socket, level, name, i32::try_from(value).unwrap_or(i32::MAX))?;
        }
    }
    Ok(())
}

fn tcp_socket(addr: SocketAddr) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: no pointers.
    let fd = check(unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: `fd` was just returned by the kernel and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn set(socket: &OwnedFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let len = size_of::<i32>() as libc::socklen_t;
    // SAFETY: `value` is readable for `len` bytes during the call.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), len) })?;
    Ok(())
}

fn bind(socket: &OwnedFd, addr: SocketAddr) -> io::Result<()> {
    let (storage, len) = to_storage(addr);
    // SAFETY: `storage` holds a socket address of `len` bytes and lives through the call.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const storage).cast(), len) })?;
    Ok(())
}

fn local_addr(socket: &OwnedFd) -> io::Result<SocketAddr> {
    // SAFETY: all zeroes is a valid value of this plain C struct.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: both pointers are to locals of the sizes given.
    check(unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut storage).cast(), &raw mut len) })?;
    from_storage(&storage).ok_or_else(|| io::Error::other("the kernel returned an address of an unknown family"))
}

pub(crate) fn to_storage(addr: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all zeroes is a valid value of this plain C struct.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    match addr {
        SocketAddr::V4(v4) => {
            // SAFETY: `sockaddr_storage` is at least as large and as aligned as every socket address.
            let inet = unsafe { &mut *(&raw mut storage).cast::<libc::sockaddr_in>() };
            inet.sin_family = libc::AF_INET as libc::sa_family_t;
            inet.sin_port = v4.port().to_be();
            inet.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            (storage, size_of::<libc::sockaddr_in>() as libc::socklen_t)
        }
        SocketAddr::V6(v6) => {
            // SAFETY: as above.
            let inet = unsafe { &mut *(&raw mut storage).cast::<libc::sockaddr_in6>() };
            inet.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            inet.sin6_port = v6.port().to_be();
            inet.sin6_addr.s6_addr = v6.ip().octets();
            inet.sin6_scope_id = v6.scope_id();
            (storage, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
        }
    }
}

/// A socket that is about to connect to `target`, from `source` if that matters. TCP_NODELAY is set.
///
/// # Errors
/// Those of `socket(2)`; of `bind(2)` when `source` is no address of this machine.
pub(crate) fn outgoing(target: SocketAddr, source: Option<IpAddr>) -> io::Result<OwnedFd> {
    let socket = tcp_socket(target)?;
    set(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    if let Some(source) = source {
        // The port is chosen by the connect, which knows both ends: else a source address had but one use of each.
        set(&socket, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
        bind(&socket, SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}

/// The address in `storage`; `None` for families other than IPv4 and IPv6.
pub(crate) fn from_storage(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage holds this struct, which fits into it.
            let inet = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(inet.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(inet.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let inet = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(inet.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(inet.sin6_port), 0, inet.sin6_scope_id).into())
        }
        _ => None,
    }
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
