//! What can be set on a machine: one word for each kind of thing, and the names within it.

use std::fmt;

use serde::Deserialize;

/// Something on the machine that a setting sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Knob {
    /// By its name with dots, below `/proc/sys`.
    Sysctl(String),
    /// Of the processes of whoever logs in or is started next.
    Limit(Limit),
    /// A file of the kernel, by its path below `/sys` or `/proc`.
    File(String),
    /// Of every physical network interface.
    Nic(NicKnob),
    /// Which cores serve the interrupts of every network interface.
    Irq,
    /// Of every core.
    Cpu(CpuKnob),
    /// A parameter of the kernel's command line.
    Boot(String),
}

/// What a process may have.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Open files.
    Nofile,
    /// Locked memory, in bytes.
    Memlock,
}

/// Of a network interface.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum NicKnob {
    /// Cores that take in what a receive queue got (RPS).
    RpsCpus,
    /// Entries of a receive queue's flow table (RFS).
    RpsFlowCount,
    /// Cores whose packets leave by a transmit queue (XPS).
    XpsCpus,
    /// How often the interrupt stays off when a poll found something, before it is armed again.
    NapiDeferHardIrqs,
    /// Nanoseconds after which a deferred interrupt's queue is polled again.
    GroFlushTimeout,
    /// Microseconds that the interface waits for more packets before it interrupts.
    RxUsecs,
    /// Whether the interface chooses them by itself: on or off.
    AdaptiveRx,
    /// Whether small packets of a flow are joined before the stack sees them: on or off.
    Gro,
}

/// Of a core.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum CpuKnob {
    /// The policy that chooses its frequency.
    Governor,
    /// Idle states are off that take longer than so many microseconds to wake from.
    IdleLatencyMax,
}

impl Limit {
    /// As `limits.conf` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nofile => "nofile",
            Self::Memlock => "memlock",
        }
    }

    /// As `/proc/self/limits` calls it.
    pub(crate) fn row(self) -> &'static str {
        match self {
            Self::Nofile => "Max open files",
            Self::Memlock => "Max locked memory",
        }
    }

    /// As systemd's units call it.
    pub(crate) fn directive(self) -> &'static str {
        match self {
            Self::Nofile => "LimitNOFILE",
            Self::Memlock => "LimitMEMLOCK",
        }
    }
}

impl NicKnob {
    /// As profiles, and `ethtool` where it has it, call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RpsCpus => "rps-cpus",
            Self::RpsFlowCount => "rps-flow-count",
            Self::XpsCpus => "xps-cpus",
            Self::NapiDeferHardIrqs => "napi-defer-hard-irqs",
            Self::GroFlushTimeout => "gro-flush-timeout",
            Self::RxUsecs => "rx-usecs",
            Self::AdaptiveRx => "adaptive-rx",
            Self::Gro => "gro",
        }
    }
}

impl CpuKnob {
    fn name(self) -> &'static str {
        match self {
            Self::Governor => "governor",
            Self::IdleLatencyMax => "idle-latency-max",
        }
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Sysctl(name) | Self::File(name) => name.clone(),
            Self::Limit(limit) => format!("limit {}", limit.name()),
            Self::Nic(knob) => format!("nic {}", knob.name()),
            Self::Irq => "irq nic".to_owned(),
            Self::Cpu(knob) => format!("cpu {}", knob.name()),
            Self::Boot(parameter) => format!("boot {parameter}"),
        };
        f.pad(&text)
    }
}

impl Knob {
    /// The kind's name, which is also the key by which a profile sets it.
    pub(crate) fn scope(&self) -> &'static str {
        match self {
            Self::Sysctl(_) => "sysctl",
            Self::Limit(_) => "limit",
            Self::File(_) => "file",
            Self::Nic(_) => "nic",
            Self::Irq => "irq",
            Self::Cpu(_) => "cpu",
            Self::Boot(_) => "boot",
        }
    }

    /// The kinds there are.
    pub(crate) const SCOPES: [&str; 7] = ["sysctl", "limit", "file", "nic", "irq", "cpu", "boot"];
}
