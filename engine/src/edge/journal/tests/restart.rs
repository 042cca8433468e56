//! What was written is there again, and what a crash or a fault of the disk did to the files is dealt with.

use std::fs;
use std::time::Duration;

use super::node::*;
use super::*;
use crate::config::JournalConfig;
use crate::edge::journal::{Journal, JournalError, Problem};
use crate::topic::history::HistoryLimits;

/// Segments of a few messages.
fn small() -> JournalConfig {
    JournalConfig { segment_bytes_max: 1000, ..JournalConfig::default() }
}

/// A journal that was written and closed.
fn written(config: &JournalConfig, count: u64) -> TempDir {
    let dir = TempDir::new();
    let Journal { task, port, .. } = dir.open(config);
    let running = Running::start(task, port);
    (1..=count).for_each(|offset| assert_eq!(running.publish("a", offset), Ok(())));
    running.stop();
    dir
}

/// The same, with the mark that it had before it was closed.
fn crashed(config: &JournalConfig, count: u64) -> TempDir {
    let dir = TempDir::new();
    let Journal { task, port, .. } = dir.open(config);
    let running = Running::start(task, port);
    (1..=count).for_each(|offset| assert_eq!(running.publish("a", offset), Ok(())));
    let mark = fs::read(dir.0.join("mark")).expect("the mark");
    running.stop();
    fs::write(dir.0.join("mark"), mark).expect("the mark");
    dir
}

/// A file with one bit changed; as it was.
fn spoil(dir: &TempDir, number: u64, at: usize) -> Vec<u8> {
    let good = fs::read(dir.segment(number)).expect("the segment");
    let mut bytes = good.clone();
    bytes[at] ^= 1;
    fs::write(dir.segment(number), bytes).expect("a corrupt file");
    good
}

#[test]
fn after_a_stop_all_is_there_and_goes_on() {
    let dir = TempDir::new();
    let config = JournalConfig::default();
    let Journal { epoch, recovered, task, port, .. } = dir.open(&config);
    assert!(recovered.is_clean && recovered.topics.is_empty());
    let running = Running::start(task, port);
    for offset in 1..=20 {
        assert_eq!(running.publish("a", offset), Ok(()));
        assert_eq!(running.publish("b", offset), Ok(()));
        assert_eq!(running.publish("without", offset), Ok(()));
    }
    running.stop();

    for round in 1..=3 {
        let Journal { epoch: again, recovered, task, port, .. } = dir.open(&config);
        assert_eq!((again, recovered.is_clean, &recovered.problems[..]), (epoch, true, &[][..]));
        let last = 19 + round;
        assert_eq!(offsets(&recovered, "a"), (1..=last).collect::<Vec<_>>());
        assert_eq!(offsets(&recovered, "b"), (1..=20).collect::<Vec<_>>());
        assert_eq!(recovered.topics.len(), 2);
        let running = Running::start(task, port);
        assert_eq!(running.publish("a", last + 1), Ok(()));
        running.stop();
    }
}

#[test]
fn a_directory_is_for_one_process() {
    let dir = TempDir::new();
    let journal = dir.open(&JournalConfig::default());
    let again = || Journal::open(&dir.0, &JournalConfig::default(), rules(usize::MAX, |_| None));
    let error = again().expect_err("it is locked");
    assert!(matches!(&error, JournalError::Locked { dir: locked } if *locked == dir.0), "{error}");
    assert!(error.to_string().contains("end it, or take another directory with --journal=DIR"), "{error}");
    drop(journal);
    assert!(again().is_ok());
}

#[test]
fn a_directory_that_cannot_be_is_told_with_its_path() {
    let dir = TempDir::new();
    fs::write(&dir.0, "a file").expect("a file");
    let error = Journal::open(&dir.0, &JournalConfig::default(), rules(usize::MAX, |_| None))
        .expect_err("no directory")
        .to_string();
    let _ = fs::remove_file(&dir.0);
    assert!(error.starts_with(&format!("the journal cannot make {}: ", dir.0.display())), "{error}");
}

#[test]
fn a_tail_that_is_torn_anywhere_is_cut() {
    let dir = crashed(&JournalConfig::default(), 6);
    let whole = fs::read(dir.segment(1)).expect("the segment");
    // Behind each record; the last is the mark of the end.
    let records: Vec<_> = sound(&whole, 1).records().map(|record| record.bytes()).collect();
    let ends: Vec<_> = records
        .iter()
        .scan(SegmentHeader::BYTES, |end, bytes| {
            *end += bytes;
            Some(*end)
        })
        .collect();
    for len in ends[3]..whole.len() {
        let torn = dir.copy(&[1]);
        fs::write(torn.segment(1), &whole[..len]).expect("a shorter file");
        let Journal { recovered, .. } = torn.open(&JournalConfig::default());
        let left = ends.iter().filter(|&&end| end <= len).count();
        assert_eq!(offsets(&recovered, "a"), (1..=left as u64).collect::<Vec<_>>(), "{len}");
        // Checksums are random: one that begins with zeros looks like room that was made and not used.
        let is_torn = whole[ends[left - 1]..len].iter().any(|&byte| byte != 0);
        assert_eq!(recovered.problem_count, usize::from(is_torn), "{len}");
        if is_torn {
            assert_eq!(fs::read(torn.segment(1)).expect("the segment"), whole[..ends[left - 1]], "{len}: not cut");
        }
        assert_eq!(history(&recovered, "a").expect("it is known").head().offset.0, left as u64 + OFFSETS_SKIPPED);
        assert_eq!(torn.numbers(), [1, 2], "it goes on in a new one");
        // What was cut once is no problem any more.
        let Journal { recovered, .. } = torn.open(&JournalConfig::default());
        assert_eq!((recovered.problem_count, offsets(&recovered, "a").len()), (0, left));
    }
}

