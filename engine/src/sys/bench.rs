//! What a bench, and the test beside, may do with listeners: those of a server whose shards are its own threads.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::socket::{ListenOptions, listen_all};
use super::steering;

/// One listener for each of `cores`, all on one port of the loopback interface; with `steered`, each gets the connections of its core.
///
/// # Errors
///
/// As the kernel answers.
#[cfg_attr(not(feature = "sim"), expect(unreachable_pub, reason = "exported with the feature alone"))]
pub fn listeners(cores: &[usize], steered: bool) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let options = ListenOptions {
        backlog: 1024,
        tcp_nodelay: true,
        send_buffer_bytes: None,
        recv_buffer_bytes: None,
        notsent_lowat_bytes: None,
    };
    let (addr, listeners) = listen_all(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), cores.len(), options)?;
    if steered {
        steering::steer(&listeners[0], cores)?;
    }
    Ok((addr, listeners.into_iter().map(Into::into).collect()))
}
