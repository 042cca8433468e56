//! The kernel's version, and its settings under `/proc/sys`.

use std::fmt;
use std::fs;

/// A kernel's version as far as features depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl Version {
    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Reads a release such as `6.1.0-18-amd64` or `6.17-rc3`.
    pub(crate) fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        let (major, minor) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

/// The running kernel's release, as `uname -r` prints it.
pub(crate) fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// `kernel.io_uring_disabled`: 0 open to all, 1 to privileged processes and one group, 2 to none. `None` on kernels
/// before 6.6, which have no such setting.
pub(crate) fn io_uring_disabled() -> Option<u64> {
    setting("kernel/io_uring_disabled")
}

/// `net.core.somaxconn`, what a listener's backlog is cut to.
pub(crate) fn somaxconn() -> Option<u64> {
    setting("net/core/somaxconn")
}

fn setting(path: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions_are_read() {
        for (release, version) in [
            ("6.1.0-18-amd64", Some(Version::new(6, 1))),
            ("5.15.0-101-generic", Some(Version::new(5, 15))),
            ("6.17-rc3", Some(Version::new(6, 17))),
            ("6.6.32.fc40.x86_64", Some(Version::new(6, 6))),
            ("", None),
            ("unknown", None),
        ] {
            assert_eq!(Version::parse(release), version, "{release}");
        }
    }

    #[test]
    fn versions_compare_by_number_and_not_by_text() {
        assert!(Version::new(6, 9) < Version::new(6, 12));
        assert!(Version::new(5, 19) < Version::new(6, 1));
    }

    #[test]
    fn this_kernel_tells_its_version() {
        assert!(Version::parse(&release()).is_some(), "{}", release());
    }
}
