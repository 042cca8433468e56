//! A machine of files in memory that behaves as the kernel does, and can be killed at any step.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::System;

/// Files by their paths; settings of interfaces by `ethtool/INTERFACE/KEY`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fake {
    pub(crate) files: BTreeMap<PathBuf, String>,
    /// Steps that change something, so far.
    pub(crate) steps: usize,
    /// The process dies in this step: a file of ours is half written then, and nothing happens any more.
    pub(crate) dies_at: Option<usize>,
    /// The kernel refuses to write this file.
    pub(crate) refuses: Option<PathBuf>,
    /// Nothing may be written: not root.
    pub(crate) read_only: bool,
}

impl Fake {
    /// A small server: two cores with two nodes' worth of files, one interface with two queues.
    pub(crate) fn server() -> Self {
        let mut fake = Self::default();
        for (path, text) in SERVER {
            fake.files.insert(path.into(), format!("{text}\n"));
        }
        fake
    }

    /// Counts a step, and dies in it if that is its fate.
    fn step(&mut self) -> io::Result<()> {
        if self.dies_at.is_some_and(|at| self.steps >= at) {
            return Err(io::Error::other("killed"));
        }
        self.steps += 1;
        Ok(())
    }
}

const SERVER: &[(&str, &str)] = &[
    ("/proc/meminfo", "MemTotal:       24650752 kB\nMemAvailable:   24000000 kB"),
    ("/proc/self/status", "Name:\tringwire-tune\nCpus_allowed_list:\t0-1"),
    (
        "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max locked memory         8388608              8388608              bytes     \n\
         Max open files            1024                 20000                files     ",
    ),
    ("/proc/cmdline", "ro quiet"),
    ("/proc/sys/kernel/osrelease", "6.18.0"),
    ("/proc/sys/kernel/random/boot_id", "6b0c8a1e"),
    ("/proc/sys/kernel/io_uring_disabled", "0"),
    ("/proc/sys/kernel/numa_balancing", "1"),
    ("/proc/sys/kernel/nmi_watchdog", "1"),
    ("/proc/sys/kernel/timer_migration", "1"),
    ("/proc/sys/fs/nr_open", "1048576"),
    ("/proc/sys/fs/file-max", "200000"),
    ("/proc/sys/vm/swappiness", "60"),
    ("/proc/sys/net/core/somaxconn", "4096"),
    ("/proc/sys/net/core/netdev_max_backlog", "1000"),
    ("/proc/sys/net/core/netdev_budget", "300"),
    ("/proc/sys/net/core/busy_poll", "0"),
    ("/proc/sys/net/core/busy_read", "0"),
    ("/proc/sys/net/core/rps_sock_flow_entries", "0"),
    ("/proc/sys/net/core/rmem_max", "212992"),
    ("/proc/sys/net/core/wmem_max", "212992"),
    ("/proc/sys/net/ipv4/tcp_max_syn_backlog", "1024"),
    ("/proc/sys/net/ipv4/tcp_mem", "282000\t376000\t564000"),
    ("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456"),
    ("/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
    ("/proc/sys/net/ipv4/tcp_notsent_lowat", "4294967295"),
    ("/proc/sys/net/ipv4/tcp_slow_start_after_idle", "1"),
    ("/proc/sys/net/ipv4/tcp_fastopen", "1"),
    ("/proc/sys/net/ipv4/tcp_tw_reuse", "2"),
    ("/proc/sys/net/ipv4/tcp_keepalive_time", "7200"),
    ("/proc/sys/net/ipv4/tcp_autocorking", "1"),
    ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999"),
    ("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"),
    ("/sys/devices/system/cpu/smt/control", "on"),
    ("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0"),
    ("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1"),
    ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "schedutil"),
    ("/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "schedutil"),
    ("/sys/devices/system/cpu/cpu0/cpuidle/state0/latency", "0"),
    ("/sys/devices/system/cpu/cpu0/cpuidle/state0/disable", "0"),
    ("/sys/devices/system/cpu/cpu0/cpuidle/state1/latency", "170"),
    ("/sys/devices/system/cpu/cpu0/cpuidle/state1/disable", "0"),
    ("/sys/devices/system/cpu/cpufreq/boost", "1"),
    ("/sys/class/net/lo/queues/rx-0/rps_cpus", "0"),
    ("/sys/class/net/eth0/device/uevent", "DRIVER=virtio_net"),
    ("/sys/class/net/eth0/device/msi_irqs/24", "msix"),
    ("/sys/class/net/eth0/device/msi_irqs/25", "msix"),
    ("/sys/class/net/eth0/queues/rx-0/rps_cpus", "0"),
    ("/sys/class/net/eth0/queues/rx-1/rps_cpus", "0"),
    ("/sys/class/net/eth0/queues/rx-0/rps_flow_cnt", "0"),
    ("/sys/class/net/eth0/queues/rx-1/rps_flow_cnt", "0"),
    ("/sys/class/net/eth0/queues/tx-0/xps_cpus", "0"),
    ("/sys/class/net/eth0/queues/tx-1/xps_cpus", "0"),
    ("/sys/class/net/eth0/napi_defer_hard_irqs", "0"),
    ("/sys/class/net/eth0/gro_flush_timeout", "0"),
    ("/proc/irq/24/smp_affinity_list", "0-1"),
    ("/proc/irq/25/smp_affinity_list", "0-1"),
    ("/ethtool/eth0/rx-usecs", "50"),
    ("/ethtool/eth0/adaptive-rx", "on"),
    ("/ethtool/eth0/gro", "on"),
];

impl System for Fake {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).cloned().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let inside = self.files.keys().filter_map(|path| path.strip_prefix(folder).ok());
        let first = inside.filter_map(|rest| rest.iter().next()).map(|name| name.to_string_lossy().into_owned());
        let mut names: Vec<String> = first.collect();
        names.dedup();
        names
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file.starts_with(path))
    }

    fn may_write(&self, path: &Path) -> bool {
        !self.read_only && self.files.contains_key(path)
    }

    fn write(&mut self, path: &Path, text: &str) -> io::Result<()> {
        self.step()?;
        if self.read_only || self.refuses.as_deref() == Some(path) {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let file = self.files.get_mut(path).ok_or(ErrorKind::NotFound)?;
        *file = if file.contains('[') {
            let words = file.split_whitespace().map(|word| word.trim_matches(['[', ']']));
            let chosen = words.map(|word| if word == text.trim() { format!("[{word}]") } else { word.to_owned() });
            format!("{}\n", chosen.collect::<Vec<_>>().join(" "))
        } else {
            format!("{}\n", text.trim())
        };
        Ok(())
    }

    fn create(&mut self, path: &Path, text: &str) -> io::Result<()> {
        if self.read_only {
            return Err(ErrorKind::PermissionDenied.into());
        }
        if self.dies_at == Some(self.steps) {
            self.files.insert(path.into(), text[..text.len() / 2].to_owned());
        }
        self.step()?;
        self.files.insert(path.into(), text.to_owned());
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let text = self.files.remove(from).ok_or(ErrorKind::NotFound)?;
        self.files.insert(to.into(), text);
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.files.remove(path);
        Ok(())
    }

    fn ethtool(&self, interface: &str, key: &str) -> io::Result<String> {
        let text = self.read(&Path::new("/ethtool").join(interface).join(key));
        text.map(|text| text.trim().to_owned()).map_err(|_| ErrorKind::Unsupported.into())
    }

    fn set_ethtool(&mut self, interface: &str, key: &str, value: &str) -> io::Result<()> {
        self.write(&Path::new("/ethtool").join(interface).join(key), value)
    }
}
