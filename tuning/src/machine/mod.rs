//! What a machine is: cores, memory, limits, network interfaces. Read once, from files.
//!
//! Not here: what is to be changed (`target`).

pub mod topology;

use std::io;
use std::path::Path;

use crate::amount::{Facts, parse_list};
use crate::profile::Limit;
use crate::system::System;

/// A machine, as far as settings depend on it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Cores that this process may use, by number.
    pub cores: Vec<usize>,
    /// Memory, in bytes: the machine's, or the container's if it has less.
    pub memory_bytes: u64,
    /// The kernel's release.
    pub kernel: String,
    /// Changes with each start of the machine.
    pub boot_id: String,
    /// Most open files of this process (hard limit).
    pub nofile: u64,
    /// Most locked bytes of this process (hard limit).
    pub memlock: u64,
    /// Parameters that the kernel was started with.
    pub boot_line: String,
    /// Network interfaces that have hardware, or something that plays it, behind them.
    pub interfaces: Vec<Interface>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Receive queues, by their folders' names.
    pub rx: Vec<String>,
    /// Transmit queues, by their folders' names.
    pub tx: Vec<String>,
    /// Its interrupts.
    pub irqs: Vec<String>,
}

impl Machine {
    /// Reads what there is.
    ///
    /// # Errors
    ///
    /// If `/proc` is not there, or is not what it should be.
    pub fn read(system: &impl System) -> io::Result<Self> {
        let read = |path: &str| -> io::Result<String> {
            let text = system.read(Path::new(path));
            text.map(|text| text.trim().to_owned())
                .map_err(|error| io::Error::new(error.kind(), format!("cannot read {path}: {error}")))
        };
        let limits = read("/proc/self/limits")?;
        let status = read("/proc/self/status")?;
        let cores = row(&status, "Cpus_allowed_list:").and_then(parse_list).filter(|cores| !cores.is_empty());
        Ok(Self {
            cores: cores.ok_or_else(|| strange("/proc/self/status"))?,
            memory_bytes: memory(system, &read("/proc/meminfo")?).ok_or_else(|| strange("/proc/meminfo"))?,
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
            boot_id: read("/proc/sys/kernel/random/boot_id").unwrap_or_default(),
            nofile: hard_limit(&limits, Limit::Nofile).ok_or_else(|| strange("/proc/self/limits"))?,
            memlock: hard_limit(&limits, Limit::Memlock).ok_or_else(|| strange("/proc/self/limits"))?,
            boot_line: read("/proc/cmdline").unwrap_or_default(),
            interfaces: interfaces(system),
        })
    }

    /// What amounts are computed from.
    pub fn facts(&self, connections: u64) -> Facts {
        Facts {
            connections,
            cores: self.cores.clone(),
            memory_bytes: self.memory_bytes,
            page_bytes: rustix::param::page_size() as u64,
            descriptors: self.nofile,
        }
    }

    /// What this process may have at most.
    pub fn limit(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Nofile => self.nofile,
            Limit::Memlock => self.memlock,
        }
    }
}

fn strange(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{path} is not as the kernel writes it"))
}

fn row<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn hard_limit(limits: &str, limit: Limit) -> Option<u64> {
    match row(limits, limit.row())?.split_whitespace().nth(1)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn memory(system: &impl System, meminfo: &str) -> Option<u64> {
    let machine: u64 = row(meminfo, "MemTotal:")?.split_whitespace().next()?.parse().ok()?;
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .filter_map(|path| system.read(Path::new(path)).ok()?.trim().parse().ok())
        .min();
    Some((machine * 1024).min(container.unwrap_or(u64::MAX)))
}

fn interfaces(system: &impl System) -> Vec<Interface> {
    let all = Path::new("/sys/class/net");
    let physical = system.list(all).into_iter().filter(|name| system.exists(&all.join(name).join("device")));
    let read = |name: String| {
        let folder = all.join(&name);
        let queues = system.list(&folder.join("queues"));
        let of = |kind: &str| {
            let mut named: Vec<String> = queues.iter().filter(|queue| queue.starts_with(kind)).cloned().collect();
            // In the order of their numbers: rx-10 comes after rx-9.
            named.sort_by_key(|queue| (queue.len(), queue.clone()));
            named
        };
        // A virtio device is the child of the one that has the interrupts.
        let own = system.list(&folder.join("device/msi_irqs"));
        let irqs = if own.is_empty() { system.list(&folder.join("device/../msi_irqs")) } else { own };
        Interface { rx: of("rx-"), tx: of("tx-"), irqs, name }
    };
    physical.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn a_machine_is_read_from_its_files() {
        let mut fake = Fake::server();
        let machine = Machine::read(&fake).unwrap();
        assert_eq!((machine.cores.as_slice(), machine.nofile, machine.memlock), (&[0, 1][..], 20_000, 8 << 20));
        assert_eq!(machine.memory_bytes, 24_650_752 * 1024);
        assert_eq!(machine.interfaces.len(), 1, "lo has no device");
        assert_eq!(machine.interfaces[0].irqs, ["24", "25"]);
        fake.files.insert("/sys/fs/cgroup/memory.max".into(), "1073741824\n".into());
        assert_eq!(Machine::read(&fake).unwrap().memory_bytes, 1 << 30, "the container's limit counts");
        fake.files.insert("/sys/fs/cgroup/memory.max".into(), "max\n".into());
        assert_eq!(Machine::read(&fake).unwrap().memory_bytes, 24_650_752 * 1024);
    }

    #[test]
    fn this_machine_is_read() {
        let machine = Machine::read(&crate::system::Real::below("/")).unwrap();
        assert!(!machine.cores.is_empty() && machine.memory_bytes > 1 << 20 && machine.nofile > 0);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let mut fake = Fake::server();
        fake.files.remove(Path::new("/proc/meminfo"));
        assert!(Machine::read(&fake).unwrap_err().to_string().contains("/proc/meminfo"));
    }
}
