//! The kernel's ring.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use io_uring::squeue::Flags;
use io_uring::types::{CancelBuilder, DestinationSlot, Fd, Fixed, Napi, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::alarm::{Alarm, End};
use super::buffers::{self, Buffers};
use super::{Completion, Op, OpKind, Ring, RingCounters, Token, Wait};
use crate::sys::socket;
use crate::sys::waker::Waker;

/// Flags of a send that waits for room.
const PATIENT: i32 = libc::MSG_NOSIGNAL;

/// Flags of a send that does not. `MSG_WAITALL` makes less than all of it a failure, and failures complete though successes do
/// not; the completion has the count of what was taken.
pub(super) const IMPATIENT: i32 = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_WAITALL;

/// How a shard wants its ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UringOptions {
    /// Submission queue entries, a power of two; the completion queue has four times as many.
    pub(crate) entries: u32,
    /// Direct descriptors: connections that the ring can hold.
    pub(crate) descriptors: u32,
    /// Recv buffers, a power of two.
    pub(crate) buffer_count: u16,
    /// Bytes of each recv buffer.
    pub(crate) buffer_bytes: u32,
    /// Accepts in flight, each with its own address buffer.
    pub(crate) accepts: u32,
    /// How long a wait looks for completions before it sleeps.
    pub(crate) busy_poll: Option<Duration>,
}

/// An io_uring instance with its buffers, its listener and its direct descriptors.
pub(crate) struct UringRing {
    ring: IoUring,
    buffers: Buffers,
    accepts: Box<[AcceptEntry]>,
    listener: Option<OwnedFd>,
    /// Addresses that connects refer to until they are submitted; one for each server.
    #[expect(clippy::vec_box, reason = "the kernel reads them where they are, and the list may grow meanwhile")]
    targets: Vec<Box<Target>>,
    waker: Arc<Waker>,
    wake_count: Box<u64>,
    /// Completions taken off the queue before their turn, oldest first; but for sends.
    backlog: VecDeque<Completion>,
    /// The same, of sends.
    sends: VecDeque<Completion>,
    busy_poll: Option<Duration>,
    alarm: Alarm,
    /// Where the kernel reads how long the alarm's op takes.
    alarm_length: Box<Timespec>,
    counters: RingCounters,
}

/// An address to connect to, and as the kernel wants it.
struct Target {
    addr: SocketAddr,
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

/// Where the kernel writes a peer's address.
struct AcceptEntry {
    addr: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl UringRing {
    /// Makes the ring on the calling thread, which alone may use it (`SINGLE_ISSUER`). A client's has no listener.
    ///
    /// # Errors
    /// Those of `io_uring_setup(2)` and `io_uring_register(2)`; the start turns them into advice.
    pub(crate) fn new(options: UringOptions, listener: Option<OwnedFd>, waker: Arc<Waker>) -> io::Result<Self> {
        let ring = build(options.entries)?;
        ring.submitter().register_files_sparse(options.descriptors)?;
        if let Some(time) = options.busy_poll {
            poll_interfaces(&ring, time);
        }
        let buffers = Buffers::register(&ring, options.buffer_count, options.buffer_bytes)?;
        // SAFETY: all zeroes is a valid value of this plain C struct.
        let empty = || AcceptEntry { addr: unsafe { std::mem::zeroed() }, len: 0 };
        Ok(Self {
            ring,
            buffers,
            accepts: (0..options.accepts).map(|_| empty()).collect(),
            listener,
            targets: Vec::new(),
            waker,
            wake_count: Box::new(0),
            backlog: VecDeque::new(),
            sends: VecDeque::new(),
            busy_poll: options.busy_poll,
            alarm: Alarm::default(),
            alarm_length: Box::default(),
            counters: RingCounters::default(),
        })
    }

    /// The descriptor by which other rings wake this one.
    pub(crate) fn fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// Makes `socket` the direct descriptor `slot`, which must be free; the ordinary one is closed.
    ///
    /// # Errors
    /// Those of `IORING_REGISTER_FILES_UPDATE`.
    pub(crate) fn adopt(&mut self, slot: u32, socket: OwnedFd) -> io::Result<()> {
        self.ring.submitter().register_files_update(slot, &[socket.as_raw_fd()]).map(drop)
    }

    /// Asks to connect the direct descriptor `slot`.
    pub(crate) fn push_connect(&mut self, slot: u32, generation: u32, addr: SocketAddr) {
        let index = self.targets.iter().position(|target| target.addr == addr).unwrap_or_else(|| {
            let (storage, len) = socket::to_storage(addr);
            self.targets.push(Box::new(Target { addr, storage, len }));
            self.targets.len() - 1
        });
        let target = &self.targets[index];
        let connect = opcode::Connect::new(Fixed(slot), (&raw const target.storage).cast(), target.len).build();
        self.push_entry(&tagged(connect, OpKind::Connect, slot, generation));
    }

    /// Asks to cancel that; completes as the cancel of a send.
    pub(crate) fn push_cancel_connect(&mut self, slot: u32, generation: u32) {
        self.push_entry(&cancel(OpKind::Connect, OpKind::CancelSend, slot, generation));
    }

    #[inline(always)]
    fn push_entry(&mut self, entry: &squeue::Entry) {
        loop {
            // SAFETY: the memory that entries refer to outlives their ops (rules 1 and 4): recv buffers, accept entries, boxed
            // targets, the alarm's length and the wake counter live as long as this ring; send memory is kept by the arena or
            // queue that lent it, a rest's memory by its connection's decoder.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return;
            }
            self.make_room();
        }
    }

