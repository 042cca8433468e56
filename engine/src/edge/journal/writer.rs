//! Encodes one segment, group by group, into buffers of the caller's.

use super::header::SegmentHeader;
use super::record::{self, Record, Stand};
use super::retention::SegmentSummary;
use crate::topic::history::Offset;

/// The segment that is being appended to.
///
/// A group is what is pushed between two writes. After the write and its sync, [`SegmentWriter::mark_synced`] takes the
/// [`SegmentWriter::sequence`] of when the group was whole.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    header: SegmentHeader,
    stand: Stand,
    floor: Offset,
    summary: SegmentSummary,
}

impl SegmentWriter {
    /// Appends the header of a new segment to `out`.
    pub(crate) fn start(header: SegmentHeader, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&header.encode());
        Self {
            header,
            // The predecessor was synced before this segment was made.
            stand: Stand { seed: header.seed(), sequence: header.sequence, synced: header.sequence },
            floor: header.floor,
            summary: SegmentSummary::new(header.number, SegmentHeader::BYTES as u64),
        }
    }

    /// Appends a record to `out`.
    ///
    /// # Panics
    ///
    /// If the name or the payload is longer than the configuration can allow, the name is empty, or the offset is not from 1
    /// to [`Offset::MAX`].
    pub(crate) fn push(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        assert!((1..=Record::TOPIC_BYTES_MAX).contains(&record.topic.len()), "a name of {} bytes", record.topic.len());
        assert!(record.payload.len() <= Record::PAYLOAD_BYTES_MAX, "a payload of {} bytes", record.payload.len());
        assert!((Offset(1)..=Offset::MAX).contains(&record.offset), "offset {}", record.offset);
        record::write_message(record, self.stand, out);
        self.stand.sequence += 1;
        self.summary.bytes += record.bytes() as u64;
        self.summary.note(record.topic, record.offset);
        self.floor = self.floor.max(record.offset);
    }

    /// Appends the mark of a clean end, which is written when the node stops and every history is in the journal.
    pub(crate) fn close(mut self, out: &mut Vec<u8>) -> SegmentSummary {
        let before = out.len();
        record::write_end(self.stand, out);
        self.summary.bytes += (out.len() - before) as u64;
        self.finish()
    }

    /// A completed sync covered all records below `sequence`.
    pub(crate) fn mark_synced(&mut self, sequence: u64) {
        debug_assert!(sequence <= self.stand.sequence, "synced before it was encoded");
        self.stand.synced = self.stand.synced.max(sequence);
    }

    /// The sequence of the next record.
    pub(crate) fn sequence(&self) -> u64 {
        self.stand.sequence
    }

    /// No offset in it or before it is larger.
    pub(crate) fn floor(&self) -> Offset {
        self.floor
    }

    /// Length of the segment with all that was pushed.
    pub(crate) fn bytes(&self) -> u64 {
        self.summary.bytes
    }

    /// The header of the segment behind this one, once nothing more comes. `sequence` is behind its last record: less than
    /// [`SegmentWriter::sequence`] if it was cut because a file failed.
    pub(crate) fn successor(&self, sequence: u64, salt: u32, time_ms: u64) -> SegmentHeader {
        debug_assert!(sequence <= self.stand.sequence, "records are missing");
        SegmentHeader {
            number: self.header.number + 1,
            sequence,
            floor: self.floor,
            time_ms,
            salt,
            is_skip: false,
            is_lossy: false,
            is_renumbered: false,
            ..self.header
        }
    }

    /// Nothing more comes: what retention must know of this segment.
    pub(crate) fn finish(self) -> SegmentSummary {
        self.summary
    }
}
