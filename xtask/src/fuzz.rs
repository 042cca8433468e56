//! `cargo xtask fuzz`: every fuzz target for a while, within bounded memory, two at a time.
//!
//! A target is a file in `engine/fuzz/targets/`. The package there is its own workspace, since its configuration builds all
//! with coverage counters. What a target finds stays in `engine/fuzz/artifacts/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::child::{self, Guard};
use crate::{artifact, install};

const BUILD_MAX: Duration = Duration::from_secs(900);
/// How long a target may need beside the time given: reading its corpus, writing its report.
const SLACK: Duration = Duration::from_secs(120);
/// Cores of the machines that the whole gate is planned for.
const AT_ONCE: usize = 2;

/// Run the fuzz targets for a while.
#[derive(Args)]
pub(crate) struct Options {
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// Where the fuzzer's choices begin; 0 for elsewhere each time.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u32,
    /// Resident memory that a target may use, in MiB.
    #[arg(long, default_value_t = 2048)]
    pub(crate) memory_max: u64,
    /// These targets; all, if none is named.
    pub(crate) targets: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 60, seed: 0, memory_max: 2048, targets: Vec::new() }
    }
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let folder = artifact::root().join("engine/fuzz");
    let targets = chosen(&all(&folder)?, &options.targets)?;
    let build = artifact::target().join("fuzz");
    // From its own folder: cargo reads the configuration of where it runs.
    let mut command = artifact::cargo(&["build", "--release", "--quiet", "--locked"]);
    command.current_dir(&folder).env("CARGO_TARGET_DIR", &build);
    install::compiler()?;
    child::run(&mut command, BUILD_MAX).context("building the fuzz targets")?;
    // The configuration there names this machine as an explicit target, which gets a folder of its own.
    let build = build.join(artifact::host()?).join("release");
    let failed = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match run(&folder, &build, target, options) {
                        Ok(report) => println!("{target}: {report}"),
                        Err(error) => {
                            println!("{target}: FAILED: {error:#}");
                            failed.lock().unwrap_or_else(|broken| broken.into_inner()).push(target.as_str());
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(|broken| broken.into_inner());
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

fn all(folder: &Path) -> Result<Vec<String>> {
    let targets = folder.join("targets");
    let files = std::fs::read_dir(&targets).with_context(|| format!("no fuzz targets: {}", targets.display()))?;
    let mut names = Vec::new();
    for file in files {
        let path: PathBuf = file?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "no fuzz targets in {}", targets.display());
    Ok(names)
}

fn chosen(all: &[String], named: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        bail!("no fuzz target {unknown}; there are {}", all.join(", "));
    }
    Ok(if named.is_empty() { all.to_vec() } else { named.to_vec() })
}

/// Runs one target to the end of its time; how much it ran.
fn run(folder: &Path, build: &Path, target: &str, options: &Options) -> Result<String> {
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let log = build.join(format!("{target}.log"));
    let output = std::fs::File::create(&log)?;
    let mut command = Command::new(build.join(target));
    command.arg(&corpus).arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={}", options.seconds)).arg(format!("-rss_limit_mb={}", options.memory_max));
    command.arg(format!("-seed={}", options.seed));
    command.args(["-timeout=20", "-print_final_stats=1", "-verbosity=1"]);
    command.current_dir(folder).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let status = Guard::spawn(&mut command, None)?.wait(Duration::from_secs(options.seconds) + SLACK);
    let said = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    let status = status.with_context(|| last_lines(&said))?;
    ensure!(status.success(), "{status}, see {}\n{}", log.display(), what_failed(&said));
    judge(&said)
}

/// A run without coverage counters, or one that executed nothing, has tested nothing.
fn judge(said: &str) -> Result<String> {
    ensure!(said.contains("inline 8-bit counters"), "built without coverage counters");
    let executed = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let executed: u64 =
        executed.and_then(|count| count.trim().parse().ok()).context("it did not say how much it ran")?;
    ensure!(executed > 0, "it executed nothing");
    let coverage = said.lines().rev().find_map(|line| line.split("cov: ").nth(1)?.split_whitespace().next());
    Ok(format!("{executed} runs, {} edges", coverage.unwrap_or("no")))
}

/// What the target said when it failed, and the input in letters, for whoever has this report alone.
fn what_failed(said: &str) -> String {
    const INPUT_BYTES_MAX: u64 = 4096;
    let from = said.find("panicked at").map_or(said, |at| &said[at..]);
    let panic: Vec<&str> = from.lines().take_while(|line| !line.starts_with("stack backtrace")).take(20).collect();
    let file = said.lines().find_map(|line| line.split("Test unit written to ").nth(1));
    let size = file.and_then(|file| std::fs::metadata(file).ok()).map(|input| input.len());
    let input = match (file, size) {
        (Some(file), Some(size)) if size <= INPUT_BYTES_MAX => {
            let bytes = std::fs::read(file).unwrap_or_default();
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        (Some(file), _) => format!("in {file}"),
        _ => "not written".to_owned(),
    };
    format!("{}\ninput: {input}\n{}", panic.join("\n"), last_lines(said))
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "INFO: Loaded 1 modules   (5 inline 8-bit counters): 5 [0x1, 0x6)\n#9\tDONE   cov: 12 ft: 20\n";

    #[test]
    fn a_run_is_judged_by_what_it_executed() {
        let run = format!("{SAID}stat::number_of_executed_units: 4096\n");
        assert_eq!(judge(&run).unwrap(), "4096 runs, 12 edges");
        assert!(judge(&format!("{SAID}stat::number_of_executed_units: 0\n")).is_err());
        assert!(judge("stat::number_of_executed_units: 4096\n").is_err());
    }

    #[test]
    fn a_failure_is_told_with_its_panic_and_its_input() {
        let file = std::env::temp_dir().join(format!("ringwire-fuzz-report-{}", std::process::id()));
        std::fs::write(&file, [0x0a, 0xff]).unwrap();
        let said = format!(
            "#1 NEW\nthread '<unnamed>' panicked at src/a.rs:1:1:\nbytes were forgotten\nstack backtrace:\n   0: main\n\
             artifact_prefix='x'; Test unit written to {}\n",
            file.display()
        );
        let report = what_failed(&said);
        std::fs::remove_file(&file).unwrap();
        assert!(report.starts_with("panicked at src/a.rs:1:1:\nbytes were forgotten\ninput: 0aff\n"), "{report}");
    }

    #[test]
    fn an_unknown_target_is_an_error() {
        let all = ["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(&all, &[]).unwrap(), all);
        assert_eq!(chosen(&all, &all[1..]).unwrap(), all[1..]);
        assert!(chosen(&all, &["c".to_owned()]).is_err());
    }
}
