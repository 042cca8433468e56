//! A disk that fails when it is told to, and then has less than was written.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

use fastrand::Rng;

use super::super::store::{Store, UringStore};

/// What fails.
#[derive(Debug)]
pub(super) struct Faults {
    /// Bytes that the disk still takes; what does not fit is written in part.
    pub(super) room: u64,
    pub(super) fails_sync: bool,
    pub(super) fails_create: bool,
    /// One call in so many fails; 0: none.
    pub(super) one_in: u32,
    pub(super) random: Rng,
}

impl Default for Faults {
    fn default() -> Self {
        Self { room: u64::MAX, fails_sync: false, fails_create: false, one_in: 0, random: Rng::with_seed(0) }
    }
}

pub(super) type Shared = Arc<Mutex<Faults>>;

pub(super) struct FaultyStore {
    pub(super) files: UringStore,
    pub(super) faults: Shared,
}

/// A file with what of it is known to be on the disk.
pub(super) struct FaultyFile {
    file: tokio_uring::fs::File,
    synced: Cell<u64>,
    written: Cell<u64>,
}

impl FaultyStore {
    /// Whether this call fails.
    fn fails(&self, always: impl FnOnce(&Faults) -> bool) -> bool {
        let mut faults = self.faults.lock().expect("no panic");
        let one_in = faults.one_in;
        always(&faults) || (one_in > 0 && faults.random.u32(..one_in) == 0)
    }

    /// How much of these bytes is written.
    fn take(&self, bytes: usize) -> usize {
        let mut faults = self.faults.lock().expect("no panic");
        let mut taken = bytes.min(usize::try_from(faults.room).unwrap_or(usize::MAX));
        let one_in = faults.one_in;
        if one_in > 0 && faults.random.u32(..one_in) == 0 {
            taken = faults.random.usize(..bytes);
        }
        faults.room -= taken as u64;
        taken
    }
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOSPC)
}

impl Store for FaultyStore {
    type File = FaultyFile;

    fn adopt(&self, file: std::fs::File) -> FaultyFile {
        let len = Cell::new(file.metadata().expect("its length").len());
        FaultyFile { file: self.files.adopt(file), synced: len.clone(), written: len }
    }

    async fn create(&self, number: u64) -> io::Result<FaultyFile> {
        if self.fails(|faults| faults.fails_create) {
            return Err(full());
        }
        let file = self.files.create(number).await?;
        Ok(FaultyFile { file, synced: Cell::new(0), written: Cell::new(0) })
    }

    async fn write(&self, file: &FaultyFile, bytes: Vec<u8>, at: u64) -> (io::Result<()>, Vec<u8>) {
        let taken = self.take(bytes.len());
        let (outcome, _) = self.files.write(&file.file, bytes[..taken].to_vec(), at).await;
        outcome.expect("the real disk takes it");
        file.written.set(at + taken as u64);
        (if taken < bytes.len() { Err(full()) } else { Ok(()) }, bytes)
    }

    /// One that fails loses what was written, and the next one says that all is well.
    async fn sync(&self, file: &FaultyFile) -> io::Result<()> {
        if !self.fails(|faults| faults.fails_sync) {
            file.synced.set(file.written.get());
            return self.files.sync(&file.file).await;
        }
        // The kernel's pages are dropped: the file keeps its length, and reads as zeros there.
        let lost = file.written.get().saturating_sub(file.synced.get());
        let zeros = vec![0; lost as usize];
        self.files.write(&file.file, zeros, file.synced.get()).await.0?;
        Err(io::Error::from(ErrorKind::Other))
    }

    async fn sync_names(&self) -> io::Result<()> {
        if self.fails(|_| false) { Err(full()) } else { self.files.sync_names().await }
    }

    async fn cut(&self, number: u64, len: u64) -> io::Result<()> {
        if self.fails(|_| false) { Err(full()) } else { self.files.cut(number, len).await }
    }

    async fn remove(&self, number: u64) -> io::Result<()> {
        if self.fails(|_| false) { Err(full()) } else { self.files.remove(number).await }
    }

    async fn write_mark(&self, bytes: Vec<u8>, at: u64) -> io::Result<()> {
        // In place, so that a full disk has room for it.
        if self.fails(|_| false) { Err(full()) } else { self.files.write_mark(bytes, at).await }
    }

    async fn close(&self, file: FaultyFile) {
        self.files.close(file.file).await;
    }
}
