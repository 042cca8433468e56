//! Which listener of a port gets a connection: the one of the core that took in its first packet.
//!
//! The kernel runs a classic BPF program for each new connection on listeners that share a port, and takes its answer for the index
//! of a listener, in the order in which they began to listen; an index that there is not leaves the choice to its hash
//! (socket(7), SO_ATTACH_REUSEPORT_CBPF).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter, sock_fprog};

/// Where a program finds the number of the core that it runs on: `SKF_AD_OFF + SKF_AD_CPU`.
const CPU: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_CPU) as u32;

/// No listener has this index.
const HASH: u32 = u32::MAX;

/// Steers the connections of a port; `listener` is any of its listeners, the *i*-th of which belongs to the core `cores[i]`.
///
/// # Errors
///
/// Those of `setsockopt(2)`.
pub(crate) fn steer(listener: &OwnedFd, cores: &[usize]) -> io::Result<()> {
    let mut program = program(cores);
    let program = sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let len = size_of::<sock_fprog>() as libc::socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF);
    // SAFETY: `program` is readable for `len` bytes, and what it points to for the length it says, during the call.
    let outcome = unsafe { libc::setsockopt(listener.as_raw_fd(), level, name, (&raw const program).cast(), len) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Compares the core with each of them, and answers its index.
fn program(cores: &[usize]) -> Vec<sock_filter> {
    let step = |code: u32, jt: u8, jf: u8, k: u32| sock_filter { code: code as u16, jt, jf, k };
    let answer = |index: u32| step(BPF_RET | BPF_K, 0, 0, index);
    let mut program = vec![step(BPF_LD | BPF_W | BPF_ABS, 0, 0, CPU)];
    for (index, &core) in (0..).zip(cores) {
        program.extend([step(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, core as u32), answer(index)]);
    }
    program.push(answer(HASH));
    program
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use crate::sys::{affinity, bench};

    /// On loopback a packet is taken in on the core that sent it: who is pinned is steered.
    #[test]
    fn connections_come_to_the_listener_of_their_core() {
        let cores = affinity::allowed_cores();
        let (addr, listeners) = bench::listeners(&cores, true).unwrap();
        for (index, &core) in cores.iter().enumerate() {
            let connect = move || {
                assert!(affinity::pin_to(core));
                (0..50).map(|_| TcpStream::connect(addr).unwrap()).collect::<Vec<_>>()
            };
            let clients = std::thread::spawn(connect).join().unwrap();
            listeners[index].set_nonblocking(true).unwrap();
            let accepted = std::iter::from_fn(|| listeners[index].accept().ok()).count();
            // One whose packet came late, from another core's timer, may be elsewhere.
            assert!(accepted >= clients.len() - 2, "{accepted} of {} came to core {core}", clients.len());
            // Those that went elsewhere do not count for the next.
            for listener in &listeners {
                listener.set_nonblocking(true).unwrap();
                while listener.accept().is_ok() {}
            }
        }
    }
}
