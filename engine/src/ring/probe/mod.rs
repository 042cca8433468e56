//! Whether the rings that a server needs can be had here, and if not, why and what mends it.
//!
//! A trial does on one small ring what a shard will do: set it up, register a file table of the size wanted and a
//! buffer ring, accept a loopback connection into the table, receive from it with one multishot operation, send. What
//! came of it is judged here, together with the kernel's version and settings, by a pure function, so that machines
//! that we do not have can be judged too. The start ([`require`]) and `ringwire check` use the same verdicts.
//!
//! Not here: limits that no ring depends on (`edge::check`).

#[cfg(test)]
mod tests;
mod trial;

use std::io;

use super::SPARE_DESCRIPTORS;
use crate::config::ValidConfig;
use crate::sys::kernel::{self, Version};
use crate::sys::limits;

/// Oldest kernel: the first with `SINGLE_ISSUER | DEFER_TASKRUN` together with multishot recv and buffer rings.
pub(crate) const KERNEL_FLOOR: Version = Version::new(6, 1);

/// What the server's rings shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Connections of the whole server.
    pub connections_max: u32,
    /// Rings that they are shared out to.
    pub shard_count: u32,
    /// Entries of each ring's submission queue.
    pub ring_entries: u32,
    /// Entries of each ring's buffer ring: a power of two, at most 32,768.
    pub recv_buffer_count: u16,
}

impl Wanted {
    /// What a server with this configuration and so many shards asks for.
    pub fn new(config: &ValidConfig, shard_count: usize) -> Self {
        Self {
            connections_max: config.connections_max,
            shard_count: shard_count as u32,
            ring_entries: config.ring_entries,
            recv_buffer_count: config.recv_buffer_count as u16,
        }
    }

    /// Entries of the largest ring's file table, the spare ones included.
    pub fn file_table(&self) -> u32 {
        self.connections_max.div_ceil(self.shard_count.max(1)).saturating_add(SPARE_DESCRIPTORS)
    }
}

/// What newer kernels offer beyond the floor. Used where it measures better, never needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// `IORING_SETUP_NO_SQARRAY`, kernel 6.6: one indirection less per submission.
    pub no_sqarray: bool,
    /// `IORING_OP_FIXED_FD_INSTALL`, kernel 6.8: a direct descriptor can be had as an ordinary one.
    pub fixed_fd_install: bool,
    /// `IORING_RECVSEND_BUNDLE`, kernel 6.10: one operation fills or sends several provided buffers.
    pub bundles: bool,
    /// `min_wait_usec` of `io_uring_enter`, kernel 6.12: one wait for many completions, or for one once a time has passed.
    pub min_wait: bool,
    /// `IOU_PBUF_RING_INC`, kernel 6.12: a recv buffer is consumed piece by piece.
    pub incremental_buffers: bool,
    /// `IORING_SEND_VECTORIZED`, kernel 6.17: a plain send takes several pieces.
    pub vectored_send: bool,
}

/// Makes sure that such rings can be had, and tells what they offer.
///
/// # Errors
///
/// [`ProbeError`] says the first thing that is missing, and [`ProbeError::mend`] the command that mends it.
pub fn require(wanted: &Wanted) -> Result<Features, ProbeError> {
    let facts = RingFacts::gather(wanted);
    match facts.problems(wanted).into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(facts.trial.features),
    }
}

