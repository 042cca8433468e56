//! What a start tells: the effective configuration, what it lets the server hold, and last what one should not miss: warnings.

use crate::config::text::plural;
use crate::config::{Budget, ValidConfig, file};
use crate::sys::{affinity, limits};

/// Logs it, and these warnings behind it. Call it before any thread is pinned: a pinned thread sees its own core alone.
pub(super) fn announce(config: &ValidConfig, warnings: &[String]) {
    let shard_count = config.shard_count(affinity::allowed_cores().len());
    let budget = Budget::new(config, shard_count);
    tracing::info!("effective configuration\n{}", file::print(config));
    tracing::info!("what {} may hold at worst\n{budget}\n", plural(shard_count, "shard"));
    if let Some(warning) = memory_bytes().and_then(|bytes| budget.warning(bytes)) {
        tracing::warn!("{warning}");
    }
    warn(warnings);
}

pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// Memory that there is for us: the machine's, or less where a control group says so.
fn memory_bytes() -> Option<u64> {
    let (machine, group) = (limits::physical_memory_bytes(), limits::cgroup_memory_bytes());
    machine.into_iter().chain(group).min()
}
