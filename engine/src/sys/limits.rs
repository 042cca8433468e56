//! Limits that the kernel puts on this process: descriptors, locked memory, and memory and cores of its control group.
//!
//! Control groups nest, and each level may be tighter than the one inside it, so that the smallest on the way up
//! counts. Both versions are read. A container that shows its own group as the root is covered by that too.

use std::fs;
use std::io;
use std::path::Path;

/// A resource limit; `u64::MAX` means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// In force now; the process may raise it up to `hard`.
    pub(crate) soft: u64,
    /// Only a privileged process may raise it.
    pub(crate) hard: u64,
}

/// `RLIMIT_NOFILE`: descriptors of the process, and the size of each ring's file table.
pub(crate) fn nofile() -> io::Result<Limit> {
    limit(libc::RLIMIT_NOFILE)
}

/// `RLIMIT_MEMLOCK`: bytes that the process may lock. Kernels before 5.12 count rings against it; later ones only
/// registered memory.
pub(crate) fn memlock() -> io::Result<Limit> {
    limit(libc::RLIMIT_MEMLOCK)
}

/// Raises the soft `RLIMIT_NOFILE` to the hard one, which needs no privilege, and returns what is then in force.
pub(crate) fn raise_nofile() -> io::Result<Limit> {
    let Limit { hard, .. } = nofile()?;
    let wanted = libc::rlimit { rlim_cur: hard, rlim_max: hard };
    // SAFETY: `wanted` is a whole `rlimit` that lives across the call; the kernel only reads it.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &wanted) } != 0 {
        return Err(io::Error::last_os_error());
    }
    nofile()
}

fn limit(resource: libc::__rlimit_resource_t) -> io::Result<Limit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a whole `rlimit` that lives across the call; the kernel writes it and keeps no reference.
    if unsafe { libc::getrlimit(resource, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Limit { soft: limit.rlim_cur, hard: limit.rlim_max })
}

/// Bytes of memory that the machine has.
pub(crate) fn physical_memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?;
    kib.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes of memory that the process's control group may use; `None` if it is not limited.
pub(crate) fn cgroup_memory_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    memory_bytes_under(Path::new("/sys/fs/cgroup"), &groups)
}

/// Cores' worth of time that the process's control group may use; `None` if it is not limited.
pub(crate) fn cgroup_cores() -> Option<f64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    cores_under(Path::new("/sys/fs/cgroup"), &groups)
}

/// Version 1 writes "no limit" as the largest page-aligned number.
const UNLIMITED_V1: u64 = 1 << 62;

fn memory_bytes_under(root: &Path, groups: &str) -> Option<u64> {
    let read = |file: &Path| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    match controller(groups, "memory") {
        Some(group) => smallest(&root.join("memory"), group, |dir| read(&dir.join("memory.limit_in_bytes")))
            .filter(|&bytes| bytes < UNLIMITED_V1),
        // "max" is not a number, and so not a limit.
        None => smallest(root, unified(groups)?, |dir| read(&dir.join("memory.max"))),
    }
}

fn cores_under(root: &Path, groups: &str) -> Option<f64> {
    match controller(groups, "cpu") {
        Some(group) => smallest(&root.join("cpu"), group, |dir| {
            let quota = fs::read_to_string(dir.join("cpu.cfs_quota_us")).ok()?;
            let period = fs::read_to_string(dir.join("cpu.cfs_period_us")).ok()?;
            cores(quota.trim(), period.trim())
        }),
        None => smallest(root, unified(groups)?, |dir| {
            let text = fs::read_to_string(dir.join("cpu.max")).ok()?;
            let (quota, period) = text.trim().split_once(' ')?;
            cores(quota, period)
        }),
    }
}

/// Version 1 writes "no limit" as -1, version 2 as "max".
fn cores(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0).then(|| quota as f64 / period as f64)
}

/// Path of the group in version 1's hierarchy of `name`, from a line `4:memory:/path`.
fn controller<'a>(groups: &'a str, name: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|controller| controller == name).then_some(path)
    })
}

/// Path of the group in version 2's one hierarchy.
fn unified(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::"))
}

/// Smallest value of the group and of all that enclose it.
fn smallest<T: PartialOrd>(root: &Path, group: &str, read: impl Fn(&Path) -> Option<T>) -> Option<T> {
    let group = root.join(group.trim_start_matches('/'));
    group.ancestors().take_while(|dir| dir.starts_with(root)).filter_map(read).reduce(|a, b| if b < a { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like `/sys/fs/cgroup` and is removed again.
    struct Tree(std::path::PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("ringwire-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder in the temporary one");
                fs::write(path, text).expect("a file in the temporary folder");
            }
            Self(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("the folder that we made");
        }
    }

    #[test]
    fn the_tightest_group_on_the_way_up_counts() {
        let tree = Tree::new(
            "cgroup2",
            &[("a/b/memory.max", "max\n"), ("a/memory.max", "1048576\n"), ("a/b/cpu.max", "150000 100000\n")],
        );
        assert_eq!(memory_bytes_under(&tree.0, "0::/a/b\n"), Some(1 << 20));
        assert_eq!(cores_under(&tree.0, "0::/a/b\n"), Some(1.5));
        assert_eq!(memory_bytes_under(&tree.0, "0::/elsewhere\n"), None);
    }

    #[test]
    fn version_one_is_read_too() {
        let tree = Tree::new(
            "cgroup1",
            &[
                ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory/x/memory.limit_in_bytes", "4096\n"),
                ("cpu/x/cpu.cfs_quota_us", "-1\n"),
                ("cpu/x/cpu.cfs_period_us", "100000\n"),
            ],
        );
        let groups = "4:memory:/x\n2:cpu,cpuacct:/x\n0::/\n";
        assert_eq!(memory_bytes_under(&tree.0, groups), Some(4096));
        assert_eq!(cores_under(&tree.0, groups), None);
        assert_eq!(memory_bytes_under(&tree.0, "4:memory:/\n"), None, "the largest number means none");
    }

    #[test]
    fn the_soft_limit_of_descriptors_is_raised_to_the_hard_one() {
        let raised = raise_nofile().expect("raising to the hard limit needs no privilege");
        assert_eq!(raised.soft, raised.hard);
        assert!(memlock().expect("a limit").soft > 0);
        assert!(physical_memory_bytes().expect("/proc/meminfo") > 1 << 20);
    }
}