/// Why a ring cannot be had. Displays the reason; [`ProbeError::mend`] is what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The kernel is older than the floor.
    #[error("kernel {release} is older than {floor}", floor = KERNEL_FLOOR)]
    KernelTooOld {
        /// As `uname -r` prints it.
        release: String,
    },
    /// The kernel was built without io_uring, or a sandbox hides it.
    #[error("this kernel has no io_uring (ENOSYS): built without it, or hidden by a sandbox such as gVisor")]
    Absent,
    /// `kernel.io_uring_disabled` forbids it.
    #[error("io_uring is switched off by kernel.io_uring_disabled = {level}{}", if *level == 1 { " (privileged processes only)" } else { "" })]
    Disabled {
        /// 1: for unprivileged processes; 2: for all.
        level: u64,
    },
    /// A system call filter forbids it.
    #[error("io_uring is forbidden ({}) by a system call filter (seccomp) or security module, as containers have one", errno_name(*errno))]
    Filtered {
        /// What the kernel answered.
        errno: i32,
    },
    /// `RLIMIT_MEMLOCK` or the memory of the control group is used up.
    #[error("no memory for a ring (ENOMEM); RLIMIT_MEMLOCK is {} KiB", soft / 1024)]
    Memory {
        /// The limit in force, in bytes.
        soft: u64,
    },
    /// The ring works, and the kernel lacks an operation.
    #[error("the kernel lacks io_uring operations that are needed: {}", names.join(", "))]
    OperationsMissing {
        /// Their names.
        names: Vec<&'static str>,
    },
    /// The file table is larger than `RLIMIT_NOFILE`.
    #[error(
        "{table} direct descriptors per ring (connections_max = {connections_max}, shards = {shard_count}, \
         {SPARE_DESCRIPTORS} to spare) are more than RLIMIT_NOFILE = {nofile}"
    )]
    FileTable {
        /// Connections of the whole server.
        connections_max: u32,
        /// Shards that they are shared out to.
        shard_count: u32,
        /// Entries that each ring's table needs.
        table: u32,
        /// The limit in force.
        nofile: u64,
    },
    /// A step of the trial failed for a reason that none of the above explains.
    #[error("{step} does not work: {}", io::Error::from_raw_os_error(*errno))]
    StepFailed {
        /// Which one.
        step: Step,
        /// What the kernel answered.
        errno: i32,
    },
}

impl ProbeError {
    /// The commands or settings that mend it, for an operator to copy: one alternative a line.
    pub fn mend(&self) -> String {
        match self {
            Self::KernelTooOld { .. } | Self::OperationsMissing { .. } | Self::StepFailed { .. } => {
                "boot a newer kernel\n\
                 Debian 12: sudo apt install linux-image-amd64 && sudo reboot\n\
                 Ubuntu 22.04: sudo apt install linux-generic-hwe-22.04 && sudo reboot"
                    .into()
            }
            Self::Absent => "run on a kernel with CONFIG_IO_URING=y, outside gVisor\n\
                 to see whether it has it: grep IO_URING /boot/config-$(uname -r)"
                .into(),
            Self::Disabled { .. } => "echo kernel.io_uring_disabled=0 | sudo tee /etc/sysctl.d/60-io-uring.conf && \
                 sudo sysctl --system"
                .into(),
            Self::Filtered { .. } => "docker run --security-opt seccomp=unconfined\n\
                 Kubernetes: securityContext: { seccompProfile: { type: Unconfined } }\n\
                 or a profile that allows io_uring_setup, io_uring_enter and io_uring_register"
                .into(),
            Self::Memory { .. } => {
                "ulimit -l unlimited (systemd: LimitMEMLOCK=infinity; docker run --ulimit memlock=-1)\n\
                 or more memory for the control group"
                    .into()
            }
            Self::FileTable { connections_max, table, nofile, .. } => {
                mend_file_table(*connections_max, *table, *nofile)
            }
        }
    }
}

/// More shards cost nothing that a container or an unprivileged user could refuse, so they come first.
fn mend_file_table(connections_max: u32, table: u32, nofile: u64) -> String {
    let shards = u64::from(connections_max).div_ceil(nofile.saturating_sub(SPARE_DESCRIPTORS.into()).max(1));
    let raise = format!(
        "raise the limit: sudo prlimit --pid $$ --nofile={table}:{table} \
         (systemd: LimitNOFILE={table}; docker run --ulimit nofile={table})"
    );
    if shards <= 1024 { format!("use --shards={shards}\nor {raise}") } else { raise }
}

fn errno_name(errno: i32) -> &'static str {
    match errno {
        libc::EPERM => "EPERM",
        libc::EACCES => "EACCES",
        libc::ENOSYS => "ENOSYS",
        _ => "refused",
    }
}

