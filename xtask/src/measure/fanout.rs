//! One to many: CPU time per delivery beside a bare loop of ring sends, and instructions per delivery.
//!
//! With several publications under way the engine gathers them and the loop does not: there it is no floor, only a peer.

use anyhow::Result;

use super::pairs::Workload;
use super::perf::Counters;
use super::report::Record;
use super::{FanoutOptions, instructions, run_pairs, subjects};
use crate::generator::{Opcode, Pattern};

/// How many functions are listed.
const FUNCTIONS: usize = 12;

pub(super) fn main(options: &FanoutOptions) -> Result<()> {
    let common = &options.common;
    let subjects = subjects("broadcast", "floor", common)?;
    let mut record = Record::new("fanout", &subjects, None);
    println!("{}", record.legend());
    let counters = Counters::probe();
    for workload in options.workloads() {
        run_pairs(&mut record, &workload, &subjects, common, &counters)?;
        if options.counted > 0 {
            let counts = instructions::count(&workload, &subjects, options.counted, FUNCTIONS, common)?;
            print!("{}", counts.table());
            record.add_counts(counts);
        }
    }
    record.keep(common.out.as_deref())
}

impl FanoutOptions {
    fn workloads(&self) -> Vec<Workload> {
        let mut all = Vec::new();
        for &bytes in &self.bytes {
            for &connections in &self.subscribers {
                for &depth in &self.depth {
                    let opcode = Opcode::Binary;
                    all.push(Workload { pattern: Pattern::Fanout, connections, bytes, depth, opcode });
                }
            }
        }
        all
    }
}
