//! The journal's directory at the start, when waiting is fine: its lock, and its files read, cut and begun.
//!
//! Not here: files while the node runs (`store`).

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::header::{SegmentHeader, segment_name, segment_number};
use super::mark::Mark;
use super::record::Record;
use crate::config::JournalConfig;

/// A directory that no other process writes to, as long as this lives.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    /// The directory itself, for syncs of names.
    pub(super) names: File,
    /// The journal's mark.
    pub(super) mark: File,
    pub(super) lock: Lock,
}

/// Held as long as anything may be written; the system lets go of it when the process ends, however it does. The directory is locked
/// too, where the file system can: somebody may remove the file.
#[derive(Debug)]
pub(super) struct Lock([File; 2]);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would leave it to a process that was forked a moment ago.
        let _ = self.0.each_ref().map(File::unlock);
    }
}

/// The file that is locked.
const LOCK_NAME: &str = "lock";

/// The file of the mark.
const MARK_NAME: &str = "mark";

/// Messages are for nobody but the node.
const DIRECTORY_MODE: u32 = 0o700;

/// A segment ends before it is longer than allowed, unless its only record is.
const FILE_BYTES_MAX: u64 =
    (JournalConfig::SEGMENT_BYTES_MAX + Record::PAYLOAD_BYTES_MAX + Record::TOPIC_BYTES_MAX + 4096) as u64;

impl Directory {
    /// Makes the directory if need be, and locks it.
    ///
    /// # Errors
    /// [`JournalError`]; `Locked` if another process has it.
    pub(super) fn open(path: &Path) -> Result<Self, JournalError> {
        make(path).map_err(failed("make", path))?;
        let names = File::open(path).map_err(failed("open", path))?;
        let lock_path = path.join(LOCK_NAME);
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(failed("open", &lock_path))?;
        let locked = || JournalError::Locked { dir: path.into() };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked()),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &lock_path)(error)),
        }
        // Opened once more, for io_uring may hold a file that it was given a moment longer than a killed process lives.
        let itself = File::open(path).map_err(failed("open", path))?;
        // A network's file system may not lock directories.
        if let Err(TryLockError::WouldBlock) = itself.try_lock() {
            return Err(locked());
        }
        let lock = Lock([lock, itself]);
        let mark_path = path.join(MARK_NAME);
        let mark = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&mark_path);
        let mark = mark.map_err(failed("open", &mark_path))?;
        Ok(Self { path: path.into(), names, mark, lock })
    }

    /// The journal's mark; `None` if there is none that can be read.
    pub(super) fn mark(&self) -> Result<Option<Mark>, JournalError> {
        let mut bytes = Vec::with_capacity(Mark::FILE_BYTES);
        let read = (&self.mark).take(Mark::FILE_BYTES as u64).read_to_end(&mut bytes);
        read.map_err(failed("read", &self.path.join(MARK_NAME)))?;
        Ok(Mark::decode(&bytes))
    }

    /// Writes the mark, and syncs it with its name. Both its places are on the disk then, so that it can be written when that is full.
    pub(super) fn write_mark(&self, mark: &Mark) -> Result<(), JournalError> {
        let write = || {
            let len = self.mark.metadata()?.len() as usize;
            if len < Mark::FILE_BYTES {
                self.mark.write_all_at(&vec![0; Mark::FILE_BYTES - len], len as u64)?;
            }
            let (bytes, at) = mark.encode();
            self.mark.write_all_at(&bytes, at)?;
            self.mark.sync_all()?;
            self.names.sync_all()
        };
        write().map_err(failed("write", &self.path.join(MARK_NAME)))
    }

    /// Numbers of the segments, rising. Other files are left alone.
    pub(super) fn segments(&self) -> Result<Vec<u64>, JournalError> {
        let list = || -> io::Result<Vec<u64>> {
            let mut numbers = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                numbers.extend(entry?.file_name().to_str().and_then(segment_number));
            }
            numbers.sort_unstable();
            Ok(numbers)
        };
        list().map_err(failed("list", &self.path))
    }

    /// A segment's bytes.
    pub(super) fn read(&self, number: u64) -> Result<Vec<u8>, JournalError> {
        let path = self.path(number);
        let bytes = fs::metadata(&path).map_err(failed("read", &path))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(JournalError::Size { path, bytes });
        }
        fs::read(&path).map_err(failed("read", &path))
    }

    /// Cuts a segment to its first `len` bytes, and syncs it.
    pub(super) fn cut(&self, number: u64, len: u64) -> Result<(), JournalError> {
        let path = self.path(number);
        let cut = || {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(len)?;
            file.sync_all()
        };
        cut().map_err(failed("cut and sync", &path))
    }

    pub(super) fn remove(&self, number: u64) -> Result<(), JournalError> {
        let path = self.path(number);
        fs::remove_file(&path).and_then(|()| self.names.sync_all()).map_err(failed("remove", &path))
    }

    /// A new segment with its header, synced with its name.
    pub(super) fn begin(&self, header: &SegmentHeader) -> Result<File, JournalError> {
        let path = self.path(header.number);
        let begin = || {
            let mut file = OpenOptions::new().create_new(true).write(true).open(&path)?;
            file.write_all(&header.encode())?;
            file.sync_all()?;
            self.names.sync_all()?;
            Ok(file)
        };
        begin().map_err(failed("begin", &path))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.path.join(segment_name(number))
    }
}

/// Makes the directory and those above it; the name of a new one is synced.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |error| JournalError::File { action, path: path.into(), error }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
