//! Does once, on a small ring of its own, what a shard does: the only proof that it works here.
//!
//! Each step waits for its completion, a second at the most. The ring is dropped before the memory that it was given,
//! and that memory is leaked rather than freed if the kernel may still write to it.

use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{self, BufRingEntry, DestinationSlot, Fd, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, cqueue, opcode, squeue};

use super::{Features, Step, Trial, Wanted};
use crate::ring::uring::IMPATIENT;
use crate::sys::kernel::{self, Version};

const PATIENCE: Duration = Duration::from_secs(1);
const GROUP: u16 = 0;
const GROUP_INCREMENTAL: u16 = 1;
/// Entries of the second buffer ring, which is registered only to see whether it can be.
const ENTRIES_INCREMENTAL: u16 = 8;
/// The greeting takes one, and its end, of no bytes, needs one too.
const BUFFERS: u16 = 2;
const BUFFER_BYTES: usize = size_of::<Page>() / BUFFERS as usize;
/// Entries of the file table for the rest of the trial where the one wanted is refused.
const SMALL_TABLE: u32 = 8;
const GREETING: &[u8] = b"ringwire";
/// Only what the socket takes of it becomes memory.
const MORE_THAN_A_SOCKET_TAKES: usize = 64 << 20;

/// `user_data` of the operations of the trial.
const ACCEPT: u64 = 1;
const RECV: u64 = 2;
const SEND: u64 = 3;
const CLOSE: u64 = 4;

/// Operations of a shard; what the floor has, and a sandboxed kernel may lack.
const OPERATIONS: [(&str, u8); 9] = [
    ("ACCEPT", opcode::Accept::CODE),
    ("RECV", opcode::Recv::CODE),
    ("SEND", opcode::Send::CODE),
    ("SENDMSG", opcode::SendMsg::CODE),
    ("ASYNC_CANCEL", opcode::AsyncCancel::CODE),
    ("CLOSE", opcode::Close::CODE),
    ("SHUTDOWN", opcode::Shutdown::CODE),
    ("MSG_RING", opcode::MsgRingData::CODE),
    ("TIMEOUT", opcode::Timeout::CODE),
];

/// Runs all steps until one fails.
pub(super) fn run(wanted: &Wanted) -> Trial {
    let mut trial =
        Trial { passed: Vec::new(), failed: None, operations_missing: Vec::new(), features: Features::default() };
    if let Err((step, error)) = steps(wanted, &mut trial) {
        // What the standard library refuses before the kernel does has no number.
        trial.failed = Some((step, error.raw_os_error().unwrap_or(libc::EINVAL)));
    }
    trial
}

fn steps(wanted: &Wanted, trial: &mut Trial) -> Result<(), (Step, io::Error)> {
    let mut ring = setup(wanted.ring_entries).map_err(|error| (Step::Setup, error))?;
    trial.passed.push(Step::Setup);
    trial.operations_missing = operations_missing(&ring).map_err(|error| (Step::Setup, error))?;
    trial.features = features(&ring);

    match ring.submitter().register_files_sparse(wanted.file_table()) {
        Ok(()) => trial.passed.push(Step::FileTable),
        // Too large for the limit: that is reported, and the other steps are tried with a small one.
        Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {
            trial.failed = Some((Step::FileTable, libc::EMFILE));
            ring.submitter().register_files_sparse(SMALL_TABLE).map_err(|error| (Step::FileTable, error))?;
        }
        Err(error) => return Err((Step::FileTable, error)),
    }

    let memory = Memory::new(wanted.recv_buffer_count);
    memory.register(&ring).map_err(|error| (Step::BufferRing, error))?;
    trial.passed.push(Step::BufferRing);
    trial.features.incremental_buffers = memory.register_incremental(&ring);

    let outcome = converse(&mut ring, &memory, trial);
    // Not the other way round: the ring has the memory's address.
    let idle = trial.passed.last() != Some(&Step::Accept);
    drop(ring);
    if !idle {
        // A recv may be armed that we could not see end.
        std::mem::forget(memory);
    }
    outcome
}

fn setup(entries: u32) -> io::Result<IoUring> {
    IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(entries)
}

fn operations_missing(ring: &IoUring) -> io::Result<Vec<&'static str>> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    Ok(OPERATIONS.iter().filter(|(_, code)| !probe.is_supported(*code)).map(|&(name, _)| name).collect())
}

