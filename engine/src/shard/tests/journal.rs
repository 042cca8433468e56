//! A shard with a journal: what it hands on, and when publishers hear of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::stage::{SIZES, Stage, config};
use crate::config::{Config, TopicConfig};
use crate::shard::command::Command;
use crate::topic::error::{Full, PublishError};
use crate::topic::history::{MessageKind, Offset};
use crate::topic::journal::{JournalEntry, JournalPort, Journaling, NotDurable};
use crate::topic::parcel::{Published, Submission};

/// A shard that hands on what it numbers; nobody writes it but the test.
struct Desk {
    stage: Stage,
    port: JournalPort,
    rung: Arc<AtomicUsize>,
    woken: Arc<AtomicUsize>,
}

/// Topics `k.>` have a history.
fn desk(count_max: usize, claims_max: usize) -> Desk {
    let kept = TopicConfig { pattern: "k.>".to_owned(), history_count: 3, ..TopicConfig::default() };
    let mut stage = Stage::new(Config { topics: vec![kept], ..config() }, SIZES);
    let (rung, woken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = |counter: &Arc<AtomicUsize>| {
        let counter = Arc::clone(counter);
        move || {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let port = JournalPort::new(count_max, 10_000, count(&rung));
    stage.sim.shard.local.journal = Some(Journaling::new(port.clone(), claims_max, Box::new(count(&woken))));
    Desk { stage, port, rung, woken }
}

impl Desk {
    fn publish(&mut self, topic: &str, durable: bool) -> oneshot::Receiver<Published> {
        let (reply, answer) = oneshot::channel();
        let (name, payload, at) = (topic.into(), Arc::from(&b"x"[..]), Instant::now());
        let submission =
            Submission { name, kind: MessageKind::Text, payload, exclude: None, receipt: None, durable, at };
        self.stage.command(Command::Submit { submission, reply: Some(reply) });
        answer
    }

    fn written(&self) -> JournalEntry {
        self.port.pop().expect("it was handed on")
    }
}

#[test]
fn what_is_numbered_is_handed_on_once_and_the_bell_rung_once_a_turn() {
    let mut desk = desk(100, 10);
    let answers: Vec<_> = (0..5).map(|_| desk.publish("k.a", false)).collect();
    desk.stage.turns(2);
    for (number, answer) in (1..).zip(answers) {
        let position = answer.try_recv().expect("at once").expect("room").expect("it has a history");
        let JournalEntry { topic, entry, oldest, ack } = desk.written();
        assert_eq!((&*topic, entry.offset, position.offset), ("k.a", Offset(number), Offset(number)));
        // The history holds three.
        assert_eq!(oldest, Offset(number.saturating_sub(2).max(1)));
        assert!(ack.is_none());
    }
    assert!(desk.port.is_empty());
    assert_eq!(desk.rung.load(Ordering::Relaxed), 1);
    desk.stage.turns(2);
    assert_eq!(desk.rung.load(Ordering::Relaxed), 1, "nothing was pushed since");
    desk.stage.end();
}

#[test]
fn who_wants_it_durable_hears_when_it_is_and_not_before() {
    let mut desk = desk(100, 10);
    let (good, bad, lost) = (desk.publish("k.a", true), desk.publish("k.a", true), desk.publish("k.a", true));
    desk.stage.turns(3);
    let acks = [(); 3].map(|()| desk.written().ack.expect("it was asked for"));
    assert!([&good, &bad, &lost].iter().all(|answer| !answer.has_message()), "nothing is written yet");
    let [first, second, third] = acks;
    second.answer(Err(NotDurable::Failed("the disk is full".into())));
    first.answer(Ok(()));
    drop(third);
    assert_eq!(desk.woken.load(Ordering::Relaxed), 3);
    desk.stage.turns(1);
    assert_eq!(good.try_recv().expect("told").map(|position| position.map(|at| at.offset)), Ok(Some(Offset(1))));
    assert_eq!(bad.try_recv(), Ok(Err(PublishError::NotDurable)));
    assert_eq!(lost.try_recv(), Ok(Err(PublishError::NotDurable)));
    desk.stage.end();
}

#[test]
fn a_full_journal_refuses_before_a_number_is_given() {
    let mut desk = desk(2, 10);
    let answers: Vec<_> = (0..3).map(|_| desk.publish("k.a", false)).collect();
    desk.stage.turns(2);
    let told: Vec<_> = answers.into_iter().map(|answer| answer.try_recv().expect("at once").is_ok()).collect();
    assert_eq!(told, [true, true, false]);
    drop(desk.written());
    let next = desk.publish("k.a", false);
    desk.stage.turns(2);
    let position = next.try_recv().expect("at once").expect("there is room again").expect("it has a history");
    assert_eq!(position.offset, Offset(3));
    desk.stage.end();
}

#[test]
fn no_more_wait_than_may() {
    let mut desk = desk(100, 2);
    let waiting = [(); 3].map(|()| desk.publish("k.a", true));
    desk.stage.turns(2);
    assert_eq!(waiting[2].try_recv(), Ok(Err(PublishError::Busy(Full::JournalQueue))));
    drop(desk.written());
    desk.stage.turns(1);
    let next = desk.publish("k.a", true);
    desk.stage.turns(2);
    assert!(!next.has_message() && desk.port.pop().is_some() && desk.port.pop().is_some());
    desk.stage.turns(1);
    assert_eq!(next.try_recv(), Ok(Err(PublishError::NotDurable)), "its entry was dropped unanswered");
    desk.stage.end();
}

#[test]
fn without_a_history_or_a_journal_nothing_is_durable() {
    let mut desk = desk(100, 10);
    desk.stage.sim.shard.local.journal = None;
    let answer = desk.publish("k.a", true);
    desk.stage.turns(2);
    assert_eq!(answer.try_recv(), Ok(Err(PublishError::NotJournaled)));
    assert!(desk.port.is_empty() && desk.stage.sim.shard.local.histories.find("k.a").is_none());
    desk.stage.end();
}
