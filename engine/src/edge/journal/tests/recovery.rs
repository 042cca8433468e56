//! Histories that come back: same epoch, same offsets, no offset twice, no hole.

use std::time::Duration;

use super::*;
use crate::edge::journal::{Mark, Problem, Recovered, Recovery, Tail};
use crate::topic::history::{Break, History, HistoryLimits, Position};

/// A node's life: runs that publish, rotate, stop or crash, on files that can be harmed.
#[derive(Default)]
struct Disk {
    files: Vec<(u64, Vec<u8>)>,
    mark: Option<Mark>,
}

struct Run<'a> {
    disk: &'a mut Disk,
    writer: SegmentWriter,
}

impl Disk {
    fn recover(&self) -> Recovered {
        let limits = HistoryLimits::new(100, 100_000, Duration::from_secs(60), 0).expect("within their ranges");
        let mut recovery =
            Recovery::new(move |topic: &str| (topic != "without").then_some(limits), usize::MAX, self.mark);
        for (index, (number, bytes)) in self.files.iter().enumerate() {
            let place = if index + 1 == self.files.len() { Place::Last } else { Place::Earlier };
            recovery.segment(*number, &scan(bytes, *number, place), bytes.len() as u64);
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
                Scan::Corrupt(..) => {}
            }
        }
        let header = recovered.header(recovered.epoch.unwrap_or(EPOCH), 1, 5);
        self.mark = Some(mark(&header));
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
        self.disk.mark = Some(mark(&header));
        self.writer = SegmentWriter::start(header, self.out());
    }

    fn stop(self) {
        let bytes = &mut self.disk.files.last_mut().expect("started").1;
        let mark = self.disk.mark.as_mut().expect("started");
        (mark.is_closed, mark.sequence, mark.floor) = (true, self.writer.sequence(), self.writer.floor());
        self.writer.close(bytes);
    }
}