#[test]
fn a_segment_without_a_header_is_removed_and_its_number_used_again() {
    let dir = written(&JournalConfig::default(), 3);
    fs::write(dir.segment(2), [0; 30]).expect("a file");
    let Journal { recovered, .. } = dir.open(&JournalConfig::default());
    assert!(matches!(recovered.problems[..], [Problem::Torn { number: 2, .. }]));
    assert_eq!((offsets(&recovered, "a"), dir.numbers()), (vec![1, 2, 3], vec![1, 2]));
    sound(&fs::read(dir.segment(2)).expect("the new one"), 2);
}

#[test]
fn a_corrupt_segment_is_reported_and_left_alone_and_what_lies_around_it_is_served() {
    let dir = written(&small(), 40);
    let numbers = dir.numbers();
    assert!(numbers.len() >= 4, "{numbers:?}");
    let middle = numbers[numbers.len() / 2];
    let first_of = |number| {
        let bytes = fs::read(dir.segment(number)).expect("the segment");
        sound(&bytes, number).records().next().expect("a message").offset.0
    };
    let (lost, first) = (first_of(middle), first_of(middle + 1));
    spoil(&dir, middle, 100);
    let bytes = fs::read(dir.segment(middle)).expect("the segment");

    let Journal { recovered, task, port, status, .. } = dir.open(&small());
    assert!(matches!(recovered.problems[..], [Problem::Corrupt { number, .. }] if number == middle));
    assert_eq!(offsets(&recovered, "a"), (1..lost).chain(first..=40).collect::<Vec<_>>());
    let head = history(&recovered, "a").expect("it is there").head().offset.0;
    let running = Running::start(task, port);
    (head + 1..=head + 40).for_each(|offset| assert_eq!(running.publish("a", offset), Ok(())));
    let found = status.read().found;
    assert_eq!((found.kept_files, found.kept_bytes), (1, bytes.len() as u64));
    assert!(found.problems[0].starts_with(&format!("segment {middle}: corrupt: ")), "{:?}", found.problems);
    running.stop();
    assert_eq!(fs::read(dir.segment(middle)).expect("it is still there"), bytes);
    let Journal { recovered, .. } = dir.open(&small());
    let all: Vec<_> = (1..lost).chain(first..=40).chain(head + 1..=head + 40).collect();
    assert_eq!(offsets(&recovered, "a"), all);
}

#[test]
fn a_file_that_is_too_large_for_a_segment_is_refused() {
    let dir = written(&JournalConfig::default(), 1);
    fs::OpenOptions::new().write(true).open(dir.segment(1)).and_then(|file| file.set_len(1 << 40)).expect("a hole");
    let error = Journal::open(&dir.0, &JournalConfig::default(), rules(usize::MAX, |_| None))
        .expect_err("too large")
        .to_string();
    assert!(error.ends_with("has 1099511627776 bytes, more than any segment: move it away"), "{error}");
}

#[test]
fn what_is_recovered_is_bounded_and_the_newest_stay_whichever_topic_they_are_of() {
    let dir = TempDir::new();
    let Journal { task, port, .. } = dir.open(&small());
    let running = Running::start(task, port);
    // One topic's messages are all older than the others'.
    (1..=50).for_each(|offset| assert_eq!(running.publish("old", offset), Ok(())));
    std::thread::sleep(Duration::from_millis(5));
    for offset in 1..=50 {
        ["a", "b"].iter().for_each(|topic| assert_eq!(running.publish(topic, offset), Ok(())));
    }
    running.stop();
    const BYTES_MAX: usize = 6000;
    let journal = Journal::open(&dir.0, &small(), rules(BYTES_MAX, |_| Some(limits()))).expect("it opens");
    let recovered = journal.recovered;
    let bytes: usize = recovered.topics.iter().map(|(_, history)| history.entry_bytes()).sum();
    assert!((BYTES_MAX / 2..=BYTES_MAX).contains(&bytes), "{bytes} bytes");
    assert!(offsets(&recovered, "old").is_empty());
    for topic in ["a", "b"] {
        let held = offsets(&recovered, topic);
        assert!(held.len() > 10 && held.last() == Some(&50), "{topic}: {held:?}");
    }
    let old = history(&recovered, "old").expect("its head is known");
    assert_eq!(old.head().offset.0, 50, "no offset is given twice");
}

