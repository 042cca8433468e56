//! Processes under load, as /proc and perf see them: the server by its pid, and the generator's own threads.
//!
//! The server is looked at from outside and needs to know nothing of it. CPU time is that of its threads, in nanoseconds; only
//! where threads ended meanwhile it is the process's, which the kernel tells in hundredths of a second.
//!
//! Not here: whose fault a full core is (`report`).

mod perf;
mod procfs;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::time::Instant;

use crate::report::ServerUse;
use perf::Counting;
use procfs::Times;

/// By how much times in ticks may be off between two looks, in seconds.
const ROUNDED: f64 = 0.03;

/// Why a process cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// There is none with this pid.
    #[error("there is no process {pid}: start the server first, and give its pid, which `pidof ringwire` tells")]
    NoProcess {
        /// The pid that was given.
        pid: u32,
    },
    /// It ended while it was watched.
    #[error("process {pid} ended while it was under load")]
    Ended {
        /// Its pid.
        pid: u32,
    },
    /// It may not be looked at.
    #[error("/proc/{pid} cannot be read: {cause}: run as the server's user or as root")]
    Unreadable {
        /// Its pid.
        pid: u32,
        /// What the kernel says.
        cause: io::Error,
    },
}

/// A server that is watched.
#[derive(Debug)]
pub struct Watched {
    pid: u32,
    name: String,
    /// When the process began: another one may get its pid.
    began: u64,
    rss_before: u64,
    rss_peak: u64,
    /// Ready to count when the window begins.
    counting: Result<Counting, String>,
    window: Option<Window>,
}

/// What was read at the beginning of the window.
#[derive(Debug)]
struct Window {
    since: Instant,
    times: Times,
    threads: Vec<(u32, f64)>,
    counting: Result<Counting, String>,
}

impl Watched {
    /// Begins to watch, and notes how much memory the process has. To be called before connections are opened.
    ///
    /// # Errors
    ///
    /// [`WatchError`] when there is no such process, or it may not be looked at.
    pub fn attach(pid: u32) -> Result<Self, WatchError> {
        let times = procfs::times(pid).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => WatchError::NoProcess { pid },
            _ => WatchError::Unreadable { pid, cause },
        })?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
        let rss = procfs::rss(pid).map_err(|cause| WatchError::Unreadable { pid, cause })?;
        let counting = Counting::prepare(pid);
        Ok(Self { pid, name, began: times.began, rss_before: rss, rss_peak: rss, counting, window: None })
    }

    /// Begins the window: CPU time and instructions count from here.
    ///
    /// # Errors
    ///
    /// [`WatchError::Ended`] when the process is gone.
    pub fn begin(&mut self) -> Result<(), WatchError> {
        let used_up = Err("it was counted once".to_owned());
        let counting = std::mem::replace(&mut self.counting, used_up).and_then(Counting::begin);
        let (times, threads) = (self.times()?, procfs::threads(self.pid));
        self.window = Some(Window { since: Instant::now(), times, threads, counting });
        Ok(())
    }

    /// Looks at its memory. To be called a few times a second, so that the peak is found; returns the resident bytes.
    ///
    /// # Errors
    ///
    /// [`WatchError::Ended`] when the process is gone.
    pub fn sample(&mut self) -> Result<u64, WatchError> {
        self.times()?;
        let rss = procfs::rss(self.pid).map_err(|_| WatchError::Ended { pid: self.pid })?;
        self.rss_peak = self.rss_peak.max(rss);
        Ok(rss)
    }

    /// Ends the window, while the connections are still open. See [`ServerUse::per`] for figures per message.
    ///
    /// # Errors
    ///
    /// [`WatchError::Ended`] when the process is gone.
    ///
    /// # Panics
    ///
    /// When no window was begun.
    pub fn finish(mut self) -> Result<ServerUse, WatchError> {
        let window = self.window.take().expect("a window was begun");
        let (now, threads) = (self.times()?, procfs::threads(self.pid));
        let seconds = window.since.elapsed().as_secs_f64();
        let counted = window.counting.and_then(Counting::finish);
        let rss_after = self.sample()?;
        let before: HashMap<u32, f64> = window.threads.into_iter().collect();
        let used = threads.iter().map(|(id, used)| used - before.get(id).unwrap_or(&0.0));
        let (busiest, exact) = used.fold((0.0, 0.0), |(busiest, all), used: f64| (used.max(busiest), all + used));
        let (cpu_seconds, cpu_user_seconds) = cpu(window.times, now, exact);
        Ok(ServerUse {
            pid: self.pid,
            name: self.name,
            cpu_seconds,
            cpu_user_seconds,
            busiest_thread: busiest / seconds.max(1e-9),
            rss_before: self.rss_before,
            rss_after,
            rss_peak: self.rss_peak,
            pss_after: procfs::pss(self.pid),
            instructions_missing: counted.as_ref().err().cloned(),
            instructions: counted.ok(),
            ..ServerUse::default()
        })
    }

    /// The times of this process; one that got its pid meanwhile is another.
    fn times(&self) -> Result<Times, WatchError> {
        let ended = || WatchError::Ended { pid: self.pid };
        procfs::times(self.pid).ok().filter(|times| times.began == self.began && !times.is_zombie).ok_or_else(ended)
    }
}

/// CPU time between two looks, and its part in user space: `exact` is that of the threads that live, unless others that ended
/// used so much that the ticks show it.
fn cpu(before: Times, now: Times, exact: f64) -> (f64, f64) {
    let (user, system) = ((now.user - before.user).max(0.0), (now.system - before.system).max(0.0));
    let ticks = user + system;
    let all = if ticks - exact > ROUNDED { ticks } else { exact.max(0.0) };
    (all, if ticks > 0.0 { all * user / ticks } else { 0.0 })
}

