//! Group commit: all that waits leaves in one write, and one sync serves it.
//!
//! Not here: what happens when a file fails (`trouble`).

use std::fs::File;
use std::sync::Arc;
use std::{io, mem};

use tokio::time::Instant;

use super::directory;
use super::header::SegmentHeader;
use super::health::JournalHealth;
use super::held::Held;
use super::inbox::Inbox;
use super::mark::Mark;
use super::retention::{Retired, SegmentSummary, retire};
use super::segment::Segment;
use super::store::Store;
use super::task::Parts;
use super::trouble::Trouble;
use crate::config::JournalConfig;
use crate::edge::clock::unix_ms;
use crate::topic::journal::{Ack, Durability, JournalEntry};

/// A group is written when it has so many bytes, whatever still waits.
const GROUP_BYTES: usize = 1 << 20;
/// So much of the room for a group is kept.
const GROUP_SPARE_BYTES: usize = 2 * GROUP_BYTES;

/// Writes groups into segments.
pub(super) struct Committer<S: Store> {
    pub(super) store: S,
    pub(super) inbox: Arc<Inbox>,
    config: JournalConfig,
    held: Held,
    /// Complete ones, oldest first.
    pub(super) segments: Vec<SegmentSummary>,
    pub(super) segment: Segment<S::File>,
    pub(super) mark: Mark,
    /// Files that the start found go only when there is no room: the last one's number, and until when.
    spared: Option<(u64, Instant)>,
    /// Taken from the queue, and too large for the segment.
    carried: Option<JournalEntry>,
    /// The group that is being encoded, and who waits for it.
    out: Vec<u8>,
    pub(super) group: Vec<Ack>,
    /// Who waits for the sync of what is written.
    pub(super) waiting: Vec<Ack>,
    sync_due: Option<Instant>,
    pub(super) trouble: Option<Trouble>,
    /// Some entry of this run is not in the journal, so it gets no mark of a clean end: numbers were given that it does not know.
    pub(super) is_lossy: bool,
    /// The same since the segment was begun: the next one tells it.
    pub(super) is_segment_lossy: bool,
    pub(super) health: JournalHealth,
}

impl<S: Store> Committer<S> {
    pub(super) fn new(store: S, file: File, parts: Parts) -> Self {
        let Parts { inbox, config, held, segments, header, mark, found } = parts;
        let segment = Segment::begun(header, store.adopt(file));
        let grace = Some(config.retention_grace).filter(|grace| !grace.is_zero());
        Self {
            store,
            inbox,
            config,
            held,
            segments,
            segment,
            mark,
            spared: grace.map(|grace| (header.number - 1, Instant::now() + grace)),
            carried: None,
            out: Vec::new(),
            group: Vec::new(),
            waiting: Vec::new(),
            sync_due: None,
            trouble: None,
            is_lossy: false,
            is_segment_lossy: false,
            health: JournalHealth { found, ..JournalHealth::default() },
        }
    }

    /// Commits what waits, up to one group a segment, or says of some of it that it cannot be.
    pub(super) async fn commit(&mut self) {
        if self.is_mendable() {
            self.mend().await;
        }
        if self.spared.is_some_and(|(_, until)| until <= Instant::now()) {
            self.spared = None;
            self.retire().await;
        }
        loop {
            if self.trouble.is_some() {
                self.refuse().await;
                break;
            }
            self.encode();
            self.write().await;
            self.sync_if_due().await;
            if self.carried.is_none() || self.trouble.is_some() {
                break;
            }
            self.roll().await;
        }
        self.tell();
    }

    /// When there is something to do though nothing comes.
    pub(super) fn due(&self) -> Option<Instant> {
        let work = self.trouble.as_ref().map_or(self.sync_due, |trouble| Some(trouble.retry_at));
        work.into_iter().chain(self.spared.map(|(_, until)| until)).min()
    }

    /// Takes entries until the group or the segment is full.
    fn encode(&mut self) {
        while self.out.len() < GROUP_BYTES {
            let Some(entry) = self.next() else { break };
            if !self.segment.has_room(&entry.record(), self.config.segment_bytes_max as u64) {
                self.carried = Some(entry);
                break;
            }
            self.segment.push(&entry.record(), &mut self.out);
            self.group.extend(entry.ack);
        }
    }

    pub(super) fn next(&mut self) -> Option<JournalEntry> {
        if let Some(entry) = self.carried.take() {
            return Some(entry);
        }
        let entry = self.inbox.pop()?;
        self.held.note(&entry.topic, entry.oldest, entry.entry.time_ms);
        Some(entry)
    }

    async fn write(&mut self) {
        if self.out.is_empty() {
            return;
        }
        let (bytes, at) = (mem::take(&mut self.out), self.segment.written.bytes);
        let (outcome, mut bytes) = self.store.write(&self.segment.file, bytes, at).await;
        bytes.clear();
        bytes.shrink_to(GROUP_SPARE_BYTES);
        self.out = bytes;
        match outcome {
            Ok(()) => self.on_written(),
            Err(error) => self.on_write_failed(&error).await,
        }
    }

    fn on_written(&mut self) {
        self.health.group_count += 1;
        self.health.entry_count += self.segment.unwritten();
        self.segment.mark_written();
        match self.config.fsync.delay() {
            Some(delay) => {
                self.waiting.append(&mut self.group);
                self.sync_due.get_or_insert_with(|| Instant::now() + delay);
            }
            None => answer(&mut self.group, &Ok(())),
        }
    }

