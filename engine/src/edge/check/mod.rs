//! `ringwire check`: what this machine offers a server with this configuration, what is missing, what mends it.
//!
//! [`Facts`] are gathered once; [`findings`] judges them by a pure function, so that machines that we do not have can
//! be judged in tests. Whether rings can be had is judged by `ring::probe`, as the start does.

mod print;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use serde::Serialize;

use super::StartError;
use super::profile::{self, Lacking};
use crate::config::text::{human_bytes, plural};
use crate::config::{Budget, Pin, ValidConfig};
use crate::ring::probe::{Features, KERNEL_FLOOR, ProbeError, RingFacts, Step, Wanted};
use crate::sys::{affinity, kernel, limits};

/// Gathers, judges and prints. Exit code 1 if a server with this configuration cannot run here.
pub(super) fn run(config: &ValidConfig, profile: Option<&str>, json: bool) -> Result<ExitCode, StartError> {
    let facts = Facts::gather(config);
    let mut findings = findings(config, &facts);
    if let Some(profile) = profile {
        findings.extend(tuning(profile, config.connections_max, &profile::lacking(profile, config.connections_max)?));
    }
    let report =
        if json { print::json(&findings) } else { print::text(config, &facts, &findings, io::stdout().is_terminal()) };
    super::print(&report);
    Ok(if can_run(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All that the findings depend on.
#[derive(Debug, Clone, PartialEq)]
struct Facts {
    ring: RingFacts,
    somaxconn: Option<u64>,
    allowed_cores: Vec<usize>,
    physical_memory_bytes: Option<u64>,
    cgroup_memory_bytes: Option<u64>,
    cgroup_cores: Option<f64>,
}

impl Facts {
    fn gather(config: &ValidConfig) -> Self {
        // The start raises it too. Where that is refused, what is in force is judged.
        let _ = limits::raise_nofile();
        let allowed_cores = affinity::allowed_cores();
        Self {
            ring: RingFacts::gather(&Wanted::new(config, config.shard_count(allowed_cores.len()))),
            somaxconn: kernel::somaxconn(),
            allowed_cores,
            physical_memory_bytes: limits::physical_memory_bytes(),
            cgroup_memory_bytes: limits::cgroup_memory_bytes(),
            cgroup_cores: limits::cgroup_cores(),
        }
    }

    fn shard_count(&self, config: &ValidConfig) -> usize {
        config.shard_count(self.allowed_cores.len())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Ok,
    /// It runs, and something could be better.
    Note,
    /// It cannot run.
    Missing,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    verdict: Verdict,
    group: &'static str,
    name: Cow<'static, str>,
    /// What was found, and what it means.
    found: String,
    /// What to run or to set.
    mend: Option<String>,
}

impl Finding {
    fn ok(group: &'static str, name: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, group, name: name.into(), found: found.into(), mend: None }
    }

    fn note(
        group: &'static str,
        name: impl Into<Cow<'static, str>>,
        found: impl Into<String>,
        mend: Option<String>,
    ) -> Self {
        Self { verdict: Verdict::Note, group, name: name.into(), found: found.into(), mend }
    }

    fn missing(group: &'static str, name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { verdict: Verdict::Missing, group, name: name.into(), found: found.into(), mend: Some(mend.into()) }
    }
}

fn can_run(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Missing)
}

fn findings(config: &ValidConfig, facts: &Facts) -> Vec<Finding> {
    let mut findings = rings(config, facts);
    findings.extend(features(facts));
    findings.extend([backlog(config, facts), locked_memory(facts), memory(config, facts)]);
    findings.extend([cores(config, facts), pins(config, facts), core_time(config, facts)]);
    findings
}

/// What the machine lacks of a tuning profile. It runs without.
fn tuning(profile: &str, connections: u32, lacking: &[Lacking]) -> Vec<Finding> {
    const GROUP: &str = "tuning profile";
    let note = |lacking: &Lacking| {
        let found = format!("{}, {} wanted ({})", lacking.live, lacking.wanted, lacking.risk);
        Finding::note(GROUP, lacking.setting.clone(), found, None)
    };
    let mut findings: Vec<Finding> = lacking.iter().map(note).collect();
    match findings.last_mut() {
        Some(last) => {
            last.mend =
                Some(format!("sudo ringwire-tune apply {profile} --connections={connections} (see also: plan, show)"))
        }
        None => findings.push(Finding::ok(GROUP, "machine", format!("as `{profile}` wants it"))),
    }
    findings
}

const NOT_TRIED: &str = "not tried";

/// Whether rings can be had: one line for each thing that must work.
fn rings(config: &ValidConfig, facts: &Facts) -> Vec<Finding> {
    const GROUP: &str = "io_uring";
    const NAMES: [&str; 8] =
        ["kernel", "permission", "operations", "file table", "recv buffers", "accept", "multishot recv", "send"];
    let wanted = Wanted::new(config, facts.shard_count(config));
    let problems = facts.ring.problems(&wanted);
    let finding = |name| match problems.iter().find(|problem| name_of(problem) == name) {
        Some(problem) => Ok(Finding::missing(GROUP, name, problem.to_string(), problem.mend())),
        None => proof(name, &wanted, &facts.ring).map(|found| Finding::ok(GROUP, name, found)).ok_or(name),
    };
    with_not_tried(GROUP, NAMES.into_iter().map(finding))
}

/// The findings, and one more that names all that could not be tried.
fn with_not_tried(group: &'static str, tried: impl Iterator<Item = Result<Finding, &'static str>>) -> Vec<Finding> {
    let (mut findings, mut not_tried) = (Vec::new(), Vec::new());
    for outcome in tried {
        match outcome {
            Ok(finding) => findings.push(finding),
            Err(name) => not_tried.push(name),
        }
    }
    if !not_tried.is_empty() {
        let found = format!("{}: because of what is missing", not_tried.join(", "));
        findings.push(Finding::note(group, NOT_TRIED, found, None));
    }
    findings
}

/// Line that a problem belongs to.
fn name_of(problem: &ProbeError) -> &'static str {
    match problem {
        ProbeError::KernelTooOld { .. } => "kernel",
        ProbeError::OperationsMissing { .. } => "operations",
        ProbeError::FileTable { .. } => "file table",
        ProbeError::Absent
        | ProbeError::Disabled { .. }
        | ProbeError::Filtered { .. }
        | ProbeError::Memory { .. }
        | ProbeError::StepFailed { step: Step::Setup, .. } => "permission",
        ProbeError::StepFailed { step, .. } => match step {
            Step::FileTable => "file table",
            Step::BufferRing => "recv buffers",
            Step::Accept => "accept",
            Step::Recv => "multishot recv",
            Step::Setup | Step::Send => "send",
        },
    }
}

/// What shows that a line without a problem is well; `None` if the trial did not come so far.
fn proof(name: &str, wanted: &Wanted, facts: &RingFacts) -> Option<String> {
    let passed = |step, found: String| facts.trial.passed.contains(&step).then_some(found);
    match name {
        "kernel" => Some(format!("{}; needs {KERNEL_FLOOR} or newer", facts.release)),
        "permission" => passed(Step::Setup, "a ring with SINGLE_ISSUER | DEFER_TASKRUN can be set up".into()),
        "operations" => passed(Step::Setup, "all that a shard uses are there".into()),
        "file table" => passed(
            Step::FileTable,
            format!("{} direct descriptors per ring; RLIMIT_NOFILE allows {}", wanted.file_table(), facts.nofile),
        ),
        "recv buffers" => passed(Step::BufferRing, format!("a ring of {} buffers", wanted.recv_buffer_count)),
        "accept" => passed(Step::Accept, "a connection was accepted into the file table".into()),
        "multishot recv" => passed(Step::Recv, "one operation received a message and the end".into()),
        _ => passed(Step::Send, "answered from a direct descriptor".into()),
    }
}

/// What newer kernels add; nothing here is needed.
fn features(facts: &Facts) -> Vec<Finding> {
    const GROUP: &str = "newer features, none needed";
    let Features { no_sqarray, fixed_fd_install, bundles, min_wait, incremental_buffers, vectored_send } =
        facts.ring.trial.features;
    let tried = facts.ring.trial.passed.contains(&Step::BufferRing);
    let features = [
        ("no SQ array", no_sqarray, "6.6", "one indirection less per submission"),
        ("fd install", fixed_fd_install, "6.8", "a direct descriptor can become an ordinary one"),
        ("bundles", bundles, "6.10", "one operation fills or sends several buffers"),
        ("min-wait", min_wait, "6.12", "one wait for many completions, or for one once a time has passed"),
        ("incremental buffers", incremental_buffers, "6.12", "a recv buffer is used up piece by piece"),
        ("vectored send", vectored_send, "6.17", "a plain send takes several pieces"),
    ];
    let finding = |(name, has, since, gain)| match (has, tried) {
        (true, _) => Ok(Finding::ok(GROUP, name, gain)),
        (false, true) => Ok(Finding::note(GROUP, name, format!("needs kernel {since}; {gain}"), None)),
        (false, false) => Err(name),
    };
    with_not_tried(GROUP, features.into_iter().map(finding))
}

const LIMITS: &str = "limits";

fn backlog(config: &ValidConfig, facts: &Facts) -> Finding {
    let backlog = config.listen_backlog;
    match facts.somaxconn {
        Some(somaxconn) if somaxconn < u64::from(backlog) => Finding::note(
            LIMITS,
            "backlog",
            format!(
                "listen_backlog = {backlog} is cut to net.core.somaxconn = {somaxconn}: bursts of connects may wait"
            ),
            Some(format!("sudo sysctl -w net.core.somaxconn={backlog}")),
        ),
        Some(somaxconn) => {
            Finding::ok(LIMITS, "backlog", format!("listen_backlog = {backlog}; net.core.somaxconn = {somaxconn}"))
        }
        None => Finding::note(LIMITS, "backlog", "net.core.somaxconn cannot be read", None),
    }
}

fn locked_memory(facts: &Facts) -> Finding {
    let limit = match facts.ring.memlock {
        u64::MAX => "unlimited".into(),
        bytes => human_bytes(bytes),
    };
    Finding::ok(LIMITS, "locked memory", format!("RLIMIT_MEMLOCK is {limit}; rings do not count against it since 5.12"))
}

fn memory(config: &ValidConfig, facts: &Facts) -> Finding {
    let budget = Budget::new(config, facts.shard_count(config));
    let Some(bytes) = facts.physical_memory_bytes.into_iter().chain(facts.cgroup_memory_bytes).min() else {
        return Finding::note(LIMITS, "memory", "how much there is cannot be read", None);
    };
    match budget.warning(bytes) {
        Some(warning) => Finding::note(LIMITS, "memory", warning, Some(budget.advice())),
        None => Finding::ok(
            LIMITS,
            "memory",
            format!("{} at worst, of {}", human_bytes(budget.total_bytes()), human_bytes(bytes)),
        ),
    }
}

const CORES: &str = "cores";

fn cores(config: &ValidConfig, facts: &Facts) -> Finding {
    let (shards, cores) = (facts.shard_count(config), facts.allowed_cores.len());
    let found = format!("{} on {} ({})", plural(shards, "shard"), plural(cores, "core"), ranges(&facts.allowed_cores));
    if shards > cores {
        let mend = format!("--shards={cores}, unless connections_max needs more rings");
        Finding::note(CORES, "shards", format!("{found}: they take turns"), Some(mend))
    } else {
        Finding::ok(CORES, "shards", found)
    }
}

fn pins(config: &ValidConfig, facts: &Facts) -> Finding {
    let shards = facts.shard_count(config);
    let pins: Vec<_> = config.pins(shards, &facts.allowed_cores).into_iter().flatten().collect();
    let refused: Vec<_> = pins.iter().copied().filter(|core| !facts.allowed_cores.contains(core)).collect();
    match &config.pin {
        Pin::List(_) if !refused.is_empty() => Finding::missing(
            CORES,
            "pins",
            format!("this process may not run on {}", ranges(&refused)),
            format!("--pin=auto, or cores out of {}", ranges(&facts.allowed_cores)),
        ),
        Pin::Auto if pins.is_empty() => Finding::note(CORES, "pins", "none: there are more shards than cores", None),
        Pin::None => Finding::ok(CORES, "pins", "none, as asked for"),
        _ => Finding::ok(CORES, "pins", format!("shards are pinned to {}", ranges(&pins))),
    }
}

fn core_time(config: &ValidConfig, facts: &Facts) -> Finding {
    let shards = facts.shard_count(config);
    match facts.cgroup_cores {
        Some(cores) if cores < shards as f64 => Finding::note(
            CORES,
            "core time",
            format!("the control group allows {cores:.1} cores' worth: {} will be throttled", plural(shards, "shard")),
            Some(format!("--shards={} or a larger quota (docker run --cpus={shards})", (cores as usize).max(1))),
        ),
        Some(cores) => Finding::ok(CORES, "core time", format!("the control group allows {cores:.1} cores' worth")),
        None => Finding::ok(CORES, "core time", "not limited by a control group"),
    }
}

/// `0-3,6` as the kernel writes it, in ascending order and without repeats.
fn ranges(cores: &[usize]) -> String {
    let mut cores = cores.to_vec();
    cores.sort_unstable();
    cores.dedup();
    let runs: Vec<_> = cores
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| match run {
            [first, .., last] => format!("{first}-{last}"),
            run => run[0].to_string(),
        })
        .collect();
    runs.join(",")
}
