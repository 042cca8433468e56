//! The few files of /proc that tell what a process uses.

use std::fs;
use std::io;

/// Ticks per second in which the kernel tells times of processes: its interface has it fixed on the machines we run on.
const TICKS: f64 = 100.0;

/// Times of a process with all its threads, ended ones included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    /// Seconds in user space.
    pub(super) user: f64,
    /// Seconds in the kernel.
    pub(super) system: f64,
    /// When it began, in ticks since the machine did.
    pub(super) began: u64,
    /// It ended, and its parent has not asked how yet.
    pub(super) is_zombie: bool,
}

pub(super) fn times(pid: u32) -> io::Result<Times> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat"))?)
}

/// The fields of proc_pid_stat(5). The name, field 2, is in brackets and may hold anything: they count from its last bracket.
fn parse(stat: &str) -> io::Result<Times> {
    let unknown = || io::Error::new(io::ErrorKind::InvalidData, "it is written in another way than expected");
    let (_, rest) = stat.rsplit_once(')').ok_or_else(unknown)?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).ok_or_else(unknown);
    let ticks = |number| field(number)?.parse::<u64>().map_err(|_| unknown());
    let is_zombie = matches!(*field(3)?, "Z" | "X");
    Ok(Times { user: ticks(14)? as f64 / TICKS, system: ticks(15)? as f64 / TICKS, began: ticks(22)?, is_zombie })
}

/// CPU seconds of each thread that lives, by its id.
pub(super) fn threads(pid: u32) -> Vec<(u32, f64)> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let seconds = tasks.flatten().filter_map(|task| {
        let id = task.file_name().to_str()?.parse().ok()?;
        Some((id, seconds_of(&format!("/proc/{pid}/task/{id}"))?))
    });
    seconds.collect()
}

/// CPU seconds of the calling thread.
pub(super) fn own_seconds() -> f64 {
    seconds_of("/proc/thread-self").unwrap_or(0.0)
}

/// Seconds for which the calling thread could have run, and its core was with others; 0 where the kernel does not tell.
pub(super) fn own_seconds_waited() -> f64 {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = schedstat.split_ascii_whitespace().nth(1).and_then(|nanoseconds| nanoseconds.parse::<u64>().ok());
    waited.map_or(0.0, |nanoseconds| nanoseconds as f64 / 1e9)
}

/// CPU seconds of a thread: in nanoseconds where the kernel keeps them, else in ticks.
fn seconds_of(task: &str) -> Option<f64> {
    let nanoseconds = fs::read_to_string(format!("{task}/schedstat")).ok();
    let nanoseconds = nanoseconds.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    if let Some(nanoseconds) = nanoseconds {
        return Some(nanoseconds as f64 / 1e9);
    }
    let times = parse(&fs::read_to_string(format!("{task}/stat")).ok()?).ok()?;
    Some(times.user + times.system)
}

/// Resident memory, in bytes.
pub(super) fn rss(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    // A process that has ended has no memory, and no line that says so.
    Ok(kibibytes(&status, "VmRSS:").unwrap_or(0))
}

/// Proportional memory, in bytes: what is shared counts in parts. Not every user may read it.
pub(super) fn pss(pid: u32) -> Option<u64> {
    kibibytes(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Pss:")
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_and_spaces_do_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 99 0 0 0 1234 56 0 0 20 0 3 0 98765 1000 20 18446744073709551615";
        let wanted = Times { user: 12.34, system: 0.56, began: 98_765, is_zombie: false };
        assert_eq!(parse(stat).unwrap(), wanted);
        assert!(parse(&stat.replace(") S 1", ") Z 1")).unwrap().is_zombie);
        assert!(parse("7 (a) S 1 2").is_err() && parse("").is_err());
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(kibibytes("Name:\tx\nVmRSS:\t    5120 kB\n", "VmRSS:"), Some(5_242_880));
        assert_eq!(kibibytes("Name:\tx\n", "VmRSS:"), None);
        let pid = std::process::id();
        assert!(rss(pid).unwrap() > 1 << 20 && pss(pid).is_some_and(|pss| pss > 1 << 19));
    }
}
