//! The machine itself, or what lies below another root.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::Access;

use super::System;

/// The machine below a root; `/` is this machine.
#[derive(Clone, Debug)]
pub struct Real {
    root: PathBuf,
}

impl Real {
    /// The machine below `root`.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl System for Real {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(self.at(path))
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.at(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn exists(&self, path: &Path) -> bool {
        self.at(path).symlink_metadata().is_ok()
    }

    fn may_write(&self, path: &Path) -> bool {
        let path = self.at(path);
        // Root may open what the kernel will not change, like the affinity of an interrupt that it manages itself: such a file
        // has no write bit for anybody.
        let has_bit = path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o222 != 0);
        has_bit && rustix::fs::access(&path, Access::WRITE_OK).is_ok()
    }

    fn write(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).truncate(true).open(self.at(path))?;
        // One call: the kernel takes what it is given as the whole value.
        let written = file.write(text.as_bytes())?;
        if written == text.len() { Ok(()) } else { Err(io::Error::from(ErrorKind::WriteZero)) }
    }

    fn create(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let mut file = File::create(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(self.at(from), self.at(to))?;
        sync_folder(&self.at(to))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(self.at(path)) {
            Ok(()) => sync_folder(&self.at(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn ethtool(&self, interface: &str, key: &str) -> io::Result<String> {
        let said = self.run_ethtool(&[question(key), interface])?;
        answer(&said, key).ok_or_else(|| io::Error::new(ErrorKind::Unsupported, format!("{interface} has no {key}")))
    }

    fn set_ethtool(&mut self, interface: &str, key: &str, value: &str) -> io::Result<()> {
        let order = if key == "gro" { "-K" } else { "-C" };
        self.run_ethtool(&[order, interface, key, value]).map(drop)
    }
}

impl Real {
    fn run_ethtool(&self, arguments: &[&str]) -> io::Result<String> {
        if self.root != Path::new("/") {
            return Err(io::Error::new(ErrorKind::Unsupported, "not this machine"));
        }
        let output = match Command::new("ethtool").args(arguments).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(io::Error::new(ErrorKind::Unsupported, "the program ethtool is not installed"));
            }
            output => output?,
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        let kind = if said.contains("not supported") { ErrorKind::Unsupported } else { ErrorKind::Other };
        Err(io::Error::new(kind, format!("ethtool {}: {said}", arguments.join(" "))))
    }
}

fn question(key: &str) -> &'static str {
    if key == "gro" { "-k" } else { "-c" }
}

/// The value in what `ethtool -c` or `-k` prints; none where it says that there is none, or that it is fixed.
fn answer(said: &str, key: &str) -> Option<String> {
    let label = match key {
        "gro" => "generic-receive-offload",
        "adaptive-rx" => "Adaptive RX",
        key => key,
    };
    let line = said.lines().find(|line| line.strip_prefix(label).is_some_and(|rest| rest.starts_with(':')))?;
    let value = line.split(':').nth(1)?.split_whitespace().next()?;
    (!line.contains("[fixed]") && value != "n/a").then(|| value.to_owned())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ethtool_prints_is_understood() {
        let coalescing = "Coalesce parameters for eth0:\nAdaptive RX: on  TX: off\nstats-block-usecs:\tn/a\nrx-usecs:\t50\ntx-usecs:\tn/a\n";
        assert_eq!(answer(coalescing, "rx-usecs").as_deref(), Some("50"));
        assert_eq!(answer(coalescing, "adaptive-rx").as_deref(), Some("on"));
        assert_eq!(answer(coalescing, "tx-usecs"), None);
        let features = "Features for eth0:\ngeneric-receive-offload: on\nlarge-receive-offload: off [fixed]\n";
        assert_eq!(answer(features, "gro").as_deref(), Some("on"));
        assert_eq!(answer("generic-receive-offload: off [fixed]\n", "gro"), None);
    }
}
