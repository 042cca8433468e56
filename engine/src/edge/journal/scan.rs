//! Judges a whole segment before any of it is used.

use super::damage::{self, Corrupt, Damage, TornTail};
use super::header::SegmentHeader;
use super::record::{self, Content, Record};

/// Where a segment stands in the journal. Only the last one may have a torn tail: all others were synced before their
/// successors were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is a later one.
    Earlier,
    /// The newest.
    Last,
}

/// The verdict.
#[derive(Clone, Debug)]
pub(crate) enum Scan<'a> {
    /// Its records can be served.
    Sound(Segment<'a>),
    /// The last segment, whose header never reached the disk: to be deleted. It has no records.
    Headless(TornTail),
    /// To be reported and left alone. What comes before the damage can be served; there is none if the header is damaged.
    Corrupt(Corrupt, Option<Segment<'a>>),
}

/// A segment whose records passed.
#[derive(Clone, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) header: SegmentHeader,
    /// The sequence behind its last record.
    pub(crate) sequence_end: u64,
    pub(crate) tail: Tail,
    /// Records alone, as long as they passed.
    valid: &'a [u8],
    seed: u32,
}

/// How a sound segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Behind its last record there is nothing, or zeros that were allocated in advance.
    Open,
    /// With the mark of a clean end.
    Closed,
    /// To be cut and reported.
    Torn(TornTail),
}

/// Judges the whole content of the file of segment `number`. Allocates nothing, whatever the bytes say.
pub(crate) fn scan(bytes: &[u8], number: u64, place: Place) -> Scan<'_> {
    match open(bytes, number) {
        Ok((header, seed)) => judge(Walk::over(&bytes[SegmentHeader::BYTES..], seed, header.sequence), header, place),
        Err(reason) if reason == Damage::Short && place == Place::Last => {
            Scan::Headless(TornTail { valid_bytes: 0, cut_bytes: bytes.len() as u64, reason })
        }
        Err(reason) => Scan::Corrupt(Corrupt { at: 0, reason }, None),
    }
}

/// The header, and the seed of the checksums; `Short` if it may never have been written to its end.
fn open(bytes: &[u8], number: u64) -> Result<(SegmentHeader, u32), Damage> {
    let Some(first) = bytes.first_chunk() else {
        let is_begun = SegmentHeader::may_begin(bytes) || is_zero(bytes);
        return Err(if is_begun { Damage::Short } else { Damage::Magic });
    };
    if is_zero(bytes) {
        return Err(Damage::Short);
    }
    let (header, seed) = SegmentHeader::decode(first)?;
    if header.number != number {
        return Err(Damage::Number(header.number));
    }
    Ok((header, seed))
}

fn judge(walk: Walk<'_>, header: SegmentHeader, place: Place) -> Scan<'_> {
    let at = SegmentHeader::BYTES + walk.at;
    let as_far =
        |tail| Segment { header, sequence_end: walk.sequence, tail, valid: &walk.records[..walk.at], seed: walk.seed };
    let tail = match walk.damage {
        None if walk.is_closed => Tail::Closed,
        None => Tail::Open,
        Some(reason) if place == Place::Last && walk.is_torn(reason) => {
            Tail::Torn(TornTail { valid_bytes: at as u64, cut_bytes: (walk.records.len() - walk.at) as u64, reason })
        }
        Some(reason) => return Scan::Corrupt(Corrupt { at: at as u64, reason }, Some(as_far(Tail::Open))),
    };
    Scan::Sound(as_far(tail))
}

/// As far as the records are right.
struct Walk<'a> {
    records: &'a [u8],
    seed: u32,
    /// Behind the last right record.
    at: usize,
    /// That belongs at `at`.
    sequence: u64,
    is_closed: bool,
    /// What is wrong at `at`.
    damage: Option<Damage>,
}

impl<'a> Walk<'a> {
    fn over(records: &'a [u8], seed: u32, sequence: u64) -> Self {
        let mut walk = Self { records, seed, at: 0, sequence, is_closed: false, damage: None };
        while walk.damage.is_none() && !is_zero(&records[walk.at..]) {
            walk.damage = walk.step().err();
        }
        walk
    }

    fn step(&mut self) -> Result<(), Damage> {
        if self.is_closed {
            return Err(Damage::AfterEnd);
        }
        let (content, bytes) = record::read(&self.records[self.at..], self.seed, self.sequence)?;
        self.at += bytes;
        self.sequence += 1;
        self.is_closed = content == Content::End;
        Ok(())
    }

    fn is_torn(&self, damage: Damage) -> bool {
        damage.may_be_torn() && !damage::was_synced(&self.records[self.at..], self.seed, self.sequence)
    }
}

/// Whether there are only zeros; stops at the first other byte.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

impl<'a> Segment<'a> {
    /// The messages, in the order of their writing.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let (mut rest, seed, mut sequence) = (self.valid, self.seed, self.header.sequence);
        std::iter::from_fn(move || {
            let (content, bytes) = record::read(rest, seed, sequence).ok()?;
            rest = &rest[bytes..];
            sequence += 1;
            match content {
                Content::Message(record) => Some(record),
                Content::End => None,
            }
        })
    }

    /// Length of the file that is right: header and records.
    pub(crate) fn valid_bytes(&self) -> u64 {
        (SegmentHeader::BYTES + self.valid.len()) as u64
    }
}
