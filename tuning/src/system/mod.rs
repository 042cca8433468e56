//! The one door to the machine: files of the kernel, files of ours, and `ethtool`.
//!
//! Every step that changes something is a call of its own, so that a test can stop after any of them: see `fake`.
//!
//! Not here: what to write.

#[cfg(test)]
pub(crate) mod fake;
mod real;

use std::io;
use std::path::Path;

pub use real::Real;

/// What a machine lets one read and change. Paths are absolute; where they really lie is the implementation's affair.
pub trait System {
    /// The whole text of a file.
    ///
    /// # Errors
    ///
    /// As of the file system.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Names in a folder, sorted; none if there is no such folder.
    fn list(&self, folder: &Path) -> Vec<String>;

    /// Whether this is a link or a file or a folder.
    fn exists(&self, path: &Path) -> bool;

    /// Whether this process may write this file of the kernel. Changes nothing.
    fn may_write(&self, path: &Path) -> bool;

    /// Writes a file of the kernel that there is, at once.
    ///
    /// # Errors
    ///
    /// As the kernel answers.
    fn write(&mut self, path: &Path, text: &str) -> io::Result<()>;

    /// Writes a file of ours anew, and waits until it is on the disk. Makes its folder.
    ///
    /// # Errors
    ///
    /// As of the file system.
    fn create(&mut self, path: &Path, text: &str) -> io::Result<()>;

    /// Puts one file of ours in the place of another, for good.
    ///
    /// # Errors
    ///
    /// As of the file system.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file of ours, for good; nothing if there is none.
    ///
    /// # Errors
    ///
    /// As of the file system.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// A setting of a network interface that has no file. `Unsupported` if the interface, or this machine, does not have it.
    ///
    /// # Errors
    ///
    /// As `ethtool` says.
    fn ethtool(&self, interface: &str, key: &str) -> io::Result<String>;

    /// Sets it.
    ///
    /// # Errors
    ///
    /// As `ethtool` says.
    fn set_ethtool(&mut self, interface: &str, key: &str, value: &str) -> io::Result<()>;
}
