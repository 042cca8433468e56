//! The few system calls that std does not offer: CPU clocks of other processes, affinity, signals and epoll.
//!
//! All of the tools' `unsafe` is here and below, each block one call with a checked result. Nothing here knows what is measured.

pub(crate) mod stepping;

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// CPU time, user and kernel, that all threads of a process have used, ended ones included.
pub(crate) fn process_cpu_time(pid: u32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: `clock` is a live, writable clockid_t for the length of the call.
    let failed = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed));
    }
    read_clock(clock)
}

/// CPU time, user and kernel, of the calling thread.
pub(crate) fn thread_cpu_time() -> io::Result<Duration> {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn read_clock(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a live, writable timespec for the length of the call.
    checked(unsafe { libc::clock_gettime(clock, &mut time) })?;
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Binds the calling thread, and what it spawns later, to one core.
pub(crate) fn pin_to_core(core: usize) -> io::Result<()> {
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no core {core}")));
    }
    // SAFETY: cpu_set_t is a plain array of integers, for which all-zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `core` is below CPU_SETSIZE, checked above, so the bit lies within the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is live and its true size is given.
    checked(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) }).map(drop)
}

/// How far before everything else a measured process is put, where that is permitted.
const NICE: i32 = -15;

/// Has the child die with us, however we end. With a `core`, it is measured: bound to that core from its first instruction,
/// and put before other processes there, since what shares its core shows in its figures.
pub(crate) fn bind_child(command: &mut Command, core: Option<usize>) {
    let setup = move || {
        // SAFETY: PR_SET_PDEATHSIG takes one integer and touches no memory.
        checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) })?;
        if let Some(core) = core {
            // SAFETY: setsid and setpriority take integers at the most. Without the permission setpriority changes nothing.
            unsafe {
                libc::setsid();
                libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
            }
            pin_to_core(core)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec `setup` makes four system calls and allocates only to report a core out of range.
    unsafe { command.pre_exec(setup) };
}

/// Puts a process that leads a session of its own before others, where the kernel weighs sessions (autogroups) and not
/// processes. Without the permission, or without autogroups, nothing changes.
pub(crate) fn favour_session(pid: u32) {
    let _ = std::fs::write(format!("/proc/{pid}/autogroup"), NICE.to_string());
}

/// Sends SIGTERM to a process that we started and have not waited for yet.
pub(crate) fn terminate(pid: u32) -> io::Result<()> {
    signal(pid, libc::SIGTERM)
}

/// Sends SIGINT, which ends `perf stat` with its report.
pub(crate) fn interrupt(pid: u32) -> io::Result<()> {
    signal(pid, libc::SIGINT)
}

fn signal(pid: u32, number: libc::c_int) -> io::Result<()> {
    // SAFETY: kill takes two integers and touches no memory of ours.
    checked(unsafe { libc::kill(pid as libc::pid_t, number) }).map(drop)
}

/// Raises the soft limit of open files to the hard one; returns what is allowed now.
pub(crate) fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a live, writable rlimit for the length of the call.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is a live rlimit for the length of the call.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })?;
    Ok(limit.rlim_cur)
}

/// A level-triggered epoll set of connections, each known by its index.
pub(crate) struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    pub(crate) fn new(events_max: usize) -> io::Result<Self> {
        // SAFETY: epoll_create1 takes a flag and touches no memory of ours.
        let raw = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: `raw` was just made, is open, and nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(Self { fd, events: vec![libc::epoll_event { events: 0, u64: 0 }; events_max.max(1)] })
    }

    /// Watches `socket` for input; with `output`, for room to write as well.
    pub(crate) fn add(&self, socket: &impl AsRawFd, index: usize) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, index, false)
    }

    /// Starts or stops watching for room to write.
    pub(crate) fn watch_output(&self, socket: &impl AsRawFd, index: usize, output: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket, index, output)
    }

    fn control(&self, operation: libc::c_int, socket: &impl AsRawFd, index: usize, output: bool) -> io::Result<()> {
        let interest = if output { libc::EPOLLIN | libc::EPOLLOUT } else { libc::EPOLLIN };
        let mut event = libc::epoll_event { events: interest as u32, u64: index as u64 };
        // SAFETY: both descriptors are open, and `event` is live for the length of the call.
        checked(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, socket.as_raw_fd(), &mut event) }).map(drop)
    }

    /// Waits for at most `timeout`, and yields the indices that are ready. A signal counts as nothing ready.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<impl Iterator<Item = usize> + use<'_>> {
        let milliseconds = timeout.as_millis().min(i32::MAX as u128) as libc::c_int;
        // SAFETY: the kernel writes at most `events.len()` entries into the live, writable `events`.
        let result = checked(unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                milliseconds,
            )
        });
        let count = match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            other => other? as usize,
        };
        Ok(self.events[..count].iter().map(|event| event.u64 as usize))
    }
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
