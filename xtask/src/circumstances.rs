//! What a result was made of and on: command, commit, versions, machine.

use std::process::Command;

use serde_json::{Value, json};

use crate::artifact;

/// The circumstances of a measurement.
pub(crate) fn all(what: &str) -> Value {
    let words: Vec<String> = std::env::args().skip(1).collect();
    json!({
        "what": what,
        "command": format!("cargo xtask {}", words.join(" ")),
        "commit": commit(),
        "rustc": rustc(),
        "kernel": kernel(),
        "processor": processor(),
        "cores": std::thread::available_parallelism().map_or(0, |count| count.get()).to_string(),
        "date": output("date", &["-u", "+%Y-%m-%dT%H:%MZ"]),
    })
}

pub(crate) fn rustc() -> String {
    output("rustc", &["--version"])
}

pub(crate) fn kernel() -> String {
    output("uname", &["-srm"])
}

pub(crate) fn processor() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown", |(_, name)| name).to_owned()
}

pub(crate) fn commit() -> String {
    let changed = !output("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    output("git", &["rev-parse", "HEAD"]) + if changed { " with changes" } else { "" }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(artifact::root()).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
