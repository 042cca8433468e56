//! The workspace's own programs: built by cargo, found under `target/`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::child;

/// A release build with fat LTO from nothing.
const BUILD_MAX: Duration = Duration::from_secs(1500);

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(PathBuf::from).unwrap_or(manifest)
}

/// Where cargo builds to, and where everything that we install goes.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The target triple of this machine.
pub(crate) fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).with_context(|| format!("rustc names no host: {said}"))
}

/// A cargo command in the workspace, with the cargo that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Builds a binary as it ships, and returns its path.
pub(crate) fn release(package: &str, binary: &str) -> Result<PathBuf> {
    built(package, "--bin", binary, "release")
}

/// Builds a binary with its assertions on, and returns its path.
pub(crate) fn debug(package: &str, binary: &str) -> Result<PathBuf> {
    built(package, "--bin", binary, "dev")
}

/// Builds an example with its assertions on, and returns its path.
pub(crate) fn debug_example(package: &str, example: &str) -> Result<PathBuf> {
    built(package, "--example", example, "dev")
}

/// Cargo is asked once for each.
fn built(package: &str, kind: &str, name: &str, profile: &str) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let folder = if profile == "dev" { "debug" } else { profile };
    let inner = if kind == "--example" { "examples" } else { "" };
    let path = target().join(folder).join(inner).join(name);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !built.contains(&path) {
        let build = ["build", "--quiet", "--profile", profile, "--package", package, kind, name];
        child::run(&mut cargo(&build), BUILD_MAX)?;
        ensure!(path.is_file(), "cargo built no {}", path.display());
        built.insert(path.clone());
    }
    Ok(path)
}
