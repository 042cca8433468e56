//! What happens when a file fails: who waits is told, and from time to time a new segment is tried.
//!
//! What the disk has of a segment whose write or sync failed is unknown, so it gets nothing more, and is cut to what is known
//! to be there before it has a successor.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::committer::{Committer, answer};
use super::mark::Mark;
use super::store::Store;
use crate::topic::journal::NotDurable;

/// The time until a new segment is tried, which doubles each time.
const DELAY_MIN: Duration = Duration::from_millis(20);
const DELAY_MAX: Duration = Duration::from_secs(30);

/// Entries that are refused before the thread's others have their turn.
const REFUSED_COUNT_MAX: usize = 1024;

/// Why the segment gets nothing more, and when another one is tried.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) reason: Arc<str>,
    pub(super) retry_at: Instant,
    delay: Duration,
}

impl<S: Store> Committer<S> {
    /// What was written before is not touched: who waits for it hears when it is synced.
    pub(super) async fn on_write_failed(&mut self, error: &io::Error) {
        let lost = self.segment.unwritten();
        self.fail("write", error);
        self.lose(lost).await;
        let outcome = Err(self.not_durable());
        answer(&mut self.group, &outcome);
    }

    /// The kernel may have dropped what it could not write, and may call the next sync a success.
    pub(super) async fn on_sync_failed(&mut self, error: &io::Error) {
        let lost = self.segment.unsynced();
        self.segment.give_up_unsynced();
        self.fail("sync", error);
        self.lose(lost).await;
        let outcome = Err(self.not_durable());
        answer(&mut self.waiting, &outcome);
    }

    pub(super) fn fail(&mut self, action: &str, error: &io::Error) {
        let reason = format!("cannot {action} segment {} of the journal: {error}", self.segment.number);
        let delay = self.trouble.take().map_or(DELAY_MIN, |trouble| (trouble.delay * 2).min(DELAY_MAX));
        tracing::error!("{reason}; nothing is durable until a new segment can be begun, which is tried in {delay:?}");
        self.trouble = Some(Trouble { reason: reason.into(), retry_at: Instant::now() + delay, delay });
        // Before anybody hears that its message is not durable.
        self.tell();
    }

    /// Whether it is time to try again.
    pub(super) fn is_mendable(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.retry_at <= Instant::now())
    }

    /// Tries to go on in a new segment. Old segments go first, for the disk may be full.
    pub(super) async fn mend(&mut self) {
        self.retire().await;
        if let Err(error) = self.store.cut(self.segment.number, self.segment.written.bytes).await {
            return self.fail("cut", &error);
        }
        if let Err(error) = self.store.sync(&self.segment.file).await {
            return self.on_sync_failed(&error).await;
        }
        self.segment.mark_synced();
        answer(&mut self.waiting, &Ok(()));
        match self.begin_next().await {
            Ok(()) => {
                self.trouble = None;
                tracing::info!("the journal goes on in segment {}", self.segment.number);
            }
            Err(error) => self.fail("begin a segment behind", &error),
        }
    }

    /// Answers what waits in the queue, some of it at a time: shards that publish as fast as this refuses keep it full, and the
    /// thread has others to serve.
    pub(super) async fn refuse(&mut self) {
        let outcome = Err(self.not_durable());
        for _ in 0..REFUSED_COUNT_MAX {
            let Some(entry) = self.next() else { break };
            self.lose(1).await;
            self.group.extend(entry.ack);
            answer(&mut self.group, &outcome);
        }
    }

    /// Entries will not be in the journal. The mark tells it, before anybody hears of it: the node may be killed while the disk is full.
    async fn lose(&mut self, entry_count: u64) {
        self.health.lost_count += entry_count;
        if entry_count == 0 || self.is_segment_lossy {
            return;
        }
        (self.is_lossy, self.is_segment_lossy) = (true, true);
        if let Err(error) = self.write_mark(Mark { is_lossy: true, ..self.mark }).await {
            tracing::error!(
                "cannot write the mark of the journal: {error}; if the node ends before it goes on, nobody is told of a gap"
            );
        }
    }

    fn not_durable(&self) -> NotDurable {
        match &self.trouble {
            Some(trouble) => NotDurable::Failed(Arc::clone(&trouble.reason)),
            None => NotDurable::Ended,
        }
    }
}
