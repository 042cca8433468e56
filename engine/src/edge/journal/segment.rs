//! The segment that is being written: its file, and how far it is written and synced.

use std::io;

use super::header::SegmentHeader;
use super::record::Record;
use super::retention::SegmentSummary;
use super::store::Store;
use super::writer::SegmentWriter;
use crate::topic::history::Offset;

#[derive(Debug)]
pub(super) struct Segment<F> {
    pub(super) number: u64,
    pub(super) file: F,
    writer: SegmentWriter,
    pub(super) written: Mark,
    pub(super) synced: Mark,
}

/// A place between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) bytes: u64,
    pub(super) sequence: u64,
}

impl<F> Segment<F> {
    /// A segment whose file has its header, synced with its name.
    pub(super) fn begun(header: SegmentHeader, file: F) -> Self {
        let writer = SegmentWriter::start(header, &mut Vec::new());
        let mark = Mark { bytes: writer.bytes(), sequence: writer.sequence() };
        Self { number: header.number, file, writer, written: mark, synced: mark }
    }

    /// Makes a segment's file with its header, synced with its name.
    pub(super) async fn begin<S: Store<File = F>>(store: &S, header: SegmentHeader) -> io::Result<Self> {
        let file = store.create(header.number).await?;
        let (outcome, _) = store.write(&file, header.encode().into(), 0).await;
        outcome?;
        store.sync(&file).await?;
        store.sync_names().await?;
        Ok(Self::begun(header, file))
    }

    /// Whether the record fits; the first one does, whatever its size.
    pub(super) fn has_room(&self, record: &Record<'_>, bytes_max: u64) -> bool {
        self.writer.bytes() == SegmentHeader::BYTES as u64 || self.writer.bytes() + record.bytes() as u64 <= bytes_max
    }

    pub(super) fn push(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.writer.push(record, out);
    }

    /// All that was pushed is written.
    pub(super) fn mark_written(&mut self) {
        self.written = Mark { bytes: self.writer.bytes(), sequence: self.writer.sequence() };
    }

    /// All that was written is synced.
    pub(super) fn mark_synced(&mut self) {
        self.synced = self.written;
        self.writer.mark_synced(self.synced.sequence);
    }

    pub(super) fn is_synced(&self) -> bool {
        self.synced == self.written
    }

    /// Records that were pushed and are not written.
    pub(super) fn unwritten(&self) -> u64 {
        self.writer.sequence() - self.written.sequence
    }

    /// Records that are written and not synced.
    pub(super) fn unsynced(&self) -> u64 {
        self.written.sequence - self.synced.sequence
    }

    /// What is not synced counts as not written.
    pub(super) fn give_up_unsynced(&mut self) {
        self.written = self.synced;
    }

    /// The header of the segment behind this one, which ends where it is synced.
    pub(super) fn successor(&self, salt: u32, time_ms: u64) -> SegmentHeader {
        self.writer.successor(self.synced.sequence, salt, time_ms)
    }

    /// No offset in it or before it is larger.
    pub(super) fn floor(&self) -> Offset {
        self.writer.floor()
    }

    /// Its file, and what retention must know of it, once nothing more comes.
    pub(super) fn finish(self) -> (F, SegmentSummary) {
        (self.file, SegmentSummary { bytes: self.synced.bytes, ..self.writer.finish() })
    }

    /// The same, with the mark of a clean end in `out`.
    pub(super) fn close(self, out: &mut Vec<u8>) -> F {
        self.writer.close(out);
        self.file
    }
}
