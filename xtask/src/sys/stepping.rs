//! Counts user-space instructions by running a process one at a time: without hardware counters, and in all its threads.
//!
//! Each step is two switches between us and the process, a few microseconds, so that this is for windows of some million
//! instructions. Unlike valgrind it lets threads block in the kernel independently and hides no vector extension. What it counts
//! as many and a counter as one: each round of a `rep` instruction. The process does not outlive it: a thread that is let go may
//! have a trap pending, which would end it anyway.

use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::checked;

/// A process that is being stepped through.
pub(crate) struct Stepping {
    stop: Arc<AtomicBool>,
    /// The tracer: all ptrace requests must come from one thread.
    tracer: JoinHandle<io::Result<u64>>,
}

impl Stepping {
    /// Begins with all threads that `pid` has. The tracer shares the process's core: that is quicker than waking another.
    pub(crate) fn begin(pid: u32, core: usize) -> io::Result<Self> {
        ignore_wake_ups()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, begun) = channel();
        let told = Arc::clone(&stop);
        let tracer = std::thread::spawn(move || trace(pid, core, &told, &ready));
        match begun.recv() {
            Ok(()) => Ok(Self { stop, tracer }),
            Err(_) => Err(join(tracer).err().unwrap_or_else(|| io::Error::other("the tracer ended"))),
        }
    }

    /// How many instructions the process ran; it is killed.
    pub(crate) fn finish(self) -> io::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        while !self.tracer.is_finished() {
            // Interrupts its wait; again, since it may have been just before it.
            // SAFETY: the thread was not joined yet, so its id is valid; the signal's handler does nothing.
            unsafe { libc::pthread_kill(self.tracer.as_pthread_t(), libc::SIGUSR1) };
            std::thread::sleep(Duration::from_millis(2));
        }
        join(self.tracer)
    }
}

fn join(tracer: JoinHandle<io::Result<u64>>) -> io::Result<u64> {
    tracer.join().unwrap_or_else(|_| Err(io::Error::other("the tracer panicked")))
}

fn trace(pid: u32, core: usize, stop: &AtomicBool, ready: &Sender<()>) -> io::Result<u64> {
    super::pin_to_core(core)?;
    let threads = threads_of(pid)?;
    for &thread in &threads {
        ptrace(libc::PTRACE_SEIZE, thread, libc::PTRACE_O_EXITKILL)?;
        ptrace(libc::PTRACE_INTERRUPT, thread, 0)?;
    }
    // Each stands still once before its first step.
    for _ in &threads {
        wait()?.ok_or(io::ErrorKind::Interrupted)?;
    }
    threads.iter().try_for_each(|&thread| ptrace(libc::PTRACE_SINGLESTEP, thread, 0))?;
    let _ = ready.send(());
    let mut steps = 0;
    while !stop.load(Ordering::Relaxed) {
        let Some((thread, status)) = wait()? else { continue };
        if !libc::WIFSTOPPED(status) {
            return Err(io::Error::other("the server ended while its instructions were counted"));
        }
        let is_step = status >> 8 == libc::SIGTRAP;
        steps += u64::from(is_step);
        let signal = if is_step || status >> 16 != 0 { 0 } else { libc::WSTOPSIG(status) };
        ptrace(libc::PTRACE_SINGLESTEP, thread, signal)?;
    }
    Ok(steps)
}

/// The threads that run code of the process: the kernel's own workers for its rings cannot be traced.
fn threads_of(pid: u32) -> io::Result<Vec<libc::pid_t>> {
    let mut threads = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let entry = entry?;
        let name = std::fs::read_to_string(entry.path().join("comm"))?;
        let id: Option<libc::pid_t> = entry.file_name().to_str().and_then(|name| name.parse().ok());
        threads.extend(id.filter(|_| !name.starts_with("iou-")));
    }
    Ok(threads)
}

fn ptrace(request: libc::c_uint, thread: libc::pid_t, data: libc::c_int) -> io::Result<()> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: none of our requests reads or writes memory of ours.
    let result = unsafe { libc::ptrace(request, thread, nothing, data as libc::c_long) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What became of one of this thread's tracees; children of other threads are left to them. Nothing when a signal came.
fn wait() -> io::Result<Option<(libc::pid_t, libc::c_int)>> {
    let mut status = 0;
    // SAFETY: `status` is live and writable for the length of the call.
    match checked(unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        result => result.map(|thread| Some((thread, status))),
    }
}

/// A handler for SIGUSR1, so that it interrupts a wait and does no more.
fn ignore_wake_ups() -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: all-zero is a valid sigaction: no flags, so that system calls are not restarted, and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: `action` is live, and its handler touches nothing.
    checked(unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) }).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;

    /// Each byte that `cat` reads and writes takes it as many instructions as the next.
    #[test]
    fn more_work_has_more_instructions() {
        let count = |bytes: usize| {
            let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let mut pass = |byte: u8| {
                input.write_all(&[byte]).unwrap();
                output.read_exact(&mut [0]).unwrap();
            };
            pass(0);
            let stepping = Stepping::begin(child.id(), 0).unwrap();
            (0..bytes).for_each(|_| pass(1));
            let steps = stepping.finish().unwrap();
            assert!(!child.wait().unwrap().success());
            steps
        };
        let (few, many) = (count(10), count(100));
        assert!(few >= 100 && (9 * few..=11 * few).contains(&many), "{few} and {many}");
    }
}
