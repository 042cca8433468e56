//! A picture of the machine in text: nodes, caches, cores, interrupts, and where shards should sit.

use std::fmt::Write;

use crate::amount::list;
use crate::machine::topology::{Core, cores};
use crate::machine::{Interface, Machine};
use crate::system::System;

/// Draws the machine, and says where shards and interrupts go.
pub fn draw(machine: &Machine, system: &impl System) -> String {
    let cores = cores(machine, system);
    let mut picture = String::new();
    let mut nodes: Vec<usize> = cores.iter().map(|core| core.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    for node in nodes {
        let of_node: Vec<&Core> = cores.iter().filter(|core| core.node == node).collect();
        let _ = writeln!(picture, "NUMA node {node}");
        draw_node(&mut picture, &of_node, &cores);
    }
    for nic in &machine.interfaces {
        draw_nic(&mut picture, nic);
    }
    let _ = write!(picture, "\n{}", advice(machine, &cores));
    picture
}

fn draw_node(picture: &mut String, of_node: &[&Core], all: &[Core]) {
    let mut drawn: Vec<usize> = Vec::new();
    for core in of_node {
        if drawn.contains(&core.number) {
            continue;
        }
        let (name, shared) = core.cache.clone().unwrap_or_else(|| ("no cache known".into(), vec![core.number]));
        let inside: Vec<&&Core> = of_node.iter().filter(|core| shared.contains(&core.number)).collect();
        let _ = writeln!(picture, "  ┌ {name}, cores {}", list(&shared));
        for core in inside {
            drawn.push(core.number);
            draw_core(picture, core, all);
        }
        let _ = writeln!(picture, "  └");
    }
}

fn draw_core(picture: &mut String, core: &Core, all: &[Core]) {
    let twins = core.twins();
    let twins = if twins.is_empty() { String::new() } else { format!("  thread of one core with {twins}") };
    let irqs = if core.irqs.is_empty() { String::new() } else { format!("  interrupts: {}", core.irqs.join(", ")) };
    let shard = shards(all).iter().position(|&number| number == core.number);
    let shard = shard.map_or("-".to_owned(), |shard| format!("shard {shard}"));
    let _ = writeln!(picture, "  │ core {:<4}{shard:<10}{twins}{irqs}", core.number);
}

fn draw_nic(picture: &mut String, nic: &Interface) {
    let irqs = if nic.irqs.is_empty() { "none listed".to_owned() } else { nic.irqs.join(", ") };
    let _ = writeln!(
        picture,
        "{}: {} receive and {} transmit queues, interrupts {irqs}",
        nic.name,
        nic.rx.len(),
        nic.tx.len()
    );
}

/// Where shards sit: one on each core, and of threads of one core on the first alone.
fn shards(cores: &[Core]) -> Vec<usize> {
    let first =
        |core: &&Core| core.siblings.iter().min().is_none_or(|&first| first == core.number || !has(cores, first));
    cores.iter().filter(first).map(|core| core.number).collect()
}

fn has(cores: &[Core], number: usize) -> bool {
    cores.iter().any(|core| core.number == number)
}

fn advice(machine: &Machine, cores: &[Core]) -> String {
    let shards = shards(cores);
    let mut advice = format!("shards: {} on {}: ringwire serve --shards={0} --pin={1}\n", shards.len(), comma(&shards));
    let queues: usize = machine.interfaces.iter().map(|nic| nic.irqs.len()).sum();
    advice += &match queues {
        0 => "interrupts: none of a network interface can be placed here\n".to_owned(),
        1 => format!(
            "interrupts: one, for {} shards: let RPS hand packets on (nic rps-cpus in the profile `throughput`)\n",
            shards.len()
        ),
        queues => format!("interrupts: {queues}, the i-th to core i (irq nic in the profile `lowlat`)\n"),
    };
    let nodes = cores.iter().map(|core| core.node).max().unwrap_or(0);
    if nodes > 0 {
        advice +=
            "more than one NUMA node: keep a node's shards on the cores of the node that its interface is near to\n";
    }
    advice
}

fn comma(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn a_machine_is_drawn_with_its_shards() {
        let mut fake = Fake::server();
        for core in 0..2 {
            let folder = format!("/sys/devices/system/cpu/cpu{core}");
            for (file, text) in [("level", "3"), ("size", "32768K"), ("shared_cpu_list", "0-1")] {
                fake.files.insert(format!("{folder}/cache/index3/{file}").into(), format!("{text}\n"));
            }
        }
        let picture = draw(&Machine::read(&fake).unwrap(), &fake);
        assert!(picture.contains("┌ L3 32768K, cores 0-1"), "{picture}");
        assert!(picture.contains("core 1   shard 1"), "{picture}");
        assert!(picture.contains("eth0: 2 receive and 2 transmit queues, interrupts 24, 25"), "{picture}");
        assert!(picture.contains("--shards=2 --pin=0,1"), "{picture}");
    }

    #[test]
    fn threads_of_one_core_get_one_shard() {
        let mut fake = Fake::server();
        for core in 0..2 {
            let file = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
            fake.files.insert(file.into(), "0-1\n".into());
        }
        let picture = draw(&Machine::read(&fake).unwrap(), &fake);
        assert!(picture.contains("shards: 1 on 0"), "{picture}");
        assert!(picture.contains("thread of one core with 0"), "{picture}");
    }
}
