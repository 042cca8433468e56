//! The journal's files while the node runs: what is asked of them, and the kernel's answer over io_uring.
//!
//! A trait, so that tests can let a disk be full or a sync fail.

use std::io;
use std::path::PathBuf;

use tokio_uring::fs::{self, File, OpenOptions};

use super::directory::{Directory, Lock};
use super::header::segment_name;

/// Segment files by their numbers.
pub(super) trait Store {
    /// An open segment.
    type File;

    /// Takes a file that was opened before there was a runtime.
    fn adopt(&self, file: std::fs::File) -> Self::File;

    /// An empty segment. One of this number is emptied: a failed attempt left it.
    async fn create(&self, number: u64) -> io::Result<Self::File>;

    /// Writes all bytes at this place, and gives the buffer back. After an error any part of them may be there.
    async fn write(&self, file: &Self::File, bytes: Vec<u8>, at: u64) -> (io::Result<()>, Vec<u8>);

    /// Makes durable what was written.
    async fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Makes durable which files there are.
    async fn sync_names(&self) -> io::Result<()>;

    /// Cuts a segment to its first `len` bytes; durable after the next sync.
    async fn cut(&self, number: u64, len: u64) -> io::Result<()>;

    /// Removes a segment.
    async fn remove(&self, number: u64) -> io::Result<()>;

    /// Writes bytes of the journal's mark at this place, and makes them durable.
    async fn write_mark(&self, bytes: Vec<u8>, at: u64) -> io::Result<()>;

    /// Closes a segment that was synced.
    async fn close(&self, file: Self::File);
}

/// The kernel's files.
pub(super) struct UringStore {
    path: PathBuf,
    names: File,
    mark: File,
    _lock: Lock,
}

impl UringStore {
    /// Call it on a tokio-uring runtime.
    pub(super) fn new(Directory { path, names, mark, lock }: Directory) -> Self {
        Self { path, names: File::from_std(names), mark: File::from_std(mark), _lock: lock }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.path.join(segment_name(number))
    }
}

impl Store for UringStore {
    type File = File;

    fn adopt(&self, file: std::fs::File) -> File {
        File::from_std(file)
    }

    async fn create(&self, number: u64) -> io::Result<File> {
        OpenOptions::new().create(true).truncate(true).write(true).open(self.path(number)).await
    }

    async fn write(&self, file: &File, bytes: Vec<u8>, at: u64) -> (io::Result<()>, Vec<u8>) {
        file.write_all_at(bytes, at).await
    }

    async fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data().await
    }

    async fn sync_names(&self) -> io::Result<()> {
        self.names.sync_all().await
    }

    /// Blocks the thread for a moment, since io_uring cuts files from Linux 6.9 on; it happens only behind an error.
    async fn cut(&self, number: u64, len: u64) -> io::Result<()> {
        std::fs::OpenOptions::new().write(true).open(self.path(number))?.set_len(len)
    }

    async fn remove(&self, number: u64) -> io::Result<()> {
        fs::remove_file(self.path(number)).await
    }

    async fn write_mark(&self, bytes: Vec<u8>, at: u64) -> io::Result<()> {
        self.mark.write_all_at(bytes, at).await.0?;
        self.mark.sync_data().await
    }

    async fn close(&self, file: File) {
        // It was synced, so there is nothing that an error could tell.
        let _ = file.close().await;
    }
}
