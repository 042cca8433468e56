//! How cores, caches, memory nodes and queues of interfaces lie to each other.

use std::path::{Path, PathBuf};

use super::Machine;
use crate::amount::{list, parse_list};
use crate::system::System;

/// A core that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// Its number.
    pub number: usize,
    /// The memory node that it is near to.
    pub node: usize,
    /// The cores, itself among them, that are threads of the same one.
    pub siblings: Vec<usize>,
    /// The cores, itself among them, that share its largest cache, and that cache's name and size: `L3 32768K`.
    pub cache: Option<(String, Vec<usize>)>,
    /// The interrupts that it serves of network interfaces: `eth0 24`.
    pub irqs: Vec<String>,
}

/// All cores that may be used, by number.
pub fn cores(machine: &Machine, system: &impl System) -> Vec<Core> {
    machine.cores.iter().map(|&number| core(number, machine, system)).collect()
}

fn core(number: usize, machine: &Machine, system: &impl System) -> Core {
    let folder = PathBuf::from(format!("/sys/devices/system/cpu/cpu{number}"));
    let siblings = cores_in(system, &folder.join("topology/thread_siblings_list")).unwrap_or_else(|| vec![number]);
    let node = system.list(&folder).iter().find_map(|name| name.strip_prefix("node")?.parse().ok()).unwrap_or(0);
    Core { number, node, siblings, cache: cache(&folder.join("cache"), system), irqs: irqs(number, machine, system) }
}

fn cores_in(system: &impl System, path: &Path) -> Option<Vec<usize>> {
    parse_list(&system.read(path).ok()?).filter(|cores| !cores.is_empty())
}

/// The cache of the highest level.
fn cache(folder: &Path, system: &impl System) -> Option<(String, Vec<usize>)> {
    let read =
        |index: &str, file: &str| system.read(&folder.join(index).join(file)).ok().map(|text| text.trim().to_owned());
    let indexes = system.list(folder).into_iter().filter(|name| name.starts_with("index"));
    let highest = indexes.filter_map(|index| Some((read(&index, "level")?.parse::<u32>().ok()?, index))).max()?;
    let (level, index) = highest;
    let shared = cores_in(system, &folder.join(&index).join("shared_cpu_list"))?;
    Some((format!("L{level} {}", read(&index, "size").unwrap_or_default()), shared))
}

fn irqs(core: usize, machine: &Machine, system: &impl System) -> Vec<String> {
    let mut served = Vec::new();
    for nic in &machine.interfaces {
        for irq in &nic.irqs {
            let path = Path::new("/proc/irq").join(irq).join("smp_affinity_list");
            if cores_in(system, &path).is_some_and(|cores| cores.contains(&core)) {
                served.push(format!("{} {irq}", nic.name));
            }
        }
    }
    served
}

impl Core {
    /// Other threads of the same core, as a list.
    pub fn twins(&self) -> String {
        let others: Vec<usize> = self.siblings.iter().copied().filter(|&sibling| sibling != self.number).collect();
        list(&others)
    }
}
