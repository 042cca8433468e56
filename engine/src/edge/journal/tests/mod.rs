//! The journal's bytes, whole and broken, and its files, with disks that fail and processes that are killed.

mod commit;
mod crash;
mod damage;
mod faults;
mod faulty;
mod format;
mod node;
mod recovery;
mod restart;
mod retention;

use super::trial::{Message, Written};
use super::{Place, Scan, Segment, SegmentHeader, SegmentWriter, scan};
use crate::topic::history::{Epoch, MessageKind, OFFSETS_SKIPPED, Offset};

const EPOCH: Epoch = Epoch(0xE);

fn header(number: u64, sequence: u64) -> SegmentHeader {
    SegmentHeader {
        epoch: EPOCH,
        number,
        sequence,
        floor: Offset::ZERO,
        time_ms: 5,
        salt: 77,
        is_skip: false,
        is_lossy: false,
        is_renumbered: false,
    }
}

/// A text that names its topic and offset.
fn message(topic: &str, offset: u64) -> Message {
    let payload = format!("{topic} {offset}").into_bytes();
    // A skip takes no time.
    let time_ms = 1000 + offset % OFFSETS_SKIPPED;
    Message { topic: topic.into(), offset: Offset(offset), time_ms, kind: MessageKind::Text, payload }
}

/// Three groups of two messages, the first two groups synced.
fn three_groups() -> Written {
    let mut written = Written::empty(header(1, 10));
    let mut writer = SegmentWriter::start(written.header, &mut written.bytes);
    for group in 0..3 {
        written.push(&mut writer, message("a", group + 1));
        written.push(&mut writer, message("b.c", group + 1));
        if group < 2 {
            written.sync(&mut writer);
        }
    }
    written
}

fn sound(bytes: &[u8], number: u64) -> Segment<'_> {
    match scan(bytes, number, Place::Last) {
        Scan::Sound(segment) => segment,
        other => panic!("{other:?}"),
    }
}
