//! Histories that come back: same epoch, same offsets, no offset twice, no hole.

use std::time::Duration;

use super::*;
use crate::edge::journal::{Problem, Recovered, Recovery, Tail};
use crate::topic::history::{Break, History, HistoryLimits, OFFSETS_SKIPPED, Position};

/// A node's life: runs that publish, rotate, stop or crash, on files that can be harmed.
#[derive(Default)]
struct Disk {
    files: Vec<(u64, Vec<u8>)>,
}

struct Run<'a> {
    disk: &'a mut Disk,
    writer: SegmentWriter,
}

impl Disk {
    fn recover(&self) -> Recovered {
        let limits = HistoryLimits::new(100, 100_000, Duration::from_secs(60), 0).expect("within their ranges");
        let mut recovery = Recovery::new(move |topic: &str| (topic != "without").then_some(limits), usize::MAX);
        for (index, (number, bytes)) in self.files.iter().enumerate() {
            let place = if index + 1 == self.files.len() { Place::Last } else { Place::Earlier };
            recovery.segment(*number, &scan(bytes, *number, place));
        }
        recovery.finish(1000)
    }

    /// Starts as the owner of the files does: cuts a torn tail, and goes on in a new segment.
    fn start(&mut self) -> (Recovered, Run<'_>) {
        let recovered = self.recover();
        if let Some((number, bytes)) = self.files.last_mut() {
            match scan(bytes, *number, Place::Last) {
                Scan::Sound(segment) => {
                    let valid_bytes = segment.valid_bytes() as usize;
                    bytes.truncate(valid_bytes);
                }
                Scan::Headless(_) => drop(self.files.pop()),
                Scan::Corrupt(_) => {}
            }
        }
        let header = recovered.header(recovered.epoch.unwrap_or(EPOCH), 1, 5);
        let mut bytes = Vec::new();
        let writer = SegmentWriter::start(header, &mut bytes);
        self.files.push((header.number, bytes));
        (recovered, Run { disk: self, writer })
    }
}

impl Run<'_> {
    fn out(&mut self) -> &mut Vec<u8> {
        &mut self.disk.files.last_mut().expect("started").1
    }

    /// Publishes and syncs.
    fn publish(&mut self, topic: &str, offsets: impl IntoIterator<Item = u64>) {
        for offset in offsets {
            let bytes = &mut self.disk.files.last_mut().expect("started").1;
            self.writer.push(&message(topic, offset).record(), bytes);
            self.writer.mark_synced(self.writer.sequence());
        }
    }

    fn rotate(&mut self) {
        let header = self.writer.successor(self.writer.sequence(), 2, 5);
        self.disk.files.push((header.number, Vec::new()));
        self.writer = SegmentWriter::start(header, self.out());
    }

    fn stop(self) {
        let bytes = &mut self.disk.files.last_mut().expect("started").1;
        self.writer.close(bytes);
    }
}

fn topic<'a>(recovered: &'a Recovered, name: &str) -> &'a History {
    let found = recovered.topics.iter().find(|(topic, _)| **topic == *name);
    &found.unwrap_or_else(|| panic!("no {name}")).1
}

fn at(offset: u64) -> Position {
    Position { epoch: EPOCH, offset: Offset(offset) }
}

fn after(history: &History, offset: u64) -> Result<Vec<u64>, Break> {
    match history.after(at(offset)) {
        Ok(entries) => Ok(entries.map(|entry| entry.offset.0).collect()),
        Err(cause) => Err(cause),
    }
}

#[test]
fn a_new_journal_is_empty_and_clean() {
    let recovered = Disk::default().recover();
    assert_eq!((recovered.epoch, recovered.floor, recovered.is_clean), (None, Offset::ZERO, true));
    assert_eq!(recovered.header(EPOCH, 77, 5), SegmentHeader { ..header(1, 0) });
}

