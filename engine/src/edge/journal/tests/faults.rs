//! Disks that are full or broken: who waits is told, nothing that was acknowledged is lost, and it goes on when it can.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;

use super::faulty::{Faults, FaultyStore, Shared};
use super::node::{message, *};
use super::*;
use crate::config::{Fsync, JournalConfig};
use crate::edge::journal::{Journal, Tail};
use crate::topic::journal::{Ack, Durability, JournalEntry, JournalPort, NotDurable};

/// A journal on a disk that fails as `faults` says.
fn start(dir: &TempDir, config: &JournalConfig, faults: &Shared) -> Running {
    let Journal { task, port, .. } = dir.open(config);
    let faults = Arc::clone(faults);
    Running::start_on(task, port, |files| FaultyStore { files, faults })
}

fn set(faults: &Shared, change: impl FnOnce(&mut Faults)) {
    change(&mut faults.lock().expect("no panic"));
}

fn reason(durability: Durability) -> String {
    match durability {
        Err(NotDurable::Failed(reason)) => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

fn mended(running: &Running) {
    eventually("mended", || running.health().trouble.is_none());
}

#[test]
fn a_full_disk_is_told_and_another_segment_follows_when_there_is_room() {
    let (dir, faults, config) = (TempDir::new(), Shared::default(), JournalConfig::default());
    let running = start(&dir, &config, &faults);
    assert_eq!(running.publish("a", 1), Ok(()));
    set(&faults, |faults| faults.room = 20);
    let said = reason(running.publish("a", 2));
    assert!(said.starts_with("cannot write segment 1 of the journal: No space left on device"), "{said}");
    // Everybody is answered, at once, as long as it lasts.
    assert_eq!(reason(running.publish("a", 3)), said);
    eventually("tried again", || {
        running.health().trouble.is_some_and(|said| said.contains("cannot begin a segment behind segment 1"))
    });
    assert_eq!(running.health().lost_count, 2);
    set(&faults, |faults| faults.room = u64::MAX);
    mended(&running);
    assert_eq!(running.publish("a", 4), Ok(()));
    running.stop();

    assert_eq!(dir.numbers(), [1, 2]);
    let Journal { recovered, .. } = dir.open(&config);
    assert!(!recovered.is_clean, "it does not know 2 and 3, so it was not closed");
    assert_eq!(offsets(&recovered, "a"), [1, 4], "what was acknowledged is there");
    assert!(history(&recovered, "a").is_some_and(|history| history.has_hole_behind(Offset(1))), "and the gap is told");
    assert_eq!(history(&recovered, "a").expect("it is known").head().offset.0, 4 + OFFSETS_SKIPPED);
}

/// However the node ends: who saw what the journal lacks, or has not got as far, is told.
#[test]
fn what_a_full_disk_lost_is_told_even_if_nothing_followed() {
    for goes_on in [false, true] {
        let (dir, faults, config) = (TempDir::new(), Shared::default(), JournalConfig::default());
        let running = start(&dir, &config, &faults);
        (1..=10).for_each(|offset| assert_eq!(running.publish("a", offset), Ok(())));
        set(&faults, |faults| faults.room = 0);
        (11..=20).for_each(|offset| drop(reason(running.publish("a", offset))));
        // As it would be if the node were killed now.
        let killed = dir.copy(&[1]);
        if goes_on {
            set(&faults, |faults| faults.room = u64::MAX);
            mended(&running);
        }
        running.stop();
        for dir in [&killed, &dir] {
            for start in 0..2 {
                let Journal { recovered, .. } = dir.open(&config);
                let a = history(&recovered, "a").expect("it is there");
                assert!(a.has_hole_behind(Offset(10)) && a.has_hole_behind(Offset(20)), "start {start}, {goes_on}");
                assert!(a.head().offset > Offset(20));
            }
        }
    }
}

/// An entry whose publisher has the next one ready when it hears, until it `ended`.
fn endless(port: &JournalPort, offset: u64, ended: &Arc<AtomicBool>) -> JournalEntry {
    let (next, is_over) = (port.clone(), Arc::clone(ended));
    let ack = Ack::new(move |_| {
        if !is_over.load(Ordering::Relaxed) {
            push(&next, endless(&next, offset + 1, &is_over)).expect("room in the queue");
        }
    });
    JournalEntry { ack: Some(ack), ..message("a", offset) }
}

#[test]
fn publishers_as_fast_as_refusals_do_not_hold_the_thread() {
    let (dir, faults) = (TempDir::new(), Shared::default());
    let running = start(&dir, &JournalConfig::default(), &faults);
    set(&faults, |faults| faults.room = 0);
    reason(running.publish("a", 1));
    let ended = Arc::new(AtomicBool::new(false));
    push(&running.port, endless(&running.port, 2, &ended)).expect("room in the queue");
    // It is told between the passes.
    let refused = running.health().lost_count;
    eventually("told, while more comes", || running.health().lost_count > refused + 5000);
    set(&faults, |faults| faults.room = u64::MAX);
    eventually("mended, while more comes", || running.health().trouble.is_none());
    ended.store(true, Ordering::Relaxed);
    assert_eq!(running.publish("b", 1), Ok(()));
    running.stop();
}

#[test]
fn what_a_failed_sync_covered_is_not_durable_and_not_served() {
    let (dir, faults, config) = (TempDir::new(), Shared::default(), JournalConfig::default());
    let running = start(&dir, &config, &faults);
    assert_eq!(running.publish("a", 1), Ok(()));
    set(&faults, |faults| faults.fails_sync = true);
    assert!(reason(running.publish("a", 2)).starts_with("cannot sync segment 1 of the journal: "));
    set(&faults, |faults| faults.fails_sync = false);
    mended(&running);
    assert_eq!(running.publish("b", 1), Ok(()));
    running.stop();
    let first = fs::read(dir.segment(1)).expect("the segment");
    assert_eq!(sound(&first, 1).records().map(|record| record.offset.0).collect::<Vec<_>>(), [1]);
    let Journal { recovered, .. } = dir.open(&config);
    assert_eq!(recovered.problems, []);
    assert_eq!((offsets(&recovered, "a"), offsets(&recovered, "b")), (vec![1], vec![1]));
    let head = history(&recovered, "a").expect("it is known").head().offset.0;
    assert_eq!(head, 1 + OFFSETS_SKIPPED, "readers saw a second message, and its number is not given again");
}

#[test]
fn what_was_written_before_a_failed_write_is_still_synced() {
    let (dir, faults) = (TempDir::new(), Shared::default());
    let config = JournalConfig { fsync: Fsync::Every(Duration::from_secs(3600)), ..JournalConfig::default() };
    let running = start(&dir, &config, &faults);
    let first = send(&running.port, "a", 1, 1);
    eventually("written", || running.health().entry_count == 1);
    set(&faults, |faults| faults.room = 5);
    assert!(reason(running.publish("a", 2)).contains("No space left"));
    set(&faults, |faults| faults.room = u64::MAX);
    assert_eq!(first.recv(), Ok(Ok(())), "by the sync of what was cut");
    running.stop();
    assert_eq!(offsets(&dir.open(&config).recovered, "a"), [1]);
}

#[test]
fn a_segment_that_cannot_be_begun_is_tried_again() {
    let (dir, faults) = (TempDir::new(), Shared::default());
    let config = JournalConfig { segment_bytes_max: 200, ..JournalConfig::default() };
    let running = start(&dir, &config, &faults);
    assert_eq!(running.publish("a", 1), Ok(()));
    set(&faults, |faults| faults.fails_create = true);
    let refused = (2..100).map(|offset| running.publish("a", offset)).find(Result::is_err).expect("a full segment");
    assert!(reason(refused).starts_with("cannot begin a segment behind segment 1 of the journal: "));
    set(&faults, |faults| faults.fails_create = false);
    mended(&running);
    assert_eq!(running.publish("b", 1), Ok(()));
    running.stop();
    assert!(offsets(&dir.open(&config).recovered, "a").len() >= 2);
}

/// Every call may fail. Whatever happened, all segments are sound, and each acknowledged message is in one of them.
#[test]
fn what_was_acknowledged_is_there_after_any_faults() {
    let mut acked_count = 0;
    for seed in 0..8 {
        let (dir, faults) = (TempDir::new(), Shared::default());
        let fsync = if seed % 2 == 0 { Fsync::Always } else { Fsync::Every(Duration::from_millis(2)) };
        let config = JournalConfig { fsync, segment_bytes_max: 3000, ..JournalConfig::default() };
        let running = start(&dir, &config, &faults);
        set(&faults, |faults| (faults.one_in, faults.random) = (20, Rng::with_seed(seed)));
        let mut acked = BTreeSet::new();
        for offset in (1..=400).step_by(5) {
            let told: Vec<_> = (offset..offset + 4).map(|offset| send(&running.port, "a", offset, 1)).collect();
            let outcomes = told.iter().map(|told| told.recv().expect("an answer"));
            acked.extend((offset..offset + 4).zip(outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(at, _)| at));
            if running.health().trouble.is_some() {
                // This one is refused, or just in time.
                acked.extend(running.publish("a", offset + 4).is_ok().then_some(offset + 4));
                mended(&running);
            }
        }
        set(&faults, |faults| faults.one_in = 0);
        running.stop();
        let found = durable(&dir);
        assert!(acked.is_subset(&found), "seed {seed}: {acked:?} {found:?}");
        acked_count += acked.len();
        let Journal { recovered, .. } = dir.open(&config);
        assert!(offsets(&recovered, "a").iter().all(|offset| found.contains(offset)), "seed {seed}");
    }
    assert!(acked_count > 1000, "{acked_count} were acknowledged: nothing was tested");
}

/// Offsets in all segments, each of which is what an earlier one must be.
fn durable(dir: &TempDir) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut sequence = 0;
    for number in dir.numbers() {
        let bytes = fs::read(dir.segment(number)).expect("the segment");
        match scan(&bytes, number, Place::Earlier) {
            Scan::Sound(segment) => {
                assert_eq!(segment.header.sequence, sequence, "records are missing before segment {number}");
                assert_ne!(segment.tail, Tail::Closed, "though messages are missing");
                sequence = segment.sequence_end;
                found.extend(segment.records().map(|record| record.offset.0));
            }
            other => panic!("segment {number}: {other:?}"),
        }
    }
    found
}
