//! How many connections a machine can hold, and which limit stands in the way.
//!
//! The bytes of a connection are measured figures of ours, given with each answer; what applications keep for each is on top.

use std::path::Path;

use serde::Serialize;

use crate::amount::Facts;
use crate::machine::Machine;
use crate::profile::{Limit, Profile};
use crate::system::System;

/// What the kernel holds for one idle TCP connection, in bytes: measured, see `results/2026-11-26-tune-connections`.
pub const KERNEL_BYTES: u64 = 3_800;
/// What Ringwire holds for one idle WebSocket, in bytes: measured, see `results/2026-11-26-bench`.
pub const RINGWIRE_BYTES: u64 = 220;
/// Left to the rest of the machine.
const RESERVE_BYTES: u64 = 512 << 20;
/// Of a shard: its ring, its recv buffers, its queues.
const SHARD_BYTES: u64 = 8 << 20;
/// Most shards of a node.
const SHARDS_MAX: u64 = 1024;

/// How far one limit goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// Which limit.
    pub limit: &'static str,
    /// So many connections.
    pub connections: u64,
    /// Where that comes from.
    pub because: String,
    /// What raises it.
    pub mend: String,
}

/// What a number of connections needs, and what stands in its way.
#[derive(Clone, Debug, Serialize)]
pub struct Capacity {
    /// What is wanted.
    pub connections: u64,
    /// Shards that it takes.
    pub shards: u64,
    /// Memory that it takes, in bytes, with nothing sent.
    pub memory_bytes: u64,
    /// All limits, the lowest first.
    pub bounds: Vec<Bound>,
}

impl Capacity {
    /// Of a machine as it is.
    pub fn of(profile: &Profile, machine: &Machine, system: &impl System, facts: &Facts) -> Self {
        let shards = shards(profile, facts).min(SHARDS_MAX);
        let each = KERNEL_BYTES + RINGWIRE_BYTES;
        let fixed = RESERVE_BYTES + shards * SHARD_BYTES;
        let mut bounds = vec![
            Bound {
                limit: "memory",
                connections: machine.memory_bytes.saturating_sub(fixed) / each,
                because: format!(
                    "{} less {} for the machine and {shards} shards, at {each} B for each connection",
                    size(machine.memory_bytes),
                    size(fixed)
                ),
                mend: "more memory".into(),
            },
            descriptors(shards, machine.limit(Limit::Nofile)),
        ];
        bounds.extend(open_files(system));
        bounds.sort_by_key(|bound| bound.connections);
        let memory_bytes = facts.connections * each + fixed;
        Self { connections: facts.connections, shards, memory_bytes, bounds }
    }

    /// The limit that stands in the way, if one does.
    pub fn obstacle(&self) -> Option<&Bound> {
        self.bounds.first().filter(|bound| bound.connections < self.connections)
    }
}

/// A ring's table of direct descriptors goes as far as the limit of the process. The kernel deals connections out by a hash, so
/// that the fullest shard has more than its share.
fn descriptors(shards: u64, nofile: u64) -> Bound {
    let each = nofile.saturating_sub(1_000);
    Bound {
        limit: "nofile",
        connections: each.saturating_mul(shards) / 6 * 5,
        because: format!(
            "{shards} shards whose rings hold {each} descriptors each, a sixth to spare for an uneven hash"
        ),
        mend: format!("a higher nofile (ulimit -Hn is {nofile}), or more shards (at most {SHARDS_MAX})"),
    }
}

fn open_files(system: &impl System) -> Option<Bound> {
    let most: u64 = system.read(Path::new("/proc/sys/fs/file-max")).ok()?.trim().parse().ok()?;
    Some(Bound {
        limit: "fs.file-max",
        connections: most.saturating_sub(50_000),
        because: format!("the whole machine may have {most} files open, direct descriptors too"),
        mend: "apply the profile, or raise fs.file-max".into(),
    })
}

/// As Ringwire would run them.
fn shards(profile: &Profile, facts: &Facts) -> u64 {
    let config = profile.ringwire_config(facts);
    let line = config.lines().find_map(|line| line.strip_prefix("shards = "));
    line.and_then(|number| number.parse().ok()).unwrap_or(facts.cores.len() as u64)
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    fn capacity(fake: &Fake, connections: u64) -> Capacity {
        let machine = Machine::read(fake).unwrap();
        Capacity::of(&Profile::load("fanout").unwrap(), &machine, fake, &machine.facts(connections))
    }

    #[test]
    fn a_million_on_a_small_server_needs_shards_and_open_files() {
        let mut fake = Fake::server();
        let million = capacity(&fake, 1_000_000);
        assert_eq!(million.shards, 64, "each ring holds 19,000, and the hash is uneven");
        assert_eq!(million.obstacle().unwrap().limit, "fs.file-max", "200,000 files are too few");
        fake.files.insert("/proc/sys/fs/file-max".into(), "9223372036854775807\n".into());
        assert_eq!(capacity(&fake, 1_000_000).obstacle(), None);
        assert_eq!(capacity(&fake, 20_000_000).obstacle().unwrap().limit, "memory");
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!((size(512), size(1536), size(3 << 30)), ("512 B".into(), "1.5 KiB".into(), "3.0 GiB".into()));
    }
}
