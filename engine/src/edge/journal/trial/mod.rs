//! Journals that are written and then broken, as bytes decide: for the tests and the fuzz target.
//!
//! What is known of the writing judges the reading: nothing is served that was not written, nothing that was durable is called a
//! torn tail while a later record proves it, nothing that was not durable is called corrupt.

mod raw;
mod written;

use super::header::SegmentHeader;
use super::mark::Mark;
use super::recovery::Recovery;
use super::scan::{Place, Scan, Segment, Tail, scan};
use crate::topic::history::{HistoryLimits, Offset};
use std::time::Duration;

pub(super) use written::{Decisions, Message, Written};

/// For the fuzz target. The first byte chooses: a journal that is written and broken, or a file's bytes as they are or with
/// their checksums mended.
///
/// # Panics
///
/// At the first thing that is not as it must be.
#[cfg(feature = "sim")]
pub fn check_bytes(data: &[u8]) {
    check(data);
}

pub(super) fn check(data: &[u8]) {
    match data.split_first() {
        Some((0..128, decisions)) => break_written(decisions),
        Some((&choice, bytes)) => raw::check(bytes, choice & 1 == 0),
        None => {}
    }
}

fn break_written(decisions: &[u8]) {
    let mut decisions = Decisions::new(decisions);
    let written = Written::new(&mut decisions);
    check_whole(&written);
    let mut bytes = written.bytes.clone();
    let touched = harm(&mut bytes, &mut decisions);
    check_broken(&written, &bytes, touched);
}

/// What was written is read, whatever follows it, and comes back as a history.
fn check_whole(written: &Written) {
    for (zeros, place) in [(0, Place::Last), (0, Place::Earlier), (4096, Place::Last)] {
        let bytes = [&written.bytes[..], &vec![0; zeros]].concat();
        let verdict = scan(&bytes, written.header.number, place);
        let Scan::Sound(segment) = &verdict else { panic!("{verdict:?}") };
        assert_eq!(segment.header, written.header);
        assert_eq!(segment.tail, if written.is_closed { Tail::Closed } else { Tail::Open });
        assert_eq!(served(segment), written.messages);
        assert_eq!(segment.valid_bytes(), written.bytes.len() as u64);
    }
    check_recovery(&written.bytes, written);
}

/// Histories without limits that matter hold all that was written.
fn check_recovery(bytes: &[u8], written: &Written) {
    let limits = HistoryLimits::new(1 << 20, 1 << 30, Duration::from_secs(1 << 20), 0).expect("within their ranges");
    let SegmentHeader { epoch, number, floor, .. } = written.header;
    let mark = Mark { epoch, number, sequence: 0, floor, is_closed: false, is_lossy: false, rules: 0, count: 1 };
    let mut recovery = Recovery::new(|_: &str| Some(limits), usize::MAX, Some(mark));
    recovery.segment(number, &scan(bytes, number, Place::Last), bytes.len() as u64);
    let recovered = recovery.finish(0);
    assert_eq!(recovered.problems, []);
    assert_eq!(recovered.epoch, Some(written.header.epoch));
    let held: usize = recovered.topics.iter().map(|(_, history)| history.len()).sum();
    assert_eq!(held, written.messages.len());
    let largest = written.messages.iter().map(|message| message.offset).max().unwrap_or(Offset::ZERO);
    assert!(recovered.floor >= largest.max(written.header.floor), "an offset could be given twice");
    for (name, history) in &recovered.topics {
        let mut expected = written.messages.iter().filter(|message| *message.topic == **name);
        let position = history.at(Offset(history.oldest().expect("not empty").offset.0 - 1));
        let Ok(entries) = history.after(position) else {
            panic!("nothing was evicted");
        };
        for entry in entries {
            let message = expected.next().expect("one was invented");
            assert_eq!(
                (entry.offset, entry.kind, &entry.payload[..]),
                (message.offset, message.kind, &message.payload[..])
            );
        }
        assert_eq!(expected.next(), None, "one is missing");
    }
}

/// Changes the bytes in one way; the range that may differ.
fn harm(bytes: &mut Vec<u8>, decisions: &mut Decisions<'_>) -> std::ops::Range<usize> {
    let at = decisions.below(bytes.len());
    match decisions.below(4) {
        0 => {
            let end = bytes.len();
            bytes.truncate(at);
            at..end
        }
        1 => {
            bytes[at] ^= 1 << decisions.below(8);
            at..at + 1
        }
        kind => {
            let end = bytes.len().min(at + 1 + decisions.below(300));
            bytes[at..end].fill_with(|| if kind == 2 { 0 } else { decisions.below(256) as u8 });
            at..end
        }
    }
}

/// `bytes` differ from what was written in `touched` at most.
pub(super) fn check_broken(written: &Written, bytes: &[u8], touched: std::ops::Range<usize>) {
    if bytes == written.bytes || is_forged(written, bytes) {
        return;
    }
    let number = written.header.number;
    // What is cut inside the last record, or behind it, is an end.
    if let Scan::Sound(segment) = scan(bytes, number, Place::Earlier) {
        assert!(is_cut(written, bytes), "damage was not seen");
        check_prefix(written, &segment);
    }
    match scan(bytes, number, Place::Last) {
        Scan::Sound(segment) => {
            check_prefix(written, &segment);
            assert!(segment.tail != Tail::Open || is_cut(written, bytes), "damage was not seen");
            let durable = written.proven(touched.end);
            let whole = written.records_before(segment.valid_bytes() as usize);
            assert!(whole >= durable, "{durable} records were durable, {whole} are left of them");
        }
        Scan::Headless(tail) => {
            assert!(bytes.len() < SegmentHeader::BYTES || bytes.iter().all(|&byte| byte == 0), "{tail}");
        }
        Scan::Corrupt(corrupt, _) if touched.start >= SegmentHeader::BYTES => {
            let first = written.records_before(corrupt.at as usize);
            assert!(first < written.synced, "record {first} was never durable: {corrupt}");
        }
        Scan::Corrupt(..) => {}
    }
}

/// Whether the header is another one that is right: fuzzers find checksums, which chance does not, and then it is another file.
fn is_forged(written: &Written, bytes: &[u8]) -> bool {
    let header = bytes.first_chunk().map(SegmentHeader::decode);
    header.is_some_and(|header| header.is_ok_and(|(header, _)| header != written.header))
}

/// Whether `bytes` are the beginning of what was written up to a record's end, and zeros.
fn is_cut(written: &Written, bytes: &[u8]) -> bool {
    let same = bytes.iter().zip(&written.bytes).take_while(|(a, b)| a == b).count();
    let end = written.ends.iter().copied().filter(|&end| end <= same).max().unwrap_or(0);
    bytes[end..].iter().all(|&byte| byte == 0)
}

fn check_prefix(written: &Written, segment: &Segment<'_>) {
    let served = served(segment);
    assert!(written.messages.starts_with(&served), "{} records were invented or changed", served.len());
}

fn served(segment: &Segment<'_>) -> Vec<Message> {
    segment.records().map(|record| Message::from(&record)).collect()
}