    /// Submits what is queued, and takes completions off their queue so that it cannot fill up meanwhile.
    #[cold]
    fn make_room(&mut self) {
        match self.ring.submit() {
            Ok(_) => {}
            Err(error) if is_transient(&error) => self.counters.retries += 1,
            // Nothing but a broken ring ends here: its descriptor is ours and its memory is mapped.
            Err(error) => panic!("io_uring_enter failed: {error}"),
        }
        for entry in self.ring.completion() {
            let completion = decode(&entry);
            self.counters.buffers_lent += u32::from(completion.bid().is_some());
            let is_send = completion.token.kind() == OpKind::Send;
            if is_send { &mut self.sends } else { &mut self.backlog }.push_back(completion);
        }
    }

    /// Whether everything is submitted, and every completion of it taken: by us, if not by the shard.
    #[inline]
    fn is_reaped(&mut self) -> bool {
        let submission = self.ring.submission();
        let submitted = submission.is_empty() && !submission.cq_overflow();
        drop(submission);
        submitted && self.ring.completion().is_empty()
    }

    #[inline(always)]
    fn entry(&mut self, op: Op) -> squeue::Entry {
        match op {
            Op::Send { slot, generation, bytes, patient } => {
                let (flags, completes) =
                    if patient { (PATIENT, Flags::empty()) } else { (IMPATIENT, Flags::SKIP_SUCCESS) };
                let send = opcode::Send::new(Fixed(slot), bytes.start, bytes.len).flags(flags);
                tagged(send.build().flags(completes), OpKind::Send, slot, generation)
            }
            Op::Recv { slot, generation } => {
                tagged(opcode::RecvMulti::new(Fixed(slot), buffers::GROUP).build(), OpKind::Recv, slot, generation)
            }
            Op::RecvOnce { slot, generation } => {
                let recv = opcode::Recv::new(Fixed(slot), std::ptr::null_mut(), 0).buf_group(buffers::GROUP);
                tagged(recv.build().flags(Flags::BUFFER_SELECT), OpKind::Recv, slot, generation)
            }
            Op::RecvRest { slot, generation, bytes } => {
                tagged(opcode::Recv::new(Fixed(slot), bytes.start, bytes.len).build(), OpKind::Recv, slot, generation)
            }
            Op::CancelRecv { slot, generation } => cancel(OpKind::Recv, OpKind::CancelRecv, slot, generation),
            Op::CancelSend { slot, generation } => cancel(OpKind::Send, OpKind::CancelSend, slot, generation),
            Op::Shutdown { slot, generation } => {
                tagged(opcode::Shutdown::new(Fixed(slot), libc::SHUT_WR).build(), OpKind::Shutdown, slot, generation)
            }
            Op::Close { slot, generation } => {
                tagged(opcode::Close::new(Fixed(slot)).build(), OpKind::Close, slot, generation)
            }
            Op::Accept { entry } => self.accept_entry(entry),
            Op::StopAccepting => self.stop_accepting_entry(),
            Op::ListenForWake => {
                let read = opcode::Read::new(Fd(self.waker.fd()), (&raw mut *self.wake_count).cast(), 8);
                tagged(read.build(), OpKind::Wake, 0, 0)
            }
            Op::WakeShard { ring } => {
                let wake = Token::new(OpKind::Wake, 1, 0);
                tagged(opcode::MsgRingData::new(Fd(ring), 0, wake.bits(), None).build(), OpKind::WakeShard, 0, 0)
            }
        }
    }

