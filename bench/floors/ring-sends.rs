//! The floor under a fan-out: a bare loop of ring sends, of bytes that are there already.
//!
//! What one connection sends goes to all of them as it came, in one send for each, with the ring and the flags that the engine
//! has for it. No protocol, no queues, no timers: a send that falls short ends the program, and so does a full table. Each
//! connection is greeted with one byte once it is among the receivers. Prints `listening on ADDR` when ready, and ends by signal.

use std::net::TcpListener;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail, ensure};
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, Fixed};
use io_uring::{IoUring, opcode};

/// The engine's default of `ring_entries`.
const ENTRIES: u32 = 1024;
/// Connections at most.
const SLOTS: u32 = 16 * 1024;
/// What is read at once. Longer input is passed on in parts.
const RECV_BYTES: usize = 4096;
/// A send takes what fits at once, and less than all of it is a failure.
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_WAITALL;
const GREETING: &[u8] = b".";

fn main() -> Result<()> {
    Floor::new(ringwire_bench::listen()?)?.run()
}

/// What an entry was for, in the upper half of its user data; the slot is in the lower.
const ACCEPT: u64 = 0 << 32;
const RECV: u64 = 1 << 32;
const SEND: u64 = 2 << 32;
const CLOSE: u64 = 3 << 32;

struct Floor {
    ring: IoUring,
    listener: TcpListener,
    /// Slots.
    receivers: Vec<u32>,
    /// What came last, by slot.
    buffers: Vec<[u8; RECV_BYTES]>,
}

impl Floor {
    fn new(listener: TcpListener) -> Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_submit_all();
        builder.setup_cqsize(ENTRIES * 4);
        let plain = builder.clone();
        // NO_SQARRAY came with 6.6; older kernels refuse unknown flags.
        let ring = builder.setup_no_sqarray().build(ENTRIES).or_else(|_| plain.build(ENTRIES))?;
        let registered = ring.submitter().register_files_sparse(SLOTS);
        registered.with_context(|| format!("no table of {SLOTS} descriptors: raise the limit with ulimit -n"))?;
        let buffers = vec![[0; RECV_BYTES]; SLOTS as usize];
        Ok(Self { ring, listener, receivers: Vec::new(), buffers })
    }

    fn run(&mut self) -> Result<()> {
        self.accept()?;
        let mut completions = Vec::new();
        loop {
            self.ring.submit_and_wait(1)?;
            completions.extend(self.ring.completion());
            for entry in completions.drain(..) {
                let (kind, slot) = (entry.user_data() & !0xffff_ffff, entry.user_data() as u32);
                match kind {
                    ACCEPT => self.on_accept(entry.result())?,
                    RECV => self.on_recv(slot, entry.result())?,
                    SEND => bail!("a send to {slot} fell short: {}", entry.result()),
                    _ => {}
                }
            }
        }
    }

    fn on_accept(&mut self, result: i32) -> Result<()> {
        ensure!(result >= 0, "no accept: {}", std::io::Error::from_raw_os_error(-result));
        let slot = result as u32;
        self.receivers.push(slot);
        self.send(slot, GREETING.as_ptr(), GREETING.len())?;
        self.recv(slot)?;
        self.accept()
    }

    /// Sends all before the next recv of this connection, which overwrites the bytes.
    fn on_recv(&mut self, slot: u32, result: i32) -> Result<()> {
        if result <= 0 {
            self.receivers.retain(|&receiver| receiver != slot);
            return self.push(&opcode::Close::new(Fixed(slot)).build().user_data(CLOSE | u64::from(slot)));
        }
        let bytes = self.buffers[slot as usize].as_ptr();
        for index in 0..self.receivers.len() {
            self.send(self.receivers[index], bytes, result as usize)?;
        }
        self.recv(slot)
    }

    fn accept(&mut self) -> Result<()> {
        let accept = opcode::Accept::new(Fd(self.listener.as_raw_fd()), std::ptr::null_mut(), std::ptr::null_mut());
        let slot = Some(io_uring::types::DestinationSlot::auto_target());
        self.push(&accept.file_index(slot).build().user_data(ACCEPT))
    }

    fn recv(&mut self, slot: u32) -> Result<()> {
        let buffer = &mut self.buffers[slot as usize];
        let recv = opcode::Recv::new(Fixed(slot), buffer.as_mut_ptr(), RECV_BYTES as u32);
        self.push(&recv.build().user_data(RECV | u64::from(slot)))
    }

    #[inline]
    fn send(&mut self, slot: u32, bytes: *const u8, length: usize) -> Result<()> {
        let send = opcode::Send::new(Fixed(slot), bytes, length as u32).flags(SEND_FLAGS).build();
        self.push(&send.flags(Flags::SKIP_SUCCESS).user_data(SEND | u64::from(slot)))
    }

    #[inline]
    fn push(&mut self, entry: &Entry) -> Result<()> {
        // SAFETY: recvs write to `buffers`, which never move and live as long as the ring; sends read from there, or from a
        // constant, and are over when they are submitted, because they do not wait; accepts have no memory.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.ring.submit()?;
        }
        Ok(())
    }
}