    async fn sync_if_due(&mut self) {
        let is_due = self.sync_due.is_some_and(|due| due <= Instant::now());
        if is_due || self.waiting.len() >= self.config.queue_count as usize {
            self.sync().await;
        }
    }

    /// Makes durable what is written, and tells who waits for it.
    pub(super) async fn sync(&mut self) {
        self.sync_due = None;
        if self.segment.is_synced() {
            return;
        }
        match self.store.sync(&self.segment.file).await {
            Ok(()) => {
                self.health.sync_count += 1;
                self.segment.mark_synced();
                self.tell();
                answer(&mut self.waiting, &Ok(()));
            }
            Err(error) => self.on_sync_failed(&error).await,
        }
    }

    /// Goes on in a new segment.
    async fn roll(&mut self) {
        self.sync().await;
        if self.trouble.is_some() {
            return;
        }
        match self.begin_next().await {
            Ok(()) => self.retire().await,
            Err(error) => self.fail("begin a segment behind", &error),
        }
    }

    /// Begins the segment behind this one, of which all that is left is synced.
    pub(super) async fn begin_next(&mut self) -> io::Result<()> {
        let header = SegmentHeader {
            is_lossy: self.is_segment_lossy,
            ..self.segment.successor(u32::from_le_bytes(directory::random()?), unix_ms())
        };
        let next = Segment::begin(&self.store, header).await?;
        // Before its first record, so that its loss is noticed.
        self.write_mark(Mark { number: header.number, floor: header.floor, is_lossy: false, ..self.mark }).await?;
        self.is_segment_lossy = false;
        let (file, summary) = mem::replace(&mut self.segment, next).finish();
        self.segments.push(summary);
        self.store.close(file).await;
        Ok(())
    }

    /// Writes the mark anew, durably.
    pub(super) async fn write_mark(&mut self, mark: Mark) -> io::Result<()> {
        // Even if this fails, the place that it went to is not the one of the mark that is known to be there.
        let mark = Mark { count: self.mark.count + 1, ..mark };
        let (bytes, at) = mark.encode();
        self.store.write_mark(bytes, at).await?;
        self.mark = mark;
        Ok(())
    }

    /// Removes the segments that are needed no more, and those that there is no room for.
    pub(super) async fn retire(&mut self) {
        self.held.expire(unix_ms());
        // There is room for the segment that is written too, however large it becomes.
        let bytes_max = self.config.journal_bytes_max - self.config.segment_bytes_max;
        let spared = self.spared.map_or(0, |(number, _)| number);
        let Retired { numbers, forced } =
            retire(&self.segments, bytes_max as u64, spared, |topic| self.held.oldest(topic));
        let gone = self.remove(&numbers).await;
        self.segments.retain(|segment| !numbers[..gone].contains(&segment.number));
        let forced = (forced + gone).saturating_sub(numbers.len());
        if forced > 0 {
            self.health.forced_count += forced as u64;
            let kept = self.health.found.kept_bytes;
            tracing::warn!(
                "{forced} segments of the journal went with messages of histories: raise journal_bytes_max, of which {kept} bytes \
                 are files that stay because of problems at the start"
            );
        }
        self.tell();
    }

    /// Removes segments, each before the next; how many went. What did not go is tried again with the next segment.
    async fn remove(&self, numbers: &[u64]) -> usize {
        for (index, &number) in numbers.iter().enumerate() {
            let mut outcome = self.store.remove(number).await;
            if outcome.is_ok() {
                outcome = self.store.sync_names().await;
            }
            if let Err(error) = outcome {
                tracing::warn!("cannot remove segment {number} of the journal: {error}");
                return index;
            }
        }
        numbers.len()
    }

    /// Writes what is left, and the mark of a clean end if every entry is there.
    pub(super) async fn finish(mut self) {
        while self.carried.is_some() || !self.inbox.is_empty() {
            self.commit().await;
        }
        if self.trouble.is_some() {
            self.mend().await;
        }
        self.sync().await;
        self.tell();
        if self.trouble.is_some() || self.is_lossy {
            tracing::warn!("the journal lacks messages of this run, so it gets no mark of a clean end");
        } else if let Err(error) = self.close().await {
            tracing::warn!("the journal has no mark of a clean end: {error}");
        }
    }

    async fn close(self) -> io::Result<()> {
        let Self { store, segment, mut out, mark, .. } = self;
        let at = segment.written.bytes;
        let (sequence, floor, count) = (segment.written.sequence, segment.floor(), mark.count + 1);
        let file = segment.close(&mut out);
        store.write(&file, out, at).await.0?;
        store.sync(&file).await?;
        store.close(file).await;
        let (bytes, at) = Mark { sequence, floor, count, is_closed: true, ..mark }.encode();
        store.write_mark(bytes, at).await
    }

    /// Tells how it is.
    pub(super) fn tell(&mut self) {
        self.health.trouble = self.trouble.as_ref().map(|trouble| Arc::clone(&trouble.reason));
        self.health.segment_count = self.segments.len() + 1;
        let complete: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        self.health.bytes = complete + self.segment.written.bytes;
        self.inbox.tell(&self.health);
    }
}

pub(super) fn answer(acks: &mut Vec<Ack>, durability: &Durability) {
    acks.drain(..).for_each(|ack| ack.answer(durability.clone()));
}
