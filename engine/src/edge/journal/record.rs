//! One record: a message that was published, or the mark of a clean end.
//!
//! | at | bytes | what (numbers are little-endian) |
//! |---|---|---|
//! | 0 | 4 | CRC32C of the other 40 bytes of the head |
//! | 4 | 4 | length of the payload |
//! | 8 | 8 | sequence in the journal |
//! | 16 | 8 | offset in the topic |
//! | 24 | 8 | time in milliseconds since 1970 |
//! | 32 | 4 | records before this one that no sync had covered when it was encoded |
//! | 36 | 2 | length of the topic's name |
//! | 38 | 1 | kind: 1 text, 2 binary, 3 clean end |
//! | 39 | 1 | 0 |
//! | 40 | 4 | CRC32C of what follows |
//! | 44 | | the topic's name, then the payload |
//!
//! Both checksums begin with the one of the segment's header, which has the salt. The head has one of its own so that a
//! length is known to be right before it is followed, and so that the search behind a damage costs the same at every byte.

use super::damage::Damage;
use super::header::{u32_at, u64_at};
use crate::topic::history::{MessageKind, Offset};

/// A message as the journal has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// 1 to [`Record::TOPIC_BYTES_MAX`] bytes.
    pub(crate) topic: &'a str,
    pub(crate) offset: Offset,
    /// When it was published: milliseconds since 1970-01-01 UTC.
    pub(crate) time_ms: u64,
    pub(crate) kind: MessageKind,
    /// UTF-8 if `kind` is text; at most [`Record::PAYLOAD_BYTES_MAX`].
    pub(crate) payload: &'a [u8],
}

impl Record<'_> {
    /// Longest name of a topic; the configuration allows no longer one.
    pub(crate) const TOPIC_BYTES_MAX: usize = u16::MAX as usize;
    /// Largest payload: 1 GiB; the configuration allows no larger message.
    pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

    /// Bytes of the encoded record.
    pub(crate) fn bytes(&self) -> usize {
        Head::BYTES + self.topic.len() + self.payload.len()
    }
}

const KIND_TEXT: u8 = 1;
const KIND_BINARY: u8 = 2;
const KIND_END: u8 = 3;

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    payload_bytes: u32,
    pub(super) sequence: u64,
    offset: u64,
    time_ms: u64,
    unsynced: u32,
    topic_bytes: u16,
    kind: u8,
    reserved: u8,
    body_checksum: u32,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Message(Record<'a>),
    /// Nothing follows: the journal was closed.
    End,
}

impl Head {
    pub(super) const BYTES: usize = 44;

    /// A head whose checksum and length are right. The lengths are bounded, but may lead beyond the end of the file.
    pub(super) fn decode(bytes: &[u8; Self::BYTES], seed: u32) -> Option<Self> {
        let head = Self {
            payload_bytes: u32_at(bytes, 4),
            sequence: u64_at(bytes, 8),
            offset: u64_at(bytes, 16),
            time_ms: u64_at(bytes, 24),
            unsynced: u32_at(bytes, 32),
            topic_bytes: u16::from_le_bytes([bytes[36], bytes[37]]),
            kind: bytes[38],
            reserved: bytes[39],
            body_checksum: u32_at(bytes, 40),
        };
        (crc32c::crc32c_append(seed, &bytes[4..]) == u32_at(bytes, 0)).then_some(head)
    }

    /// The sequence alone, unchecked.
    pub(super) fn sequence_of(bytes: &[u8; Self::BYTES]) -> u64 {
        u64_at(bytes, 8)
    }

