//! The workspace's own programs: built by cargo, found under `target/`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};

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

/// A cargo command in the workspace, with the cargo that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Builds a binary in release mode and returns its path; cargo is asked once for each.
pub(crate) fn release(package: &str, binary: &str) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(binary) {
        return Ok(path.clone());
    }
    child::run(&mut cargo(&["build", "--release", "--quiet", "--package", package, "--bin", binary]), BUILD_MAX)?;
    let path = target().join("release").join(binary);
    ensure!(path.is_file(), "cargo built no {}", path.display());
    built.insert(binary.to_owned(), path.clone());
    Ok(path)
}