fn features(ring: &IoUring) -> Features {
    let mut probe = Probe::new();
    let probed = ring.submitter().register_probe(&mut probe).is_ok();
    let params = ring.params();
    Features {
        no_sqarray: IoUring::<squeue::Entry, cqueue::Entry>::builder().setup_no_sqarray().build(8).is_ok(),
        fixed_fd_install: probed && probe.is_supported(opcode::FixedFdInstall::CODE),
        bundles: params.is_feature_recvsend_bundle(),
        min_wait: params.is_feature_min_timeout(),
        incremental_buffers: false,
        // The kernel reports it nowhere.
        vectored_send: Version::parse(&kernel::release()).is_some_and(|version| version >= Version::new(6, 17)),
    }
}

/// One connection over loopback: accept it, hear it, answer it, see it end.
fn converse(ring: &mut IoUring, memory: &Memory, trial: &mut Trial) -> Result<(), (Step, io::Error)> {
    let (listener, mut peer) = connect().map_err(|error| (Step::Accept, error))?;
    let slot = accept(ring, &listener).map_err(|error| (Step::Accept, error))?;
    trial.passed.push(Step::Accept);

    recv(ring, memory, &mut peer, slot).map_err(|error| (Step::Recv, error))?;
    // The recv ended before its step counts as passed: `steps` relies on it.
    trial.passed.push(Step::Recv);

    send(ring, &mut peer, slot).map_err(|error| (Step::Send, error))?;
    trial.passed.push(Step::Send);
    Ok(())
}

fn connect() -> io::Result<(TcpListener, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let peer = TcpStream::connect(listener.local_addr()?)?;
    peer.set_read_timeout(Some(PATIENCE))?;
    Ok((listener, peer))
}

fn accept(ring: &mut IoUring, listener: &TcpListener) -> io::Result<Fixed> {
    let accept = opcode::Accept::new(Fd(listener.as_raw_fd()), std::ptr::null_mut(), std::ptr::null_mut())
        .file_index(Some(DestinationSlot::auto_target()))
        .build();
    // SAFETY: the operation refers to no memory, and `listener` outlives the wait for its completion.
    let (slot, _) = unsafe { perform(ring, accept, ACCEPT) }?;
    Ok(Fixed(slot))
}

/// A message and the end from one armed operation.
fn recv(ring: &mut IoUring, memory: &Memory, peer: &mut TcpStream, slot: Fixed) -> io::Result<()> {
    peer.write_all(GREETING)?;
    let recv = opcode::RecvMulti::new(slot, GROUP).build();
    // SAFETY: the buffers of the group lie in `memory`, which `steps` keeps or leaks until the recv has ended.
    let (count, flags) = unsafe { perform(ring, recv, RECV) }?;
    let bid = cqueue::buffer_select(flags).ok_or_else(unexpected)?;
    if !cqueue::more(flags) || memory.lent(bid, count as usize) != GREETING {
        return Err(unexpected());
    }
    peer.shutdown(Shutdown::Write)?;
    let (count, flags) = wait(ring, RECV)?;
    if count != 0 || cqueue::more(flags) { Err(unexpected()) } else { Ok(()) }
}

/// Rule 4: of two impatient sends only the second completes, which is more than the socket takes.
fn send(ring: &mut IoUring, peer: &mut TcpStream, slot: Fixed) -> io::Result<()> {
    let much = ManuallyDrop::new(vec![0; MORE_THAN_A_SOCKET_TAKES]);
    let impatient = |bytes: &[u8]| {
        let send = opcode::Send::new(slot, bytes.as_ptr(), bytes.len() as u32).flags(IMPATIENT).build();
        send.flags(squeue::Flags::SKIP_SUCCESS).user_data(SEND)
    };
    // SAFETY: the bytes are static.
    unsafe { ring.submission().push(&impatient(GREETING)) }.expect("two operations fit");
    // SAFETY: the bytes are freed after the completion only.
    let (count, _) = unsafe { perform(ring, impatient(&much), SEND) }?;
    let taken = GREETING.len() + 1..much.len();
    drop(ManuallyDrop::into_inner(much));
    if !taken.contains(&(count as usize)) {
        return Err(unexpected());
    }
    let mut answer = [0; GREETING.len()];
    peer.read_exact(&mut answer)?;
    // SAFETY: the operation refers to no memory.
    unsafe { perform(ring, opcode::Close::new(slot).build(), CLOSE) }?;
    if answer == GREETING { Ok(()) } else { Err(unexpected()) }
}

