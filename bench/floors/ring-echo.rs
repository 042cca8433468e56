//! The floor under an echo, on the ring: what a connection sends comes back as it came, from the buffer that it came in.
//!
//! The ring is set up as the engine's is: multishot recvs into a buffer ring, direct descriptors, and sends without a completion
//! on success. No protocol, no queues, no timers: a send that falls short ends the program, and so does a full table. Prints
//! `listening on ADDR` when ready, and ends by signal.

use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, bail, ensure};
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{BufRingEntry, Fd, Fixed};
use io_uring::{IoUring, cqueue, opcode};

/// The engine's defaults of `ring_entries`, `recv_buffer_count` and `recv_buffer_bytes`.
const ENTRIES: u32 = 1024;
const BUFFERS: u16 = 128;
const BUFFER_BYTES: usize = 32 * 1024;
/// Connections at most.
const SLOTS: u32 = 16 * 1024;
/// A send takes what fits at once, and less than all of it is a failure.
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_WAITALL;

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
    buffers: Buffers,
    /// Sent from in this turn; given back when the sends are over.
    lent: Vec<u16>,
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
        let buffers = Buffers::register(&ring)?;
        Ok(Self { ring, listener, buffers, lent: Vec::new() })
    }

    fn run(&mut self) -> Result<()> {
        self.accept()?;
        let mut completions = Vec::new();
        loop {
            self.ring.submit_and_wait(1)?;
            // Sends do not wait, so they were over when they were submitted.
            self.lent.drain(..).for_each(|bid| self.buffers.give_back(bid));
            completions.extend(self.ring.completion());
            for entry in completions.drain(..) {
                let (kind, slot) = (entry.user_data() & !0xffff_ffff, entry.user_data() as u32);
                match kind {
                    ACCEPT => self.on_accept(entry.result())?,
                    RECV => self.on_recv(slot, &entry)?,
                    SEND => bail!("a send to {slot} fell short: {}", entry.result()),
                    _ => {}
                }
            }
        }
    }

    fn on_accept(&mut self, result: i32) -> Result<()> {
        ensure!(result >= 0, "no accept: {}", std::io::Error::from_raw_os_error(-result));
        self.recv(result as u32)?;
        self.accept()
    }

    fn on_recv(&mut self, slot: u32, entry: &cqueue::Entry) -> Result<()> {
        match (entry.result(), cqueue::buffer_select(entry.flags())) {
            (count @ 1.., Some(bid)) => {
                let send = opcode::Send::new(Fixed(slot), self.buffers.start(bid), count as u32).flags(SEND_FLAGS);
                self.push(&send.build().flags(Flags::SKIP_SUCCESS).user_data(SEND | u64::from(slot)))?;
                self.lent.push(bid);
            }
            (result, _) if result == -libc::ENOBUFS => {}
            _ => return self.push(&opcode::Close::new(Fixed(slot)).build().user_data(CLOSE | u64::from(slot))),
        }
        if cqueue::more(entry.flags()) { Ok(()) } else { self.recv(slot) }
    }

    fn accept(&mut self) -> Result<()> {
        let accept = opcode::Accept::new(Fd(self.listener.as_raw_fd()), std::ptr::null_mut(), std::ptr::null_mut());
        let slot = Some(io_uring::types::DestinationSlot::auto_target());
        self.push(&accept.file_index(slot).build().user_data(ACCEPT))
    }

    fn recv(&mut self, slot: u32) -> Result<()> {
        self.push(&opcode::RecvMulti::new(Fixed(slot), 0).build().user_data(RECV | u64::from(slot)))
    }

    #[inline]
    fn push(&mut self, entry: &Entry) -> Result<()> {
        // SAFETY: recvs write to the buffers, which live as long as the ring; sends read from there, and their buffers are given
        // back behind the submit that they are over with; accepts have no memory.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.ring.submit()?;
        }
        Ok(())
    }
}

/// A buffer ring and its memory.
struct Buffers {
    entries: Box<[Page]>,
    memory: Vec<u8>,
    tail: u16,
}

/// The kernel wants the entries on a page of their own.
#[repr(align(4096))]
struct Page {
    #[expect(dead_code, reason = "the kernel reads it")]
    bytes: [u8; 4096],
}

impl Buffers {
    fn register(ring: &IoUring) -> Result<Self> {
        let pages = (usize::from(BUFFERS) * size_of::<BufRingEntry>()).div_ceil(4096);
        let entries: Box<[Page]> = (0..pages).map(|_| Page { bytes: [0; 4096] }).collect();
        // SAFETY: the pages have room for the entries, and live as long as the ring.
        unsafe { ring.submitter().register_buf_ring_with_flags(entries.as_ptr() as u64, BUFFERS, 0, 0)? };
        let mut buffers = Self { entries, memory: vec![0; usize::from(BUFFERS) * BUFFER_BYTES], tail: 0 };
        (0..BUFFERS).for_each(|bid| buffers.give_back(bid));
        Ok(buffers)
    }

    fn start(&mut self, bid: u16) -> *const u8 {
        self.memory[usize::from(bid) * BUFFER_BYTES..].as_ptr()
    }

    fn give_back(&mut self, bid: u16) {
        let address = self.start(bid) as u64;
        let index = usize::from(self.tail % BUFFERS);
        self.tail = self.tail.wrapping_add(1);
        let base = self.entries.as_mut_ptr().cast::<BufRingEntry>();
        // SAFETY: `index < BUFFERS`, so the entry lies in the pages; the kernel reads entries only up to the tail that is stored
        // after them, in the first entry's reserved field.
        unsafe {
            let entry = &mut *base.add(index);
            entry.set_addr(address);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(bid);
            AtomicU16::from_ptr(BufRingEntry::tail(base).cast_mut()).store(self.tail, Ordering::Release);
        }
    }
}
