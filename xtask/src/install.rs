//! Installs what the tests need: Debian's packages if a program is missing, Python's and npm's by pinned lists.
//!
//! Python packages go below `target/`, npm's beside the scripts that import them, where node looks for them. What is there
//! already, from the same list, is not installed again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::{artifact, child};

const INSTALL_MAX: Duration = Duration::from_secs(600);

/// A program and the Debian package that brings it.
type Program = (&'static str, &'static str);

/// Needed by `ci`.
const REQUIRED: [Program; 8] = [
    ("python3", "python3"),
    ("pip3", "python3-pip"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("chromium", "chromium"),
    ("c++", "g++"),
    ("curl", "curl"),
    ("valgrind", "valgrind"),
];

/// Installs Debian's packages of the programs that are missing. As root, or through a sudo that asks nothing.
pub(crate) fn programs() -> Result<()> {
    let missing: Vec<&Program> = REQUIRED.iter().filter(|(program, _)| !child::is_installed(program)).collect();
    if missing.is_empty() {
        println!("nothing is missing");
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    println!("installing {}", packages.join(" "));
    apt(&["update", "--quiet=2"])?;
    apt(&[&["install", "--yes", "--quiet=2", "--no-install-recommends"][..], &packages].concat())
        .with_context(|| format!("install by hand: apt-get install {}", packages.join(" ")))
}

/// Installs Debian's packages if the program that they bring is missing.
pub(crate) fn package(program: &str, packages: &[&str]) -> Result<()> {
    if child::is_installed(program) {
        return Ok(());
    }
    apt(&["update", "--quiet=2"])?;
    apt(&[&["install", "--yes", "--quiet=2", "--no-install-recommends"][..], packages].concat())
        .with_context(|| format!("install by hand: apt-get install {}", packages.join(" ")))
}

/// Installs the Debian package of a shared library if the loader does not find that.
pub(crate) fn library(name: &str, package: &str) -> Result<()> {
    let known =
        Command::new("ldconfig").arg("-p").output().or_else(|_| Command::new("/sbin/ldconfig").arg("-p").output());
    if known.is_ok_and(|known| String::from_utf8_lossy(&known.stdout).contains(name)) {
        return Ok(());
    }
    apt(&["update", "--quiet=2"])?;
    apt(&["install", "--yes", "--quiet=2", "--no-install-recommends", package])
}

/// What builds C++ dependencies must be there; said plainly, since cargo's own words for it are many.
pub(crate) fn compiler() -> Result<()> {
    ensure!(child::is_installed("c++"), "no C++ compiler, which libFuzzer is built with: apt-get install g++");
    Ok(())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root {
        command.args(["--non-interactive", "apt-get"]);
    }
    child::run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"), INSTALL_MAX)
}

/// Python packages of a list in which every one is pinned; returns the folder to import them from.
pub(crate) fn python_packages(python: &Path, requirements: &str, name: &str) -> Result<PathBuf> {
    let list = artifact::root().join(requirements);
    let pins = std::fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let folder = artifact::target().join(name);
    let marker = folder.join("installed.txt");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == pins) {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-input", "--disable-pip-version-check"]);
    command.arg("--target").arg(&folder).arg("--requirement").arg(&list).env("PIP_ROOT_USER_ACTION", "ignore");
    command.env("PYTHONWARNINGS", "ignore");
    child::run(&mut command, INSTALL_MAX).with_context(|| format!("installing {requirements} by pip"))?;
    std::fs::write(marker, pins)?;
    Ok(folder)
}

/// The packages of a `package-lock.json`, exactly; returns the folder of the scripts.
pub(crate) fn node_packages(folder: &str) -> Result<PathBuf> {
    let folder = artifact::root().join(folder);
    let lock = folder.join("package-lock.json");
    let pins = std::fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    ensure!(
        !pins.contains("\"resolved\""),
        "{} names a registry: npm install --package-lock-only --omit-lockfile-registry-resolved",
        lock.display()
    );
    let marker = folder.join("node_modules/.installed.json");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == pins) {
        return Ok(folder);
    }
    let mut command = Command::new("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    child::run(&mut command, INSTALL_MAX).with_context(|| format!("installing {} by npm", folder.display()))?;
    std::fs::create_dir_all(folder.join("node_modules"))?;
    std::fs::write(marker, pins)?;
    Ok(folder)
}

/// CPython 2.7, which alone runs Autobahn's wstest: from pyenv, or from the PATH.
pub(crate) fn python27() -> Result<PathBuf> {
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let pyenv = pyenv.or_else(|| std::env::home_dir().map(|home| home.join(".pyenv")));
    let versions = pyenv.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let installed = versions.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path().join("bin/python2.7")));
    let mut candidates: Vec<PathBuf> = installed.filter(|path| path.is_file()).collect();
    candidates.push(PathBuf::from("python2.7"));
    match candidates.into_iter().find(|python| is_python27(python)) {
        Some(python) => Ok(python),
        None => bail!(
            "no Python 2.7, which Autobahn's wstest needs: pyenv install 2.7.18 (the quick check --kosoku needs none)"
        ),
    }
}

/// A shim of pyenv is there for every version, but runs none that was not chosen: so it is tried.
fn is_python27(python: &Path) -> bool {
    let version = Command::new(python)
        .args(["-E", "-s", "-c", "import sys, pip; print(sys.version_info[:2] == (2, 7))"])
        .output();
    version.is_ok_and(|output| output.status.success() && output.stdout.starts_with(b"True"))
}