fn mark(header: &SegmentHeader) -> Mark {
    let SegmentHeader { epoch, number, floor, .. } = *header;
    Mark { epoch, number, sequence: 0, floor, is_closed: false, is_lossy: false, rules: 0, count: number }
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
fn around_a_corrupt_segment_all_is_served_and_no_offset_is_given_twice() {
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
    let [a, b] = [topic(&recovered, "a"), topic(&recovered, "b")];
    assert_eq!(after(a, 1), Ok(vec![2, 3, 7, 8]));
    assert_eq!([2, 3, 5, 6].map(|offset| a.has_hole_behind(Offset(offset))), [true, true, true, false]);
    assert!(b.has_hole_behind(Offset(70)), "nobody knows whether there was more of b");
    assert_eq!(b.head(), at(70 + OFFSETS_SKIPPED));
    assert!(recovered.summaries[1].is_kept && !recovered.summaries[0].is_kept);

    // The last one too: offsets go on above all that may have been.
    disk.files[2].1[100] ^= 1;
    let (recovered, mut run) = disk.start();
    assert_eq!((recovered.epoch, recovered.is_clean), (Some(EPOCH), false));
    assert_eq!(after(topic(&recovered, "a"), 1), Ok(vec![2, 3]));
    assert_eq!(recovered.floor, Offset(70 + OFFSETS_SKIPPED));
    run.publish("a", [4 + OFFSETS_SKIPPED]);
    run.stop();
    let recovered = disk.recover();
    assert_eq!(recovered.problem_count, 2, "as long as they lie there");
    let a = topic(&recovered, "a");
    assert_eq!(after(a, 2), Ok(vec![3, 4 + OFFSETS_SKIPPED]));
    assert!(a.has_hole_behind(Offset(8)) && a.has_hole_behind(Offset(3 + OFFSETS_SKIPPED - 1)));
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
    let recovered = disk.recover();
    assert_eq!((recovered.is_clean, recovered.floor), (false, Offset(9 + OFFSETS_SKIPPED)));
    assert_eq!(after(topic(&recovered, "a"), 3), Ok(vec![4, 5, 6]));
    assert!(topic(&recovered, "a").has_hole_behind(Offset(9)), "who saw them all missed others, maybe");

    disk.files = whole;
    let (number, bytes) = &mut disk.files[1];
    let cut = bytes.len() - message("a", 6).record().bytes();
    bytes.truncate(cut);
    assert_eq!(sound(bytes, *number).tail, Tail::Open, "cut between two records: alone, it looks right");
    let recovered = disk.recover();
    assert_eq!(recovered.problems, [Problem::Missing { number: 3 }]);
    assert_eq!(after(topic(&recovered, "a"), 4), Ok(vec![5, 7, 8, 9]));
    assert!(topic(&recovered, "a").has_hole_behind(Offset(5)) && !topic(&recovered, "a").has_hole_behind(Offset(6)));
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
    let twice = Problem::Duplicate { topic: "twice".into(), last: Offset(3), found: Offset(2), number: 1 };
    assert_eq!(recovered.problems, [gap, twice]);
    assert_eq!(after(topic(&recovered, "gap"), 4), Ok(vec![5, 6]));
    assert_eq!(after(topic(&recovered, "gap"), 1), Ok(vec![2, 5, 6]));
    let has_hole = |offset| topic(&recovered, "gap").has_hole_behind(Offset(offset));
    assert_eq!([1, 2, 4, 5].map(has_hole), [true, true, false, false]);
    let twice = topic(&recovered, "twice");
    assert_eq!(after(twice, 1), Ok(vec![2, 3, 4]), "the first of two");
    assert_eq!([1, 2, 3].map(|offset| twice.has_hole_behind(Offset(offset))), [true, true, false]);
    assert!(recovered.summaries[0].is_kept, "the second is not served");
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
    assert_eq!(recovered.epoch, None, "it is not the one of the mark");
    assert_eq!(recovered.problems, [Problem::OtherEpoch { number: 2 }, Problem::Unmarked]);
    assert_eq!(topic(&recovered, "a").len(), 1);
    assert!(recovered.summaries[0].is_kept);
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

/// Files 1 to 3 with messages 1 to 9 of one topic, and the mark that a crash left.
fn crashed() -> Disk {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", 1..=3);
    run.rotate();
    run.publish("a", 4..=6);
    run.rotate();
    run.publish("a", 7..=9);
    disk
}

/// Whichever file is damaged or missing, and however often the node starts and publishes meanwhile: with the good file back, all is served
/// in one order.
#[test]
fn a_file_that_is_restored_brings_back_all_whatever_was_published_meanwhile() {
    type Harm = fn(&mut Disk, usize);
    let harms: [Harm; 4] = [
        |disk, index| disk.files[index].1[70] ^= 1,
        |disk, index| disk.files[index].1[20] ^= 1,
        |disk, index| disk.files[index].1.truncate(0),
        |disk, index| drop(disk.files.remove(index)),
    ];
    for (kind, harm) in harms.into_iter().enumerate() {
        for index in 0..3 {
            let mut disk = crashed();
            let good = disk.files[index].clone();
            harm(&mut disk, index);
            let mut published = Vec::new();
            for round in 0..3u64 {
                let (recovered, mut run) = disk.start();
                let head = match recovered.topics.first() {
                    Some((_, history)) => history.head().offset.0,
                    None => recovered.floor.0,
                };
                assert!(published.iter().chain(&[9]).all(|&given| given <= head), "{kind} of {index}: given twice");
                let new = [head + 1, head + 2];
                run.publish("a", new);
                published.extend(new);
                if round == 1 {
                    run.stop();
                }
            }
            disk.files.retain(|(number, _)| *number != good.0);
            disk.files.push(good);
            disk.files.sort_by_key(|(number, _)| *number);
            let recovered = disk.recover();
            assert_eq!(recovered.problems, [], "{kind} of {index}");
            let all: Vec<_> = (2..=9).chain(published).collect();
            assert_eq!(after(topic(&recovered, "a"), 1), Ok(all), "{kind} of {index}");
        }
    }
}

/// A clean end before it does not tell that a later segment existed; the mark does.
#[test]
fn the_loss_of_the_newest_segment_is_noticed_and_its_offsets_are_not_given_again() {
    for closed in [false, true] {
        let mut disk = Disk::default();
        let (_, mut run) = disk.start();
        run.publish("a", 1..=10);
        run.stop();
        let (_, mut run) = disk.start();
        run.publish("a", 11..=20);
        run.publish("b", 1..=2);
        if closed {
            run.stop();
        }
        disk.files.pop();
        let (recovered, mut run) = disk.start();
        assert_eq!(recovered.problems, [Problem::Lost { number: 2, newest: 2 }]);
        let a = topic(&recovered, "a");
        assert_eq!((a.head(), recovered.is_clean), (at(10 + OFFSETS_SKIPPED), false));
        assert!(a.has_hole_behind(Offset(10)) && a.has_hole_behind(Offset(20)));
        assert!(recovered.floor > Offset(OFFSETS_SKIPPED), "who saw b is told too");
        run.publish("a", [11 + OFFSETS_SKIPPED]);
        run.stop();
        // It goes on being told, and the number of the lost file stays free for it.
        let recovered = disk.recover();
        assert_eq!(recovered.problems, [Problem::Missing { number: 3 }]);
        assert!(topic(&recovered, "a").has_hole_behind(Offset(20)));
    }
}

#[test]
fn a_journal_that_was_closed_and_is_shorter_now_is_noticed() {
    let mut disk = Disk::default();
    let (_, mut run) = disk.start();
    run.publish("a", 1..=10);
    run.stop();
    let whole = disk.files[0].1.clone();
    // Only the mark of the end: nothing is lost.
    disk.files[0].1.truncate(whole.len() - 5);
    let recovered = disk.recover();
    assert!(matches!(recovered.problems[..], [Problem::Torn { .. }]));
    assert!(!topic(&recovered, "a").has_hole_behind(Offset(9)));
    disk.files[0].1.truncate(whole.len() - 60);
    let recovered = disk.recover();
    assert_eq!(recovered.problems, [Problem::Short { number: 1 }]);
    assert!(topic(&recovered, "a").has_hole_behind(Offset(9)) && recovered.summaries[0].is_kept);
}

#[test]
fn without_a_mark_all_is_served_in_another_epoch() {
    let mut disk = crashed();
    disk.mark = None;
    let mut recovered = disk.recover();
    assert_eq!((recovered.epoch, &recovered.problems[..]), (None, &[Problem::Unmarked][..]));
    let other = Epoch(0xF);
    recovered.renumber(other);
    let header = recovered.header(other, 1, 5);
    assert!(header.is_renumbered && header.is_skip);
    let head = topic(&recovered, "a").head();
    assert_eq!(head.epoch, other);
    disk.mark = Some(mark(&header));
    let mut bytes = Vec::new();
    SegmentWriter::start(header, &mut bytes).push(&message("a", head.offset.0 + 1).record(), &mut bytes);
    disk.files.push((header.number, bytes));
    let recovered = disk.recover();
    assert_eq!((recovered.epoch, &recovered.problems[..]), (Some(other), &[][..]), "that was on purpose");
    assert_eq!(topic(&recovered, "a").len(), 10);
}

#[test]
fn what_a_full_disk_lost_is_told_after_any_end() {
    let told = |disk: &Disk, name: &str, offset: u64| topic(&disk.recover(), name).has_hole_behind(Offset(offset));
    // Killed while it is full: the mark alone tells it.
    let mut disk = crashed();
    disk.mark.as_mut().expect("started").is_lossy = true;
    assert!(told(&disk, "a", 9));
    // The node had gone on in another segment, which tells it then.
    let mut disk = crashed();
    let header = SegmentHeader { is_lossy: true, floor: Offset(9), ..header(4, 9) };
    disk.mark = Some(mark(&header));
    let mut bytes = Vec::new();
    let mut writer = SegmentWriter::start(header, &mut bytes);
    writer.push(&message("b", 1).record(), &mut bytes);
    disk.files.push((4, bytes));
    assert!(told(&disk, "a", 9) && !told(&disk, "b", 1), "b has not lost anything");
    // A message that follows the last one shows that nothing is missing between them.
    writer.push(&message("a", 10).record(), &mut disk.files[3].1);
    assert!(!told(&disk, "a", 8));
}
