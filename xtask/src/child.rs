//! Child processes that cannot outlive us: ended by their own pid when the guard goes, waited for within a bound.
//!
//! If we are killed, the kernel kills them (`sys::bind_child`). Long-running servers are in `server.rs`.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::sys;

/// How often an ending process is looked at: std has no wait with a timeout.
const POLL: Duration = Duration::from_millis(2);

/// A running child process.
pub(crate) struct Guard {
    child: Child,
    name: String,
}

impl Guard {
    /// Starts `command`; with a `core`, bound to it and before other processes there.
    pub(crate) fn spawn(command: &mut Command, core: Option<usize>) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        sys::bind_child(command, core);
        let child = command.spawn().with_context(|| format!("cannot start {name}{}", hint(&name)))?;
        if core.is_some() {
            sys::favour_session(child.id());
        }
        Ok(Self { child, name })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until it has ended by itself, and kills it if it has not within `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                self.kill();
                bail!("{} did not end within {limit:?} and was killed", self.name);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end with SIGTERM; an error if it needs longer than `limit`.
    pub(crate) fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        sys::terminate(self.pid())?;
        self.wait(limit)
    }

    fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What to install when a program is missing.
pub(crate) fn hint(program: &str) -> String {
    let package = match program {
        "valgrind" => "valgrind",
        "perf" => "linux-perf",
        "node" | "npm" => "nodejs npm",
        "chromium" => "chromium",
        "python3" => "python3 python3-pip",
        _ => return String::new(),
    };
    format!(" (if it is missing: apt-get install {package})")
}

/// Whether a program of this name is on the PATH.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs a command to its end within `limit`; an error unless it succeeds.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let status = Guard::spawn(command.stdin(std::process::Stdio::null()), None)?.wait(limit)?;
    if !status.success() {
        bail!("{} failed: {status}", line(command));
    }
    Ok(())
}

/// The command as a person would type it, the program by its own name.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