/// The share of a core that the calling thread uses.
#[derive(Debug)]
pub struct ThreadShare {
    since: Instant,
    used: f64,
    waited: f64,
}

impl ThreadShare {
    /// Begins to count.
    pub fn begin() -> Self {
        Self { since: Instant::now(), used: procfs::own_seconds(), waited: procfs::own_seconds_waited() }
    }

    /// The share since the beginning, 0 to 1; to be called on the same thread.
    pub fn so_far(&self) -> f64 {
        (procfs::own_seconds() - self.used) / self.since.elapsed().as_secs_f64().max(1e-9)
    }

    /// The share of the time since the beginning, 0 to 1, in which it waited for a core; to be called on the same thread.
    pub fn waited(&self) -> f64 {
        (procfs::own_seconds_waited() - self.waited) / self.since.elapsed().as_secs_f64().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// A process that does what a test needs, and ends with it.
    struct Other(Child);

    impl Other {
        fn run(script: &str) -> Self {
            let mut command = Command::new("sh");
            Self(command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
        }
    }

    impl Drop for Other {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn spin(time: Duration) {
        let since = Instant::now();
        while since.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_busy_process_is_seen_to_be_busy() {
        let other = Other::run("while :; do :; done");
        let mut watched = Watched::attach(other.0.id()).unwrap();
        watched.begin().unwrap();
        thread::sleep(Duration::from_millis(600));
        assert!(watched.sample().unwrap() > 100_000, "a shell has more than 100 kB");
        let used = watched.finish().unwrap().per(1000, 0);
        // Others may run on the same core: an idle process would have used nothing.
        assert!(used.cpu_seconds > 0.05 && used.busiest_thread > 0.05, "{used:?}");
        assert!(used.cpu_user_seconds <= used.cpu_seconds && used.rss_peak >= used.rss_after, "{used:?}");
        assert!(used.cpu_per_message.unwrap() > 50_000.0 && used.bytes_per_connection.is_none(), "{used:?}");
        assert!(
            used.instructions.is_some() != used.instructions_missing.is_some(),
            "counted, or said why not: {used:?}"
        );
    }

    #[test]
    fn a_process_that_sleeps_uses_nothing() {
        let other = Other::run("read line");
        thread::sleep(Duration::from_millis(100));
        let mut watched = Watched::attach(other.0.id()).unwrap();
        watched.begin().unwrap();
        thread::sleep(Duration::from_millis(300));
        let used = watched.finish().unwrap();
        assert!(used.cpu_seconds < 0.03 && used.busiest_thread < 0.1, "{used:?}");
    }

    /// Where twice as many threads want cores as there are, they wait for each other.
    #[test]
    fn a_thread_knows_how_long_it_waited_for_its_core() {
        let crowded = || {
            let share = ThreadShare::begin();
            spin(Duration::from_millis(100));
            share.waited()
        };
        let count = 2 * thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..count).map(|_| thread::spawn(crowded)).collect();
        let waited: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(waited.iter().sum::<f64>() > 0.1 && waited.iter().all(|share| *share < 1.0), "{waited:?}");
    }

    #[test]
    fn times_are_those_of_threads_unless_some_ended() {
        let times = |user, system| Times { user, system, began: 1, is_zombie: false };
        assert_eq!(cpu(times(1.0, 1.0), times(1.02, 1.02), 0.012), (0.012, 0.006));
        assert_eq!(cpu(times(1.0, 1.0), times(1.0, 1.0), 0.004), (0.004, 0.0));
        let (all, user) = cpu(times(1.0, 1.0), times(1.5, 2.5), 0.7);
        assert!((all - 2.0).abs() < 1e-9 && (user - 0.5).abs() < 1e-9, "a thread that ended used most: {all}, {user}");
    }

    /// Looking for counters takes a while, of which the window must lose nothing.
    #[test]
    fn a_window_begins_at_once() {
        let other = Other::run("read line");
        let mut watched = Watched::attach(other.0.id()).unwrap();
        let asked = (0..3).map(|_| {
            let since = Instant::now();
            watched.begin().unwrap();
            since.elapsed()
        });
        assert!(asked.min() < Some(Duration::from_millis(20)));
    }

    #[test]
    fn a_pid_that_is_not_there_says_how_to_find_one() {
        // Above the largest pid that the kernel gives.
        let error = Watched::attach(1 << 23).unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no process 8388608: start the server first, and give its pid, which `pidof ringwire` tells"
        );
    }

    #[test]
    fn a_server_that_ends_is_noticed() {
        let mut other = Other::run("read line");
        let pid = other.0.id();
        let mut watched = Watched::attach(pid).unwrap();
        watched.begin().unwrap();
        other.0.kill().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while watched.sample().is_ok() {
            assert!(Instant::now() < deadline, "it is still there");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(watched.finish().unwrap_err().to_string(), format!("process {pid} ended while it was under load"));
    }

    #[test]
    fn a_thread_knows_its_own_share() {
        let busy = ThreadShare::begin();
        spin(Duration::from_millis(200));
        // Others may want the same core; an idle thread would have used nothing.
        assert!(busy.so_far() > 0.03, "{}", busy.so_far());
        let idle = thread::spawn(|| {
            let share = ThreadShare::begin();
            thread::sleep(Duration::from_millis(100));
            share.so_far()
        });
        let idle = idle.join().unwrap();
        assert!((0.0..0.02).contains(&idle), "{idle}");
    }
}
