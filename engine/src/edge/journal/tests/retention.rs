//! Which segments may go.

use super::*;
use crate::edge::journal::{Retired, SegmentSummary, retire};

fn summary(number: u64, last: &[(&str, u64)]) -> SegmentSummary {
    let last = last.iter().map(|&(topic, offset)| (topic.into(), Offset(offset))).collect();
    SegmentSummary { number, bytes: 100, last }
}

fn held(topic: &str) -> Option<Offset> {
    match topic {
        "a" => Some(Offset(10)),
        "b" => Some(Offset(5)),
        _ => None,
    }
}

#[test]
fn a_segment_goes_when_no_history_holds_any_of_it() {
    let retired = |segments: &[SegmentSummary]| retire(segments, 10_000, held);
    assert_eq!(retired(&[]), Retired { dead: 0, forced: 0 });
    assert_eq!(retired(&[summary(1, &[("a", 9), ("b", 4), ("forgotten", 70)])]), Retired { dead: 1, forced: 0 });
    assert_eq!(retired(&[summary(1, &[("a", 10), ("b", 4)])]), Retired { dead: 0, forced: 0 });
    assert_eq!(retired(&[summary(1, &[("a", 9), ("b", 5)])]), Retired { dead: 0, forced: 0 });
    assert_eq!(retired(&[summary(1, &[])]), Retired { dead: 1, forced: 0 }, "no records at all");
}

#[test]
fn only_whole_beginnings_go() {
    let segments =
        [summary(1, &[("a", 3)]), summary(2, &[("b", 7)]), summary(3, &[("a", 4)]), summary(4, &[("a", 12)])];
    assert_eq!(retire(&segments, 10_000, held), Retired { dead: 1, forced: 0 });
}

#[test]
fn the_disk_is_bounded_even_if_histories_hold_more() {
    let segments = [1, 2, 3, 4].map(|number| summary(number, &[("a", 9 + number)]));
    for (bytes_max, forced) in [(400, 0), (399, 1), (200, 2), (99, 4), (0, 4)] {
        assert_eq!(retire(&segments, bytes_max, held), Retired { dead: 0, forced }, "{bytes_max}");
    }
    let mixed = [summary(1, &[("a", 9)]), summary(2, &[("a", 10)]), summary(3, &[("a", 11)])];
    assert_eq!(retire(&mixed, 200, held), Retired { dead: 1, forced: 0 }, "what is dead goes first");
    assert_eq!(retire(&mixed, 100, held), Retired { dead: 1, forced: 1 });
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
    let mut recovery = crate::edge::journal::Recovery::new(|_: &str| None, usize::MAX);
    recovery.segment(1, &scan(&bytes, 1, Place::Last));
    assert_eq!(recovery.finish(0).summaries, [expected]);
}