/// A start without the rule that gave a topic its history: a mistake, most likely, that must not cost the messages.
#[test]
fn topics_without_a_rule_keep_their_segments() {
    let dir = written(&small(), 40);
    let numbers = dir.numbers();
    for _ in 0..2 {
        let Journal { recovered, task, port, .. } =
            Journal::open(&dir.0, &small(), rules(usize::MAX, |topic| (topic == "b").then(limits))).expect("it opens");
        assert_eq!(recovered.unruled.get("a"), Some(&40));
        let running = Running::start(task, port);
        (1..=30).for_each(|offset| drop(running.publish("b", offset)));
        running.stop();
        assert_eq!(dir.numbers()[..numbers.len()], numbers, "they were removed");
    }
    let Journal { recovered, .. } = dir.open(&small());
    assert_eq!(offsets(&recovered, "a"), (1..=40).collect::<Vec<_>>());
}

/// The operator is told to restore what is corrupt: what it would bring back must still be there.
#[test]
fn a_corrupt_segment_that_is_restored_brings_back_all() {
    let dir = written(&small(), 40);
    let (numbers, last) = (dir.numbers(), dir.numbers()[dir.numbers().len() - 1]);
    let good = spoil(&dir, last, 20);
    let mut published = Vec::new();
    for _ in 0..2 {
        let Journal { recovered, task, port, .. } = dir.open(&small());
        assert!(recovered.problem_count > 0 && offsets(&recovered, "a").len() < 40 + published.len());
        let head = history(&recovered, "a").expect("it is there").head().offset.0;
        let running = Running::start(task, port);
        // Nobody holds anything of these files, as far as the shards know.
        drop(send(&running.port, "a", head + 1, head + 1).recv());
        published.push(head + 1);
        (1..=30).for_each(|offset| drop(running.publish("b", offset)));
        running.stop();
        assert_eq!(dir.numbers()[..numbers.len()], numbers, "they were removed");
    }
    fs::write(dir.segment(last), &good).expect("the file is restored");
    let Journal { recovered, .. } = dir.open(&small());
    assert_eq!(offsets(&recovered, "a"), (1..=40).chain(published).collect::<Vec<_>>());
}

/// For a while after a start no file goes that it found: the rule may have become smaller by mistake.
#[test]
fn a_smaller_rule_costs_nothing_until_the_grace_is_over() {
    let dir = written(&small(), 40);
    let numbers = dir.numbers();
    let few = HistoryLimits::new(3, 1 << 20, Duration::from_secs(3600), 0).expect("within their ranges");
    let open = |grace: Duration| {
        let config = JournalConfig { retention_grace: grace, ..small() };
        Journal::open(&dir.0, &config, rules(usize::MAX, move |_| Some(few))).expect("it opens")
    };
    let Journal { recovered, task, port, .. } = open(Duration::from_secs(3600));
    assert_eq!((recovered.let_go.topics, recovered.let_go.messages), (1, 37));
    Running::start(task, port).stop();
    assert_eq!(dir.numbers()[..numbers.len()], numbers);
    let Journal { recovered, task, port, .. } = dir.open(&small());
    assert_eq!(offsets(&recovered, "a"), (1..=40).collect::<Vec<_>>(), "the rule is back");
    Running::start(task, port).stop();

    let Journal { task, port, .. } = open(Duration::from_millis(50));
    let running = Running::start(task, port);
    eventually("removed", || dir.numbers()[0] > numbers[1]);
    running.stop();
    assert_eq!(offsets(&dir.open(&small()).recovered, "a").last(), Some(&40));
}

#[test]
fn a_directory_whose_lock_was_removed_is_still_for_one_process() {
    let dir = TempDir::new();
    let journal = dir.open(&JournalConfig::default());
    fs::remove_file(dir.0.join("lock")).expect("it is there");
    let again = || Journal::open(&dir.0, &JournalConfig::default(), rules(usize::MAX, |_| None));
    assert!(matches!(again(), Err(JournalError::Locked { .. })));
    drop(journal);
    assert!(again().is_ok());
}

#[test]
fn a_journal_whose_mark_was_removed_goes_on_in_another_epoch() {
    let dir = written(&small(), 40);
    let before = dir.open(&small()).epoch;
    fs::remove_file(dir.0.join("mark")).expect("it is there");
    let Journal { epoch, recovered, .. } = dir.open(&small());
    assert_ne!(epoch, before);
    assert_eq!(offsets(&recovered, "a"), (1..=40).collect::<Vec<_>>());
    let again = dir.open(&small());
    assert_eq!((again.epoch, again.recovered.problem_count), (epoch, 0));
    assert_eq!(offsets(&again.recovered, "a").len(), 40);
}