    fn encode(&self, seed: u32) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[4..8].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.time_ms.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.unsynced.to_le_bytes());
        bytes[36..38].copy_from_slice(&self.topic_bytes.to_le_bytes());
        bytes[38] = self.kind;
        bytes[39] = self.reserved;
        bytes[40..].copy_from_slice(&self.body_checksum.to_le_bytes());
        let checksum = crc32c::crc32c_append(seed, &bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Records below this sequence had been synced when this one was encoded.
    pub(super) fn synced(&self) -> u64 {
        self.sequence.saturating_sub(u64::from(self.unsynced))
    }

    fn body_bytes(&self) -> usize {
        usize::from(self.topic_bytes) + self.payload_bytes as usize
    }

    fn content<'a>(&self, body: &'a [u8]) -> Result<Content<'a>, Damage> {
        if self.kind == KIND_END && body.is_empty() && (self.offset, self.time_ms, self.reserved) == (0, 0, 0) {
            return Ok(Content::End);
        }
        let (topic, payload) = body.split_at(usize::from(self.topic_bytes));
        let kind = match self.kind {
            KIND_TEXT => MessageKind::Text,
            KIND_BINARY => MessageKind::Binary,
            _ => return Err(Damage::Fields),
        };
        let is_right = (1..=Offset::MAX.0).contains(&self.offset)
            && self.reserved == 0
            && !topic.is_empty()
            && payload.len() <= Record::PAYLOAD_BYTES_MAX
            && (kind == MessageKind::Binary || std::str::from_utf8(payload).is_ok());
        let topic = std::str::from_utf8(topic).map_err(|_| Damage::Fields)?;
        let record = Record { topic, offset: Offset(self.offset), time_ms: self.time_ms, kind, payload };
        is_right.then_some(Content::Message(record)).ok_or(Damage::Fields)
    }
}

/// Reads the record that `bytes` begin with: what it says, and its length.
pub(super) fn read(bytes: &[u8], seed: u32, sequence: u64) -> Result<(Content<'_>, usize), Damage> {
    let (head, rest) = bytes.split_first_chunk().ok_or(Damage::Short)?;
    let head = Head::decode(head, seed).ok_or(Damage::HeadChecksum)?;
    if head.sequence != sequence {
        return Err(Damage::Sequence { expected: sequence, found: head.sequence });
    }
    let body = rest.get(..head.body_bytes()).ok_or(Damage::Short)?;
    if crc32c::crc32c_append(seed, body) != head.body_checksum {
        return Err(Damage::BodyChecksum);
    }
    Ok((head.content(body)?, Head::BYTES + body.len()))
}

/// Where in the journal a record stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    pub(super) seed: u32,
    pub(super) sequence: u64,
    /// Records below this sequence are synced.
    pub(super) synced: u64,
}

impl Stand {
    fn unsynced(&self) -> u32 {
        u32::try_from(self.sequence - self.synced).unwrap_or(u32::MAX)
    }
}

/// Appends a message to `out`.
pub(super) fn write_message(record: &Record<'_>, stand: Stand, out: &mut Vec<u8>) {
    let body_checksum =
        crc32c::crc32c_append(crc32c::crc32c_append(stand.seed, record.topic.as_bytes()), record.payload);
    let head = Head {
        payload_bytes: record.payload.len() as u32,
        sequence: stand.sequence,
        offset: record.offset.0,
        time_ms: record.time_ms,
        unsynced: stand.unsynced(),
        topic_bytes: record.topic.len() as u16,
        kind: match record.kind {
            MessageKind::Text => KIND_TEXT,
            MessageKind::Binary => KIND_BINARY,
        },
        reserved: 0,
        body_checksum,
    };
    out.extend_from_slice(&head.encode(stand.seed));
    out.extend_from_slice(record.topic.as_bytes());
    out.extend_from_slice(record.payload);
}

/// Appends the mark of a clean end to `out`.
pub(super) fn write_end(stand: Stand, out: &mut Vec<u8>) {
    let head = Head {
        payload_bytes: 0,
        sequence: stand.sequence,
        offset: 0,
        time_ms: 0,
        unsynced: stand.unsynced(),
        topic_bytes: 0,
        kind: KIND_END,
        reserved: 0,
        body_checksum: stand.seed,
    };
    out.extend_from_slice(&head.encode(stand.seed));
}