    fn accept_entry(&mut self, entry: u32) -> squeue::Entry {
        let listener = self.listener.as_ref().expect("no accept is asked for after StopAccepting");
        let address = &mut self.accepts[entry as usize];
        address.len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        let accept =
            opcode::Accept::new(Fd(listener.as_raw_fd()), (&raw mut address.addr).cast(), &raw mut address.len)
                .file_index(Some(DestinationSlot::auto_target()));
        tagged(accept.build(), OpKind::Accept, entry, 0)
    }

    fn stop_accepting_entry(&mut self) -> squeue::Entry {
        let listener = self.listener.as_ref().expect("accepting is stopped once");
        let cancel = opcode::AsyncCancel2::new(CancelBuilder::fd(Fd(listener.as_raw_fd())).all()).build();
        tagged(cancel, OpKind::StopAccepting, 0, 0)
    }

    /// The wait of this length, with a limit of its own only if no alarm ends it.
    fn arm(&mut self, timeout: Duration) -> Wait {
        match self.alarm.end(Instant::now(), timeout) {
            End::Own => return Wait::One(Some(timeout)),
            End::Standing => {}
            End::New(length) => {
                *self.alarm_length = timespec(length);
                let alarm = opcode::Timeout::new(&raw const *self.alarm_length).build();
                self.push_entry(&tagged(alarm, OpKind::Alarm, 0, 0));
            }
        }
        Wait::One(None)
    }

    /// Submits, and looks for completions until there are some, or `time` is over; whether there are. What the kernel has to do for
    /// them it says in the ring, so that looking needs no system call.
    fn look(&mut self, time: Duration) -> io::Result<bool> {
        let begin = Instant::now();
        self.enter(Wait::No)?;
        loop {
            if !self.ring.completion().is_empty() {
                return Ok(true);
            }
            if self.ring.submission().taskrun() {
                self.enter(Wait::No)?;
            } else if begin.elapsed() >= time {
                return Ok(false);
            }
            std::hint::spin_loop();
        }
    }

