//! Machines and processes, as far as they bear on a result.

use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// Where the generator ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The kernel's name and version.
    pub kernel: String,
    /// The processor's name.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
}

/// What the server used during the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerUse {
    /// Its pid.
    pub pid: u32,
    /// Its program's name.
    pub name: String,
    /// CPU time of all its threads, user and kernel.
    pub cpu_seconds: f64,
    /// The part of it in user space.
    pub cpu_user_seconds: f64,
    /// CPU time for each message that was received from it, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_per_message: Option<f64>,
    /// Share of one core that its busiest thread used.
    pub busiest_thread: f64,
    /// Resident memory before the connections were opened.
    pub rss_before: u64,
    /// Resident memory at the end of the window.
    pub rss_after: u64,
    /// The most resident memory that was seen.
    pub rss_peak: u64,
    /// Proportional memory at the end of the window, where it may be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pss_after: Option<u64>,
    /// Growth of resident memory for each connection that was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_connection: Option<f64>,
    /// Instructions, where they could be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<Instructions>,
    /// Why instructions could not be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions_missing: Option<String>,
}

/// Instructions of all threads of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Instructions {
    /// In user space.
    pub user: u64,
    /// In the kernel.
    pub kernel: u64,
    /// In user space for each message that was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_per_message: Option<f64>,
    /// In the kernel for each message that was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_per_message: Option<f64>,
}

/// What the generator used during the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Its threads that carried load.
    pub threads: Vec<ThreadUse>,
    /// Whether one of them had no time left.
    pub saturated: bool,
}

/// One thread of the generator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadUse {
    /// Its name.
    pub name: String,
    /// Share of one core that it used.
    pub cpu_share: f64,
    /// Share of the window in which it could have run, and its core was with others.
    #[serde(default)]
    pub waited_share: f64,
    /// Share of one core that the server's busiest thread used in the same run, if it was watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_share: Option<f64>,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = text("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            kernel: format!("Linux {}", text("/proc/sys/kernel/osrelease").trim()),
            processor: model.map_or("unknown", |(_, name)| name).to_owned(),
            cores: thread::available_parallelism().map_or(0, usize::from),
        }
    }
}

impl ServerUse {
    /// Adds what it used for each of `messages`, and for each of `connections` that were opened.
    #[must_use]
    pub fn per(mut self, messages: u64, connections: u64) -> Self {
        let each = |whole: f64, count: u64| (count > 0).then(|| whole / count as f64);
        self.cpu_per_message = each(self.cpu_seconds * 1e9, messages);
        self.bytes_per_connection = each(self.rss_after.saturating_sub(self.rss_before) as f64, connections);
        if let Some(instructions) = &mut self.instructions {
            instructions.user_per_message = each(instructions.user as f64, messages);
            instructions.kernel_per_message = each(instructions.kernel as f64, messages);
        }
        self
    }
}
