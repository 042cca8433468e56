//! A segment with all that is known of its writing.

use crate::edge::journal::header::SegmentHeader;
use crate::edge::journal::record::Record;
use crate::edge::journal::writer::SegmentWriter;
use crate::topic::history::{Epoch, MessageKind, Offset};

/// Decisions, one a byte; when they run out, all are 0.
pub(in crate::edge::journal) struct Decisions<'a>(std::slice::Iter<'a, u8>);

impl<'a> Decisions<'a> {
    pub(in crate::edge::journal) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    /// A number below `bound`; of two bytes, if one is too few.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let mut byte = || self.0.next().copied().map_or(0, usize::from);
        let number = if bound > 256 { byte() << 8 | byte() } else { byte() };
        number % bound.max(1)
    }
}

/// A record that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::edge::journal) struct Message {
    pub(in crate::edge::journal) topic: String,
    pub(in crate::edge::journal) offset: Offset,
    pub(in crate::edge::journal) time_ms: u64,
    pub(in crate::edge::journal) kind: MessageKind,
    pub(in crate::edge::journal) payload: Vec<u8>,
}

impl Message {
    pub(in crate::edge::journal) fn record(&self) -> Record<'_> {
        let Self { topic, offset, time_ms, kind, payload } = self;
        Record { topic, offset: *offset, time_ms: *time_ms, kind: *kind, payload }
    }
}

impl From<&Record<'_>> for Message {
    fn from(record: &Record<'_>) -> Self {
        let Record { topic, offset, time_ms, kind, payload } = *record;
        Self { topic: topic.into(), offset, time_ms, kind, payload: payload.into() }
    }
}

/// A segment as it was written.
pub(in crate::edge::journal) struct Written {
    pub(in crate::edge::journal) header: SegmentHeader,
    pub(in crate::edge::journal) bytes: Vec<u8>,
    pub(in crate::edge::journal) messages: Vec<Message>,
    /// Where each record ends, the header first, the mark of a clean end last.
    pub(in crate::edge::journal) ends: Vec<usize>,
    /// Records that the last sync covered.
    pub(in crate::edge::journal) synced: usize,
    /// For each record, those that had been synced when it was encoded.
    proofs: Vec<usize>,
    pub(in crate::edge::journal) is_closed: bool,
}

const TOPICS: [&str; 3] = ["a", "sport.tennis.scores", "größe.µ"];

impl Written {
    /// Up to 40 messages in groups, some synced, some of them with text.
    pub(in crate::edge::journal) fn new(decisions: &mut Decisions<'_>) -> Self {
        let header = SegmentHeader {
            epoch: Epoch(decisions.below(256) as u64),
            number: 1 + decisions.below(3) as u64,
            sequence: decisions.below(1 << 16) as u64,
            floor: Offset(decisions.below(1 << 16) as u64),
            time_ms: 1,
            salt: decisions.below(1 << 16) as u32,
            is_skip: decisions.below(2) == 1,
            is_lossy: false,
            is_renumbered: false,
        };
        let mut heads = [(); TOPICS.len()].map(|()| decisions.below(1 << 16) as u64);
        let mut written = Self::empty(header);
        let mut writer = SegmentWriter::start(header, &mut written.bytes);
        for _ in 0..decisions.below(40) {
            let topic = decisions.below(TOPICS.len());
            heads[topic] += 1;
            written.push(&mut writer, message(TOPICS[topic], Offset(heads[topic]), decisions));
            if decisions.below(3) == 0 {
                written.sync(&mut writer);
            }
        }
        if decisions.below(3) == 0 {
            written.close(writer);
        }
        written
    }

    pub(in crate::edge::journal) fn empty(header: SegmentHeader) -> Self {
        Self {
            header,
            bytes: Vec::new(),
            messages: Vec::new(),
            ends: vec![SegmentHeader::BYTES],
            synced: 0,
            proofs: Vec::new(),
            is_closed: false,
        }
    }

    pub(in crate::edge::journal) fn push(&mut self, writer: &mut SegmentWriter, message: Message) {
        writer.push(&message.record(), &mut self.bytes);
        self.messages.push(message);
        self.note();
        assert_eq!(writer.bytes(), self.bytes.len() as u64);
    }

    pub(in crate::edge::journal) fn sync(&mut self, writer: &mut SegmentWriter) {
        writer.mark_synced(writer.sequence());
        self.synced = self.proofs.len();
    }

    pub(in crate::edge::journal) fn close(&mut self, writer: SegmentWriter) {
        let summary = writer.close(&mut self.bytes);
        self.note();
        self.is_closed = true;
        assert_eq!(summary.bytes, self.bytes.len() as u64);
    }

    fn note(&mut self) {
        self.ends.push(self.bytes.len());
        self.proofs.push(self.synced);
    }

    /// Records, the mark of a clean end too, that lie before this byte.
    pub(super) fn records_before(&self, at: usize) -> usize {
        self.ends[1..].iter().filter(|&&end| end <= at).count()
    }

    /// Records that had been synced before one was encoded that lies behind `touched_end`, all of it.
    pub(super) fn proven(&self, touched_end: usize) -> usize {
        let starts = self.ends.iter().zip(&self.proofs);
        starts.filter(|&(&start, _)| start >= touched_end).map(|(_, &proof)| proof).max().unwrap_or(0)
    }
}

fn message(topic: &str, offset: Offset, decisions: &mut Decisions<'_>) -> Message {
    let kind = if decisions.below(2) == 0 { MessageKind::Text } else { MessageKind::Binary };
    let payload: Vec<u8> = (0..decisions.below(60)).map(|_| decisions.below(256) as u8).collect();
    let payload = match kind {
        MessageKind::Text => String::from_utf8_lossy(&payload).into_owned().into_bytes(),
        MessageKind::Binary => payload,
    };
    Message { topic: topic.into(), offset, time_ms: decisions.below(1 << 16) as u64, kind, payload }
}