    fn enter(&mut self, wait: Wait) -> io::Result<()> {
        let submitter = self.ring.submitter();
        let outcome = match wait {
            Wait::No => submitter.submit(),
            Wait::One(None) => submitter.submit_and_wait(1),
            Wait::One(Some(timeout)) => {
                let timeout = timespec(timeout);
                submitter.submit_with_args(1, &SubmitArgs::new().timespec(&timeout))
            }
            Wait::Window { count, window } => {
                let timeout = timespec(window);
                submitter.submit_with_args(count as usize, &SubmitArgs::new().timespec(&timeout))
            }
        };
        match outcome {
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(()),
            Err(error) if is_transient(&error) => {
                self.counters.retries += 1;
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }
}

impl Ring for UringRing {
    // The op's kind is known where this is called: inlined, the match below is gone.
    #[inline(always)]
    fn push(&mut self, op: Op) {
        let entry = self.entry(op);
        self.push_entry(&entry);
        if matches!(op, Op::StopAccepting) {
            // The SQE names the listener by descriptor: it must be submitted before that is closed, and a submit may fail.
            while !self.ring.submission().is_empty() {
                self.make_room();
            }
            self.listener = None;
        }
    }

    fn submit(&mut self, wait: Wait) -> io::Result<()> {
        let wait = if let Wait::One(Some(timeout)) = wait { self.arm(timeout) } else { wait };
        // After that: room for the alarm may have to be made.
        let wait = if self.backlog.is_empty() && self.sends.is_empty() { wait } else { Wait::No };
        if self.ring.submission().cq_overflow() {
            self.counters.overflows += 1;
        }
        if let (Some(time), Wait::One(timeout)) = (self.busy_poll, wait)
            && self.look(timeout.map_or(time, |timeout| time.min(timeout)))?
        {
            return Ok(());
        }
        self.enter(wait)
    }

    fn on_alarm(&mut self) {
        // One that failed, for want of memory, must not be relied on.
        self.alarm = Alarm::default();
    }

    #[inline]
    fn next_completion(&mut self) -> Option<Completion> {
        if !self.backlog.is_empty() {
            return self.backlog.pop_front();
        }
        let completion = decode(&self.ring.completion().next()?);
        self.counters.buffers_lent += u32::from(completion.bid().is_some());
        Some(completion)
    }

    #[inline]
    fn next_send(&mut self) -> Option<Completion> {
        while !self.is_reaped() {
            self.make_room();
        }
        self.sends.pop_front()
    }

    #[inline]
    fn buffer(&mut self, bid: u16, len: usize) -> &mut [u8] {
        self.buffers.slice(bid, len)
    }

    #[inline]
    fn give_back(&mut self, bid: u16) {
        self.counters.buffers_lent -= 1;
        self.buffers.give_back(bid);
    }

    fn peer_addr(&self, entry: u32) -> Option<SocketAddr> {
        socket::from_storage(&self.accepts[entry as usize].addr)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn counters(&self) -> RingCounters {
        self.counters
    }
}

/// Has the kernel poll the interfaces that connections came by while a shard waits. Kernels before 6.9 cannot, and a network without
/// such interfaces gains nothing: neither is a reason not to start.
fn poll_interfaces(ring: &IoUring, time: Duration) {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    let mut napi = Napi::new().set_busy_poll_timeout(micros).set_prefer_busy_poll(true);
    if let Err(error) = ring.submitter().register_napi(&mut napi) {
        tracing::debug!(%error, "the kernel does not poll network interfaces for io_uring");
    }
}

fn build(entries: u32) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_submit_all();
    builder.setup_cqsize(entries * 4).dontfork();
    let plain = builder.clone();
    // NO_SQARRAY came with 6.6; older kernels refuse unknown flags.
    builder.setup_no_sqarray().build(entries).or_else(|_| plain.build(entries))
}

/// The cancel of an op by its `user_data`, which the kernel looks up. By descriptor it would look at every op of the ring, and
/// the end of very many connections would take a time that grows with their square.
#[inline(always)]
fn cancel(op: OpKind, kind: OpKind, slot: u32, generation: u32) -> squeue::Entry {
    let op = Token::new(op, slot, generation);
    tagged(opcode::AsyncCancel::new(op.bits()).build(), kind, slot, generation)
}

#[inline(always)]
fn tagged(entry: squeue::Entry, kind: OpKind, slot: u32, generation: u32) -> squeue::Entry {
    entry.user_data(Token::new(kind, slot, generation).bits())
}

#[inline]
fn decode(entry: &cqueue::Entry) -> Completion {
    Completion { token: Token::from_bits(entry.user_data()), result: entry.result(), flags: entry.flags() }
}

/// Rule 7: reap, then try again.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY))
}

fn timespec(duration: Duration) -> Timespec {
    Timespec::new().sec(duration.as_secs()).nsec(duration.subsec_nanos())
}