#[test]
fn after_a_stop_all_goes_on_where_it_was() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", 1..=3);
    run.rotate();
    run.publish("b", 1..=2);
    run.publish("a", 4..=5);
    run.publish("without", 1..=9);
    run.stop();
    let (recovered, mut run) = disk.start();
    assert_eq!((recovered.epoch, recovered.is_clean, recovered.floor), (Some(EPOCH), true, Offset(9)));
    assert_eq!(recovered.problems, []);
    assert_eq!(recovered.topics.len(), 2, "one has no history any more");
    assert_eq!(after(topic(&recovered, "a"), 2), Ok(vec![3, 4, 5]));
    assert_eq!(topic(&recovered, "a").latest().map(|entry| &entry.payload[..]), Some(&b"a 5"[..]));
    assert_eq!(topic(&recovered, "b").head(), at(2));
    run.publish("a", [6]);
    run.stop();
    assert_eq!(after(topic(&disk.recover(), "a"), 4), Ok(vec![5, 6]));
    assert_eq!(disk.recover().summaries.len(), 3);
}

#[test]
fn after_a_crash_offsets_that_readers_may_have_seen_are_not_given_again() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", 1..=3);
    run.publish("b", 1..=50);
    run.out().pop();
    let (recovered, run) = disk.start();
    assert!(matches!(recovered.problems[..], [Problem::Torn { number: 1, .. }]));
    assert!(!recovered.is_clean);
    let b = topic(&recovered, "b");
    assert_eq!(b.head(), at(49 + OFFSETS_SKIPPED));
    assert_eq!(after(b, 47), Ok(vec![48, 49]), "what is there is the same");
    assert_eq!(after(b, 60), Ok(vec![]), "seen before the crash, and lost in it");
    assert_eq!(recovered.floor, Offset(49 + OFFSETS_SKIPPED));
    // Nothing is published, and the node stops cleanly: the offsets must still be skipped.
    run.stop();
    let (recovered, mut run) = disk.start();
    assert!(recovered.is_clean);
    assert_eq!(recovered.problems, []);
    assert_eq!(topic(&recovered, "a").head(), at(3 + OFFSETS_SKIPPED));
    run.publish("a", [4 + OFFSETS_SKIPPED]);
    run.stop();
    let recovered = disk.recover();
    assert_eq!(recovered.problems, []);
    assert_eq!(after(topic(&recovered, "a"), 2), Ok(vec![3, 4 + OFFSETS_SKIPPED]));
}

#[test]
fn a_segment_that_was_never_begun_is_begun_again() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", 1..=3);
    run.stop();
    disk.files.push((2, vec![0; 4096]));
    let (recovered, mut run) = disk.start();
    assert!(matches!(recovered.problems[..], [Problem::Torn { number: 2, .. }]));
    assert_eq!(topic(&recovered, "a").head(), at(3 + OFFSETS_SKIPPED), "it may have been published to");
    run.publish("a", [4 + OFFSETS_SKIPPED]);
    run.stop();
    assert_eq!(disk.files.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
    let recovered = disk.recover();
    assert_eq!(recovered.problems, []);
    assert_eq!(after(topic(&recovered, "a"), 0), Ok(vec![1, 2, 3, 4 + OFFSETS_SKIPPED]));
}

#[test]
fn nothing_before_a_corrupt_segment_is_served_and_no_offset_is_given_twice() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", 1..=3);
    run.publish("b", 1..=70);
    run.rotate();
    run.publish("a", 4..=6);
    run.rotate();
    run.publish("a", 7..=8);
    run.stop();
    disk.files[1].1[100] ^= 1;
    let recovered = disk.recover();
    assert!(matches!(recovered.problems[..], [Problem::Corrupt { number: 2, .. }]));
    assert_eq!(after(topic(&recovered, "a"), 6), Ok(vec![7, 8]));
    assert_eq!(after(topic(&recovered, "a"), 5), Err(Break::TooOld));
    assert_eq!(recovered.topics.len(), 1, "nobody knows whether there was more of b");
    assert_eq!(recovered.floor, Offset(70));

    // The last one: nothing is left, but the epoch, and offsets above all that may have been.
    disk.files[2].1[100] ^= 1;
    let (recovered, mut run) = disk.start();
    assert_eq!((recovered.epoch, recovered.topics.len(), recovered.is_clean), (Some(EPOCH), 0, false));
    assert_eq!(recovered.floor, Offset(70 + OFFSETS_SKIPPED));
    run.publish("a", [71 + OFFSETS_SKIPPED]);
    run.stop();
    let recovered = disk.recover();
    assert_eq!(recovered.problem_count, 2, "as long as they lie there");
    assert_eq!(after(topic(&recovered, "a"), 70 + OFFSETS_SKIPPED), Ok(vec![71 + OFFSETS_SKIPPED]));
}