/// A step of the trial, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `io_uring_setup` with `SINGLE_ISSUER | DEFER_TASKRUN`.
    Setup,
    /// A sparse file table of the size wanted.
    FileTable,
    /// A ring of provided buffers.
    BufferRing,
    /// Accept into the file table.
    Accept,
    /// Multishot recv into provided buffers.
    Recv,
    /// Send from a direct descriptor.
    Send,
}

impl std::fmt::Display for Step {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Setup => "ring setup with SINGLE_ISSUER | DEFER_TASKRUN",
            Self::FileTable => "file table for direct descriptors",
            Self::BufferRing => "ring of provided buffers",
            Self::Accept => "accept into the file table",
            Self::Recv => "multishot recv into provided buffers",
            Self::Send => "send from a direct descriptor",
        })
    }
}

/// What came of a trial: every step up to the one that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    /// Steps that worked.
    pub(crate) passed: Vec<Step>,
    /// The step that did not, and its errno.
    pub(crate) failed: Option<(Step, i32)>,
    /// Operations that `IORING_REGISTER_PROBE` does not report.
    pub(crate) operations_missing: Vec<&'static str>,
    pub(crate) features: Features,
}

/// Everything that the verdicts depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RingFacts {
    pub(crate) release: String,
    pub(crate) io_uring_disabled: Option<u64>,
    /// Soft limits in force.
    pub(crate) nofile: u64,
    pub(crate) memlock: u64,
    pub(crate) trial: Trial,
}

impl RingFacts {
    /// Tries it on this machine; takes a few milliseconds.
    pub(crate) fn gather(wanted: &Wanted) -> Self {
        let soft = |limit: io::Result<limits::Limit>| limit.map_or(u64::MAX, |limit| limit.soft);
        Self {
            release: kernel::release(),
            io_uring_disabled: kernel::io_uring_disabled(),
            nofile: soft(limits::nofile()),
            memlock: soft(limits::memlock()),
            trial: trial::run(wanted),
        }
    }

    /// All that stands in the way, the deepest cause first. Empty if a server can run.
    pub(crate) fn problems(&self, wanted: &Wanted) -> Vec<ProbeError> {
        let mut problems = Vec::new();
        if Version::parse(&self.release).is_some_and(|version| version < KERNEL_FLOOR) {
            problems.push(ProbeError::KernelTooOld { release: self.release.clone() });
        }
        match self.trial.failed {
            // An old kernel explains why newer flags and operations are refused.
            Some((_, libc::EINVAL)) if !problems.is_empty() => {}
            Some((Step::Setup, errno)) => problems.push(self.setup_problem(errno)),
            Some((Step::FileTable, libc::EMFILE)) => {}
            Some((_, libc::ENOMEM)) => problems.push(ProbeError::Memory { soft: self.memlock }),
            Some((step, errno)) => problems.push(ProbeError::StepFailed { step, errno }),
            None => {}
        }
        if !self.trial.operations_missing.is_empty() {
            problems.push(ProbeError::OperationsMissing { names: self.trial.operations_missing.clone() });
        }
        // From the numbers rather than from the trial: an operator wants it told even where rings are forbidden.
        if u64::from(wanted.file_table()) > self.nofile {
            problems.push(ProbeError::FileTable {
                connections_max: wanted.connections_max,
                shard_count: wanted.shard_count,
                table: wanted.file_table(),
                nofile: self.nofile,
            });
        }
        problems
    }

    fn setup_problem(&self, errno: i32) -> ProbeError {
        match (errno, self.io_uring_disabled) {
            (libc::EPERM, Some(level @ 1..)) => ProbeError::Disabled { level },
            (libc::EPERM | libc::EACCES, _) => ProbeError::Filtered { errno },
            // The setting exists, so that the kernel has io_uring, and it is a filter that answers.
            (libc::ENOSYS, Some(_)) => ProbeError::Filtered { errno },
            (libc::ENOSYS, None) => ProbeError::Absent,
            (libc::ENOMEM, _) => ProbeError::Memory { soft: self.memlock },
            (errno, _) => ProbeError::StepFailed { step: Step::Setup, errno },
        }
    }
}
