//! `cargo xtask bench --instructions`: what each of Ringwire's jobs takes in user-space instructions, under valgrind's callgrind, against
//! the committed counts.
//!
//! Counts hardly differ from run to run or from machine to machine, so a change of [`CHANGE_MAX`] is one of the code. A job is
//! run for few rounds and for more; the difference is without its set-up. Other compilers make other code: with one that the
//! counts are not of, differences are told and fail nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{artifact, circumstances};

/// Relative to the committed count, either way: who is better commits that too.
const CHANGE_MAX: f64 = 0.03;

const ROUNDS: [u32; 2] = [10, 60];

/// The committed file.
#[derive(Debug, Deserialize)]
struct Baseline {
    rustc: String,
    instructions: BTreeMap<String, f64>,
}

/// Instructions per unit of a job.
struct Count {
    job: String,
    now: f64,
    before: Option<f64>,
}

/// Counts, and compares; with `bless`, commits to what was counted.
pub(crate) fn main(bless: bool) -> Result<()> {
    let program = artifact::release("ringwire-bench", "count-job")?;
    let rustc = circumstances::rustc();
    let baseline = match std::fs::read_to_string(file()) {
        Ok(text) => toml::from_str(&text).with_context(|| format!("{} is not as this writes it", file().display()))?,
        Err(_) if bless => Baseline { rustc: rustc.clone(), instructions: BTreeMap::new() },
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file().display())),
    };
    let mut counts = Vec::new();
    for (job, units) in jobs(&program)? {
        let before = baseline.instructions.get(&job).copied();
        let now = count(&program, &job, units)?;
        println!("{}", Count { job: job.clone(), now, before }.line());
        counts.push(Count { job, now, before });
    }
    if bless {
        return std::fs::write(file(), text(&rustc, &counts)).context("the counts cannot be kept");
    }
    judge(&counts, &baseline, &rustc)
}

fn file() -> PathBuf {
    artifact::root().join("bench/instructions.toml")
}

/// The jobs there are, and their units in a round.
fn jobs(program: &Path) -> Result<Vec<(String, u64)>> {
    let said = output(Command::new(program).arg("--list"))?;
    let job = |line: &str| {
        let (units, job) = line.split_once(' ')?;
        Some((job.to_owned(), units.parse().ok()?))
    };
    said.lines().map(|line| job(line).with_context(|| format!("no job: {line}"))).collect()
}

/// Instructions per unit of work.
fn count(program: &Path, job: &str, units: u64) -> Result<f64> {
    let [few, many] = ROUNDS;
    let more = collected(program, job, many)?.saturating_sub(collected(program, job, few)?);
    Ok(more as f64 / f64::from(many - few) / units as f64)
}

/// All instructions of so many rounds.
fn collected(program: &Path, job: &str, rounds: u32) -> Result<u64> {
    let mut command = Command::new("valgrind");
    // One instruction that copies very much is counted as one for each byte, and not every machine's copies have it.
    command.env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS,-FSRM");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let said = output(command.arg(format!("--job={job}")).arg(format!("--rounds={rounds}")))?;
    let count = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    count.with_context(|| format!("callgrind counted nothing for {job}:\n{said}"))
}

/// What a program prints, on both streams.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name} (Debian's package valgrind)"))?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    ensure!(output.status.success(), "{name} failed:\n{said}");
    Ok(said)
}

/// An error that names the jobs that changed.
fn judge(counts: &[Count], baseline: &Baseline, rustc: &str) -> Result<()> {
    let is_there = |job: &String| counts.iter().any(|count| count.job == *job);
    let gone = baseline.instructions.keys().filter(|job| !is_there(job)).map(|job| format!("{job}: is gone"));
    let changed = counts.iter().filter(|count| count.is_changed()).map(Count::line).chain(gone);
    let changed: Vec<String> = changed.collect();
    if changed.is_empty() {
        return Ok(());
    }
    let changed = changed.join("\n  ");
    if baseline.rustc != rustc {
        println!("NOT JUDGED, the counts are of {}, this is {rustc}:\n  {changed}", baseline.rustc);
        return Ok(());
    }
    let most = CHANGE_MAX * 100.0;
    bail!(
        "more than {most} % from the committed counts:\n  {changed}\nif that is meant: cargo xtask bench --instructions --bless"
    )
}

impl Count {
    fn is_changed(&self) -> bool {
        self.change().is_none_or(|change| change.abs() > CHANGE_MAX)
    }

    fn change(&self) -> Option<f64> {
        self.before.map(|before| self.now / before - 1.0)
    }

    fn line(&self) -> String {
        let change = self.change().map_or("new".to_owned(), |change| format!("{:+.1} %", change * 100.0));
        format!("{:40} {:10.2} {change:>8}", self.job, self.now)
    }
}

/// The file of these counts.
fn text(rustc: &str, counts: &[Count]) -> String {
    let mut text = format!(
        "# User-space instructions per message, frame, handshake or text, by valgrind's callgrind, with AVX2 kernels.\n\
         # Compared and written by: cargo xtask bench --instructions [--bless]\n\nrustc = {rustc:?}\n\n[instructions]\n"
    );
    for Count { job, now, .. } in counts {
        writeln!(text, "{job:?} = {now:.2}").expect("memory takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, f64, Option<f64>)]) -> Vec<Count> {
        pairs.iter().map(|&(job, now, before)| Count { job: job.to_owned(), now, before }).collect()
    }

    fn baseline(rustc: &str) -> Baseline {
        toml::from_str(&text(rustc, &counts(&[("a, b", 100.0, None), ("c", 5.0, None)])))
            .expect("what is written is read")
    }

    #[test]
    fn what_changed_by_more_than_three_percent_is_named() {
        let baseline = baseline("1");
        let same = counts(&[("a, b", 102.9, Some(100.0)), ("c", 4.9, Some(5.0))]);
        judge(&same, &baseline, "1").expect("as before");
        for (wrong, name) in [
            (counts(&[("a, b", 103.2, Some(100.0)), ("c", 5.0, Some(5.0))]), "a, b"),
            (counts(&[("a, b", 100.0, Some(100.0)), ("c", 4.8, Some(5.0))]), "c "),
            (counts(&[("a, b", 100.0, Some(100.0))]), "c: is gone"),
            (counts(&[("a, b", 100.0, Some(100.0)), ("c", 5.0, Some(5.0)), ("d", 1.0, None)]), "d "),
        ] {
            let error = judge(&wrong, &baseline, "1").expect_err("changed").to_string();
            assert!(error.contains(name) && error.contains("--bless"), "{error}");
            judge(&wrong, &baseline, "2").expect("other code is not judged");
        }
    }

    #[test]
    fn the_committed_counts_are_readable() {
        let text = std::fs::read_to_string(file()).expect("they are committed");
        let baseline: Baseline = toml::from_str(&text).expect("as this writes it");
        assert!(baseline.instructions.values().all(|count| *count > 0.0) && !baseline.instructions.is_empty());
    }
}