#[test]
fn missing_files_and_missing_ends_are_seen() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    for first in [1, 4, 7] {
        run.publish("a", first..first + 3);
        run.rotate();
    }
    run.stop();
    let whole = disk.files.clone();
    disk.files.remove(0);
    assert_eq!(disk.recover().problems, [], "the oldest may go");
    assert_eq!(after(topic(&disk.recover(), "a"), 3), Ok(vec![4, 5, 6, 7, 8, 9]));
    disk.files.remove(1);
    assert_eq!(disk.recover().problems, [Problem::Missing { number: 4 }]);
    assert_eq!((disk.recover().topics.len(), disk.recover().floor), (0, Offset(9)));

    disk.files = whole;
    let (number, bytes) = &mut disk.files[1];
    let cut = bytes.len() - message("a", 6).record().bytes();
    bytes.truncate(cut);
    assert_eq!(sound(bytes, *number).tail, Tail::Open, "cut between two records: alone, it looks right");
    let recovered = disk.recover();
    assert_eq!(recovered.problems, [Problem::Missing { number: 3 }]);
    assert_eq!(after(topic(&recovered, "a"), 6), Ok(vec![7, 8, 9]));
}

#[test]
fn gaps_are_told_and_duplicates_are_never_served() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("gap", [1, 2, 5, 6]);
    run.publish("twice", [1, 2, 3, 2, 4]);
    run.stop();
    let recovered = disk.recover();
    let gap = Problem::Gap { topic: "gap".into(), last: Offset(2), found: Offset(5) };
    let twice = Problem::Duplicate { topic: "twice".into(), last: Offset(3), found: Offset(2) };
    assert_eq!(recovered.problems, [gap, twice]);
    assert_eq!(after(topic(&recovered, "gap"), 4), Ok(vec![5, 6]));
    assert_eq!(after(topic(&recovered, "gap"), 1), Ok(vec![2, 5, 6]));
    let has_hole = |offset| topic(&recovered, "gap").has_hole_behind(Offset(offset));
    assert_eq!([1, 2, 4, 5].map(has_hole), [true, true, false, false]);
    assert_eq!(after(topic(&recovered, "twice"), 3), Ok(vec![4]));
    assert_eq!(after(topic(&recovered, "twice"), 1), Err(Break::TooOld));
}

#[test]
fn a_topic_that_was_forgotten_and_made_again_lost_nothing() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", [1, 2]);
    // Its time is 70 s later, and what was there is too old by then.
    run.publish("a", [70_000]);
    run.stop();
    let recovered = disk.recover();
    assert_eq!(recovered.problems, []);
    assert_eq!(after(topic(&recovered, "a"), 69_999), Ok(vec![70_000]));
    assert_eq!(after(topic(&recovered, "a"), 2), Err(Break::TooOld));
}

#[test]
fn segments_of_two_journals_are_not_mixed() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", 1..=3);
    run.stop();
    let mut bytes = Vec::new();
    let other = SegmentHeader { epoch: Epoch(9), ..header(2, 4) };
    SegmentWriter::start(other, &mut bytes).push(&message("a", 1).record(), &mut bytes);
    disk.files.push((2, bytes));
    let recovered = disk.recover();
    assert_eq!(recovered.epoch, Some(Epoch(9)));
    assert_eq!(recovered.problems, [Problem::OtherEpoch { number: 2 }]);
    assert_eq!(topic(&recovered, "a").len(), 1);
}

#[test]
fn limits_hold_for_what_comes_back() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", 1..=1000);
    run.stop();
    let a = disk.recover();
    assert_eq!(after(topic(&a, "a"), 900).map(|missed| missed.len()), Ok(100));
    assert_eq!(after(topic(&a, "a"), 899), Err(Break::TooOld));
}

#[test]
fn a_flood_of_problems_is_counted_not_kept() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", (0..500).map(|index| 1 + index * 2));
    run.stop();
    let recovered = disk.recover();
    assert_eq!((recovered.problems.len(), recovered.problem_count), (100, 499));
}
