//! Why a journal cannot be opened.

use std::io;
use std::path::PathBuf;

/// Displays what the operator needs to mend it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process writes it.
    #[error("another process has the journal in {dir}: end it, or take another directory with --journal=DIR")]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// A file or the directory cannot be used.
    #[error(
        "the journal cannot {action} {path}: {error}; mend its owner, its mode or the room there, or take another directory \
         with --journal=DIR"
    )]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file that is no segment of ours, and too large to be read.
    #[error("the journal's file {path} has {bytes} bytes, more than any segment: move it away")]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The system lacks something.
    #[error("the journal cannot start: {0}")]
    System(io::Error),
}
