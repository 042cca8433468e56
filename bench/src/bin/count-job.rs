//! Does a job of Ringwire's so many times, for valgrind to count instructions: the count of more rounds less that of fewer is the
//! job's alone.
//!
//! `--list` prints the jobs and their units, a line each; `--job=GROUP --rounds=N` does one. Valgrind knows no AVX-512, so the
//! kernels are forced to AVX2 everywhere, and a machine without it says so.

use anyhow::{Context, Result, bail};
use ringwire::proto::simd::{self, Level};
use ringwire_bench::jobs::{self, Job, RINGWIRE};

fn main() -> Result<()> {
    simd::force(Level::Avx2).context("counts are of the AVX2 kernels, and this machine has none")?;
    let mut jobs = jobs::all().into_iter().filter(|job| job.contender == RINGWIRE);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => jobs.for_each(|Job { group, units, .. }| println!("{units} {group}")),
        [job, rounds] => {
            let group = job.strip_prefix("--job=").context("the first argument is --job=GROUP")?;
            let rounds: u32 = rounds.strip_prefix("--rounds=").context("the second is --rounds=N")?.parse()?;
            let mut job = jobs.find(|job| job.group == group).with_context(|| format!("no such job: {group}"))?;
            (0..rounds).for_each(|_| job.run());
        }
        _ => bail!("usage: count-job --list, or count-job --job=GROUP --rounds=N"),
    }
    Ok(())
}
