//! Groups, policies, the row of segments, and the queue.

use std::time::{Duration, Instant};

use super::node::*;
use crate::config::{Fsync, JournalConfig};
use crate::edge::journal::{Journal, JournalHealth};
use crate::topic::journal::NotDurable;

fn with(change: impl FnOnce(&mut JournalConfig)) -> JournalConfig {
    let mut config = JournalConfig::default();
    change(&mut config);
    config
}

/// What 1000 messages cost that waited when the task began.
fn thousand(fsync: Fsync) -> (JournalHealth, Duration) {
    let dir = TempDir::new();
    let Journal { task, port, .. } = dir.open(&with(|c| c.fsync = fsync));
    let answers: Vec<_> = (1..=1000).map(|offset| send(&port, "a", offset, 1)).collect();
    let start = Instant::now();
    let running = Running::start(task, port);
    answers.iter().for_each(|told| assert_eq!(told.recv(), Ok(Ok(()))));
    let elapsed = start.elapsed();
    eventually("told", || running.health().entry_count == 1000);
    let health = running.health();
    running.stop();
    assert_eq!(offsets(&dir.open(&with(|_| {})).recovered, "a").len(), 1000);
    (health, elapsed)
}

#[test]
fn what_waits_is_one_write_and_one_sync() {
    let (health, _) = thousand(Fsync::Always);
    assert_eq!((health.group_count, health.sync_count, health.lost_count), (1, 1, 0));
}

#[test]
fn publishers_that_wait_for_each_other_share_syncs() {
    let dir = TempDir::new();
    let Journal { task, port, .. } = dir.open(&with(|_| {}));
    let running = Running::start(task, port);
    std::thread::scope(|scope| {
        for topic in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            let running = &running;
            scope.spawn(move || (1..=50).for_each(|offset| assert_eq!(running.publish(topic, offset), Ok(()))));
        }
    });
    let health = running.health();
    running.stop();
    assert!(health.sync_count <= 300, "{} syncs of 400 publications", health.sync_count);
}

#[test]
fn a_policy_says_when_a_message_is_durable() {
    let (health, elapsed) = thousand(Fsync::Every(Duration::from_millis(60)));
    assert_eq!(health.sync_count, 1);
    assert!(elapsed >= Duration::from_millis(60), "{elapsed:?}");
    let (health, _) = thousand(Fsync::Never);
    assert_eq!((health.group_count, health.sync_count), (1, 0));
}

#[test]
fn segments_end_and_go_when_histories_hold_nothing_of_them() {
    let dir = TempDir::new();
    let config = with(|c| c.segment_bytes_max = 2000);
    let Journal { task, port, .. } = dir.open(&config);
    let running = Running::start(task, port);
    for offset in 1..=500u64 {
        // A history of ten messages.
        let told = send(&running.port, "a", offset, offset.saturating_sub(9).max(1));
        assert_eq!(told.recv(), Ok(Ok(())));
    }
    let health = running.health();
    running.stop();
    let numbers = dir.numbers();
    assert!(numbers[0] > 10 && numbers.len() <= 3, "{numbers:?}");
    assert!(numbers.iter().all(|&number| std::fs::metadata(dir.segment(number)).expect("a file").len() <= 2044));
    assert_eq!((health.segment_count, health.forced_count), (numbers.len(), 0));
    let Journal { recovered, .. } = dir.open(&config);
    assert!(recovered.is_clean && recovered.problems.is_empty());
    assert_eq!(offsets(&recovered, "a").iter().rev().take(10).min(), Some(&491));
}

#[test]
fn the_disk_is_bounded_whatever_histories_hold() {
    let dir = TempDir::new();
    let config = with(|c| (c.segment_bytes_max, c.journal_bytes_max) = (2000, 10_000));
    let Journal { task, port, .. } = dir.open(&config);
    let running = Running::start(task, port);
    for offset in 1..=500 {
        assert_eq!(running.publish("a", offset), Ok(()));
        assert!(dir.bytes() <= 10_000 + 2000, "{}", dir.bytes());
    }
    assert!(running.health().forced_count > 0);
    running.stop();
    assert!(dir.bytes() <= 10_044, "{}", dir.bytes());
    let held = offsets(&dir.open(&config).recovered, "a");
    assert!(held.len() > 50 && held.last() == Some(&500), "{held:?}");
}

#[test]
fn a_message_larger_than_a_segment_has_one_of_its_own() {
    let dir = TempDir::new();
    let config = with(|c| c.segment_bytes_max = 100);
    let Journal { task, port, .. } = dir.open(&config);
    let running = Running::start(task, port);
    (1..=5).for_each(|offset| assert_eq!(running.publish("a-topic-whose-name-is-long-enough", offset), Ok(())));
    running.stop();
    assert_eq!(dir.numbers(), [1, 2, 3, 4, 5]);
    assert_eq!(offsets(&dir.open(&config).recovered, "a-topic-whose-name-is-long-enough"), [1, 2, 3, 4, 5]);
}

#[test]
fn a_full_queue_gives_the_message_back() {
    let dir = TempDir::new();
    let Journal { task, port, .. } = dir.open(&with(|c| (c.queue_count, c.queue_bytes_max) = (16, 100_000)));
    let kept = port.reserve("a", b"").expect("room");
    (1..=15).for_each(|offset| drop(send(&port, "a", offset, 1)));
    let refused = push(&port, message("a", 16)).expect_err("the sixteenth place is kept");
    assert_eq!(refused.entry.offset.0, 16);
    drop(kept);
    assert!(push(&port, refused).is_ok(), "a place that is not used is given back");
    assert!(push(&port, message("a", 17)).is_err());
    let running = Running::start(task, port);
    eventually("taken", || running.port.reserve("a", b"").is_some());
    assert!(running.port.reserve("a", &[0; 99_000]).is_some());
    let place = running.port.reserve("a", &[0; 99_000]);
    assert!(place.is_some() && running.port.reserve("a", &[0; 1000]).is_none(), "100 kB are full");
    drop(place);
    running.stop();
}

#[test]
fn who_is_dropped_with_the_journal_hears_of_it() {
    let dir = TempDir::new();
    let Journal { task, port, .. } = dir.open(&with(|_| {}));
    let told = send(&port, "a", 1, 1);
    drop((task, port));
    assert_eq!(told.recv(), Ok(Err(NotDurable::Ended)));
}

/// A writer that ends, however it does, leaves no publisher waiting and no queue full for good.
#[test]
fn who_publishes_after_the_writer_has_ended_is_told_so() {
    let dir = TempDir::new();
    let Journal { task, port, status, .. } = dir.open(&with(|c| c.queue_count = 16));
    tokio_uring::start(async {
        tokio::select! {
            outcome = task.run(std::future::pending()) => outcome.expect("a bell"),
            () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {}
        }
    });
    for offset in 1..=100 {
        assert_eq!(send(&port, "a", offset, 1).recv(), Ok(Err(NotDurable::Ended)));
    }
    assert!(status.read().trouble.is_some());
}
