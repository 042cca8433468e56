//! Which segments may go.

use super::*;
use crate::edge::journal::{Retired, SegmentSummary, retire};

fn summary(number: u64, last: &[(&str, u64)]) -> SegmentSummary {
    let last = last.iter().map(|&(topic, offset)| (topic.into(), Offset(offset))).collect();
    SegmentSummary { number, bytes: 100, last, is_kept: false }
}

fn held(topic: &str) -> Option<Offset> {
    match topic {
        "a" => Some(Offset(10)),
        "b" => Some(Offset(5)),
        _ => None,
    }
}

fn numbers(retired: &Retired) -> (&[u64], usize) {
    (&retired.numbers, retired.forced)
}

#[test]
fn a_segment_goes_when_no_history_holds_any_of_it() {
    let count = |segments: &[SegmentSummary]| retire(segments, 10_000, 0, held).numbers.len();
    assert_eq!(count(&[]), 0);
    assert_eq!(count(&[summary(1, &[("a", 9), ("b", 4), ("forgotten", 70)])]), 1);
    assert_eq!(count(&[summary(1, &[("a", 10), ("b", 4)])]), 0);
    assert_eq!(count(&[summary(1, &[("a", 9), ("b", 5)])]), 0);
    assert_eq!(count(&[summary(1, &[])]), 1, "no records at all");
}

#[test]
fn only_whole_beginnings_go() {
    let segments =
        [summary(1, &[("a", 3)]), summary(2, &[("b", 7)]), summary(3, &[("a", 4)]), summary(4, &[("a", 12)])];
    assert_eq!(numbers(&retire(&segments, 10_000, 0, held)), (&[1][..], 0));
}

#[test]
fn the_disk_is_bounded_even_if_histories_hold_more() {
    let segments = [1, 2, 3, 4].map(|number| summary(number, &[("a", 9 + number)]));
    for (bytes_max, forced) in [(400, 0), (399, 1), (200, 2), (99, 4), (0, 4)] {
        let retired = retire(&segments, bytes_max, 0, held);
        assert_eq!((retired.numbers.len(), retired.forced), (forced, forced), "{bytes_max}");
    }
    let mixed = [summary(1, &[("a", 9)]), summary(2, &[("a", 10)]), summary(3, &[("a", 11)])];
    assert_eq!(numbers(&retire(&mixed, 200, 0, held)), (&[1][..], 0), "what is dead goes first");
    assert_eq!(numbers(&retire(&mixed, 100, 0, held)), (&[1, 2][..], 1));
}

#[test]
fn what_is_spared_goes_when_there_is_no_room() {
    let segments = [1, 2, 3, 4].map(|number| summary(number, &[("a", 4 + number * 2)]));
    assert_eq!(numbers(&retire(&segments, 400, 2, held)), (&[][..], 0));
    assert_eq!(numbers(&retire(&segments, 300, 2, held)), (&[1][..], 0), "nobody holds anything of it");
    assert_eq!(numbers(&retire(&segments, 100, 2, held)), (&[1, 2, 3][..], 1));
    assert_eq!(numbers(&retire(&segments, 400, 0, held)), (&[1, 2][..], 0));
}

#[test]
fn what_is_kept_never_goes() {
    let mut segments = [1, 2, 3, 4].map(|number| summary(number, &[("a", 4 + number * 2)]));
    segments[1].is_kept = true;
    assert_eq!(numbers(&retire(&segments, 400, 0, held)), (&[1][..], 0), "nor what is behind it while there is room");
    assert_eq!(numbers(&retire(&segments, 200, 0, held)), (&[1, 3][..], 1));
    assert_eq!(numbers(&retire(&segments, 0, 0, held)), (&[1, 3, 4][..], 2));
}

#[test]
fn a_writer_sums_up_what_a_scan_finds() {
    let mut bytes = Vec::new();
    let mut writer = SegmentWriter::start(header(1, 0), &mut bytes);
    for (topic, offset) in [("a", 1), ("b", 7), ("a", 2)] {
        writer.push(&message(topic, offset).record(), &mut bytes);
    }
    let expected = SegmentSummary { bytes: bytes.len() as u64, ..summary(1, &[("a", 2), ("b", 7)]) };
    assert_eq!(writer.finish(), expected);
    // No rule is for these.
    let expected = SegmentSummary { is_kept: true, ..expected };
    let mut recovery = crate::edge::journal::Recovery::new(|_: &str| None, usize::MAX, None);
    recovery.segment(1, &scan(&bytes, 1, Place::Last), bytes.len() as u64);
    assert_eq!(recovery.finish(0).summaries, [expected]);
}
