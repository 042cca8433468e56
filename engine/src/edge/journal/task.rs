//! The task that owns the journal's files while the node runs.

use std::fs::File;
use std::future::{self, Future};
use std::io;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::committer::Committer;
use super::directory::Directory;
use super::header::SegmentHeader;
use super::health::{Found, JournalHealth};
use super::held::Held;
use super::inbox::{Bell, Inbox};
use super::mark::Mark;
use super::retention::SegmentSummary;
use super::store::{Store, UringStore};
use crate::config::JournalConfig;

/// An opened journal that nobody writes yet. Dropped, it leaves a journal without a clean end.
#[derive(Debug)]
pub(crate) struct JournalTask {
    pub(super) directory: Directory,
    /// The bell's.
    pub(super) rope: UnixStream,
    /// Of the segment that was begun.
    pub(super) file: File,
    pub(super) parts: Parts,
}

/// What is needed beside the files.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) inbox: Arc<Inbox>,
    pub(super) config: JournalConfig,
    pub(super) held: Held,
    /// Complete ones, oldest first.
    pub(super) segments: Vec<SegmentSummary>,
    /// Of the segment that was begun.
    pub(super) header: SegmentHeader,
    /// As it was written.
    pub(super) mark: Mark,
    pub(super) found: Arc<Found>,
}

impl JournalTask {
    /// Writes until `stop`, and then what is still in the queue, and the mark of a clean end. `stop` comes when the shards
    /// have ended. Spawn it on any tokio-uring runtime; what fails meanwhile is logged and told by
    /// [`JournalStatus::read`](super::JournalStatus::read).
    ///
    /// # Errors
    /// When the runtime cannot watch the queue's bell: nothing was written.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        self.run_with(UringStore::new, stop).await
    }

    /// The same with other files.
    pub(super) async fn run_with<S: Store>(
        self,
        store: impl FnOnce(Directory) -> S,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Self { directory, rope, file, parts } = self;
        // However this ends: publishers must not wait for nobody.
        let _closer = Closer(Arc::clone(&parts.inbox));
        let bell = Bell::new(Arc::clone(&parts.inbox), rope)?;
        let mut committer = Committer::new(store(directory), file, parts);
        committer.retire().await;
        work(&mut committer, &bell, stop).await;
        committer.finish().await;
        Ok(())
    }
}

/// Closes the queue when nobody pops it any more.
struct Closer(Arc<Inbox>);

impl Drop for Closer {
    fn drop(&mut self) {
        let trouble = Some("nobody writes the journal any more".into());
        self.0.tell(&JournalHealth { trouble, ..self.0.status().read() });
        self.0.port.close();
    }
}

async fn work<S: Store>(committer: &mut Committer<S>, bell: &Bell, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    loop {
        committer.commit().await;
        // Where files fail, nothing above waits, and the others of this thread shall have their turn.
        tokio::task::yield_now().await;
        tokio::select! {
            () = &mut stop => break,
            () = bell.rung() => {}
            () = at(committer.due()) => {}
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => future::pending().await,
    }
}
