//! Several shards beside one, all on one core, so that work is compared and not parallelism.

use anyhow::{Result, ensure};

use super::pairs::Workload;
use super::perf::Counters;
use super::report::Record;
use super::subject::Subject;
use super::{Common, ShardOptions, instructions, run_pairs};
use crate::generator::{Opcode, Pattern};

const NOTE: &str = "The server's process is bound to one core, and its shards choose none: they share it.
Instructions are counted by single steps, so slowly that a burst comes as one.";

pub(super) fn main(options: &ShardOptions) -> Result<()> {
    ensure!(options.shards > 1, "give more --shards than one, which they are measured beside");
    ensure!(
        matches!(options.pattern, Pattern::Fanout | Pattern::Broadcast),
        "shards are compared by fanout and broadcast"
    );
    let common = &options.common;
    ensure!(common.against.is_empty(), "several shards are measured beside one of the same --server");
    let subjects = [subject(common, options.shards)?, subject(common, 1)?];
    let mut record = Record::new("shards", &subjects, Some(NOTE));
    println!("{}", record.legend());
    let ShardOptions { pattern, connections, bytes, .. } = *options;
    let workload = Workload { pattern, connections, bytes, depth: 1, opcode: Opcode::Binary };
    run_pairs(&mut record, &workload, &subjects, common, &Counters::probe())?;
    if options.counted > 0 {
        let senders = if pattern == Pattern::Broadcast { connections as u64 } else { 1 };
        let counts = instructions::step(&workload, &subjects, options.counted * senders, common)?;
        print!("{}", counts.table());
        record.add_counts(counts);
    }
    record.keep(common.out.as_deref())
}

/// Without pings and time-outs, which a count by single steps would outlast.
fn subject(common: &Common, shards: usize) -> Result<Subject> {
    let options = format!("--shards={shards} --pin=none --ping-interval=off --idle-timeout=off");
    let subject = Subject::parse(&format!("{} {options}", common.server), "broadcast")?;
    Ok(Subject { name: format!("{} --shards={shards}", common.server), ..subject })
}