/// A completion that is not what the operation promises.
fn unexpected() -> io::Error {
    io::Error::from_raw_os_error(libc::EPROTO)
}

/// Submits one operation and waits for its first completion: its result, which is not negative, and its flags.
///
/// # Safety
///
/// Memory that the operation refers to is valid until its last completion.
unsafe fn perform(ring: &mut IoUring, entry: squeue::Entry, user_data: u64) -> io::Result<(u32, u32)> {
    // SAFETY: the caller's promise.
    unsafe { ring.submission().push(&entry.user_data(user_data)) }.expect("one operation at a time fits");
    wait(ring, user_data)
}

fn wait(ring: &mut IoUring, user_data: u64) -> io::Result<(u32, u32)> {
    let patience = Timespec::from(PATIENCE);
    loop {
        if let Some(completion) = ring.completion().find(|completion| completion.user_data() == user_data) {
            let result = completion.result();
            let result = u32::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))?;
            return Ok((result, completion.flags()));
        }
        match ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&patience)) {
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => {
                return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
}

/// A page as the kernel wants buffer rings to be aligned.
#[derive(Clone, Copy)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

/// The buffer ring, the page that its recv buffers lie in, and a second ring that stays empty. All of it is written by the kernel.
struct Memory {
    entries: u16,
    ring: *mut [Page],
    incremental: *mut Page,
    buffer: *mut Page,
}

impl Memory {
    fn new(entries: u16) -> Self {
        let entries = entries.max(BUFFERS);
        let pages = (usize::from(entries) * size_of::<BufRingEntry>()).div_ceil(size_of::<Page>());
        Self {
            entries,
            ring: Box::into_raw(vec![Page([0; 4096]); pages].into_boxed_slice()),
            incremental: Box::into_raw(Box::new(Page([0; 4096]))),
            buffer: Box::into_raw(Box::new(Page([0; 4096]))),
        }
    }

    fn register(&self, ring: &IoUring) -> io::Result<()> {
        let base = self.ring.cast::<BufRingEntry>();
        // SAFETY: `self.ring` is page-aligned, has room for `entries` entries, and is freed after the ring only.
        unsafe { ring.submitter().register_buf_ring_with_flags(base as u64, self.entries, GROUP, 0) }?;
        for bid in 0..BUFFERS {
            // SAFETY: `entries` is at least `BUFFERS`, and the kernel reads an entry only once the tail says so.
            let entry = unsafe { &mut *base.add(usize::from(bid)) };
            entry.set_addr(self.buffer as u64 + u64::from(bid) * BUFFER_BYTES as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(bid);
        }
        // SAFETY: the tail lies in the first entry's unused field, aligned to 2; the kernel only reads it.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(base).cast_mut()) };
        tail.store(BUFFERS, Ordering::Release);
        Ok(())
    }

    fn register_incremental(&self, ring: &IoUring) -> bool {
        let flags = types::IOU_PBUF_RING_INC as u16;
        let base = self.incremental as u64;
        // SAFETY: `self.incremental` is page-aligned, has room for the entries, and is freed after the ring only.
        unsafe { ring.submitter().register_buf_ring_with_flags(base, ENTRIES_INCREMENTAL, GROUP_INCREMENTAL, flags) }
            .is_ok()
    }

    /// What the kernel wrote, after the completion that said so.
    fn lent(&self, bid: u16, count: usize) -> &[u8] {
        assert!(bid < BUFFERS && count <= BUFFER_BYTES, "no such buffer: {bid}, {count} bytes");
        // SAFETY: within the page; a completion lent these bytes back to us, and they are not given away again.
        unsafe { std::slice::from_raw_parts(self.buffer.cast::<u8>().add(usize::from(bid) * BUFFER_BYTES), count) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: all three came from `Box::into_raw` in `new`, and are freed nowhere else.
        unsafe {
            drop(Box::from_raw(self.ring));
            drop(Box::from_raw(self.incremental));
            drop(Box::from_raw(self.buffer));
        }
    }
}
