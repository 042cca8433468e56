//! Times of all [jobs](ringwire_bench::jobs), by criterion: Ringwire beside its peers, in memory.
//!
//! `cargo bench -p ringwire-bench --bench jobs -- decoder` runs those whose names have it. What is steady from run to run is the number of
//! instructions: `cargo xtask bench --instructions`.

use std::time::Duration;

use criterion::{Criterion, Throughput};
use ringwire_bench::jobs;

fn main() {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(200));
    let mut criterion = criterion.measurement_time(Duration::from_millis(800)).configure_from_args();
    let mut jobs = jobs::all();
    for jobs in jobs.chunk_by_mut(|one, other| one.group == other.group) {
        let mut group = criterion.benchmark_group(jobs[0].group);
        group.throughput(Throughput::Elements(jobs[0].units));
        for job in jobs {
            group.bench_function(job.contender, |bencher| bencher.iter(|| job.run()));
        }
    }
    criterion.final_summary();
}
