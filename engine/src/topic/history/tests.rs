//! Vectors, and random histories beside one that forgets nothing.

use std::time::Duration;

use fastrand::Rng;

use super::*;

const EPOCH: Epoch = Epoch(0xE);

fn limits(count: usize, bytes: usize, age_ms: u64) -> HistoryLimits {
    HistoryLimits::new(count, bytes, Duration::from_millis(age_ms), 0).expect("within their ranges")
}

fn empty(limits: HistoryLimits) -> History {
    History::new(limits, at(0))
}

fn at(offset: u64) -> Position {
    Position { epoch: EPOCH, offset: Offset(offset) }
}

fn append(history: &mut History, payload: &[u8], time_ms: u64) -> u64 {
    history.append(MessageKind::Binary, payload.into(), time_ms).0
}

/// The offsets of what was missed, or the cause and the offsets of the latest message and of the head.
fn resume(history: &History, position: Position) -> Result<Vec<u64>, (Break, Option<u64>, u64)> {
    match history.after(position) {
        Ok(entries) => Ok(entries.map(|entry| entry.offset.0).collect()),
        Err(cause) => Err((cause, history.latest().map(|entry| entry.offset.0), history.head().offset.0)),
    }
}

#[test]
fn offsets_begin_at_1_and_a_reader_gets_what_it_missed() {
    let mut history = empty(limits(10, 10_000, 1000));
    assert_eq!(resume(&history, at(0)), Ok(vec![]));
    assert_eq!([0, 1, 2].map(|time| append(&mut history, b"x", time)), [1, 2, 3]);
    assert_eq!(resume(&history, at(0)), Ok(vec![1, 2, 3]));
    assert_eq!(resume(&history, at(2)), Ok(vec![3]));
    assert_eq!(resume(&history, at(3)), Ok(vec![]));
    assert_eq!(history.head(), at(3));
    assert_eq!(history.latest().map(|entry| entry.offset), Some(Offset(3)));
}

#[test]
fn a_reader_that_cannot_go_on_is_told_why_and_gets_the_latest() {
    let mut history = empty(limits(2, 10_000, 1000));
    for time in 0..5 {
        append(&mut history, b"x", time);
    }
    assert_eq!(resume(&history, at(3)), Ok(vec![4, 5]));
    assert_eq!(resume(&history, at(2)), Err((Break::TooOld, Some(5), 5)));
    assert_eq!(resume(&history, at(6)), Err((Break::Ahead, Some(5), 5)));
    assert_eq!(resume(&history, at(u64::MAX)), Err((Break::Ahead, Some(5), 5)));
    let other = Position { epoch: Epoch(1), offset: Offset(3) };
    assert_eq!(resume(&history, other), Err((Break::OtherEpoch, Some(5), 5)));
}

#[test]
fn each_limit_evicts_the_oldest() {
    let size = Entry::OVERHEAD_BYTES + 4;
    let mut by_bytes = empty(limits(10, 3 * size, 1000));
    for _ in 0..4 {
        append(&mut by_bytes, b"four", 0);
    }
    assert_eq!(resume(&by_bytes, at(1)), Ok(vec![2, 3, 4]));
    append(&mut by_bytes, b"four.", 0);
    assert_eq!(resume(&by_bytes, at(3)), Ok(vec![4, 5]), "one byte more");

    let mut by_age = empty(limits(10, 10_000, 100));
    append(&mut by_age, b"x", 1000);
    append(&mut by_age, b"x", 1001);
    by_age.expire(1100);
    assert_eq!(by_age.len(), 2, "as old as it may be");
    by_age.expire(1101);
    assert_eq!(resume(&by_age, at(0)), Err((Break::TooOld, Some(2), 2)));
    by_age.expire(1102);
    assert!(by_age.is_empty());
    assert_eq!(resume(&by_age, at(1)), Err((Break::TooOld, None, 2)), "even the latest is too old");
    assert_eq!(resume(&by_age, at(2)), Ok(vec![]), "who saw all missed nothing");
    assert_eq!(append(&mut by_age, b"x", 2000), 3);
}

#[test]
fn a_message_that_is_larger_than_the_history_is_counted_and_not_kept() {
    let mut history = empty(limits(10, Entry::OVERHEAD_BYTES + 1, 100));
    assert_eq!(append(&mut history, b"xy", 0), 1);
    assert!(history.is_empty());
    assert_eq!(resume(&history, at(0)), Err((Break::TooOld, None, 1)));
}

#[test]
fn a_jump_loses_nobody_and_a_cut_loses_all_but_the_head() {
    let mut history = empty(limits(10, 10_000, 1000));
    append(&mut history, b"a", 0);
    history.skip_to(Offset(100));
    history.skip_to(Offset(50));
    assert_eq!(history.head(), at(100));
    assert_eq!(append(&mut history, b"b", 0), 101);
    assert_eq!(resume(&history, at(0)), Ok(vec![1, 101]));
    assert_eq!(resume(&history, at(70)), Ok(vec![101]), "may have seen what is not known any more");
    history.clear();
    assert_eq!(resume(&history, at(100)), Err((Break::TooOld, None, 101)));
    assert_eq!(resume(&history, at(101)), Ok(vec![]));
}

#[test]
#[should_panic(expected = "offset 3 is not above 3")]
fn no_offset_names_two_messages() {
    let mut history = History::new(limits(10, 10_000, 1000), at(3));
    history.restore(Entry { offset: Offset(3), time_ms: 0, kind: MessageKind::Text, payload: (*b"x").into() });
}

#[test]
fn memory_comes_back() {
    let mut history = empty(limits(10_000, 10_000_000, 1000));
    for _ in 0..10_000 {
        append(&mut history, b"0123456789", 0);
    }
    let full = history.bytes();
    assert!(full >= 10_000 * (Entry::OVERHEAD_BYTES + 10));
    history.expire(5000);
    assert!(history.bytes() <= SPARE_PLACES * size_of::<Entry>(), "{} of {full}", history.bytes());
}

/// All that was ever published, and how much of it is gone.
struct Model {
    all: Vec<Entry>,
    gone: usize,
    head: u64,
    limits: HistoryLimits,
}

impl Model {
    fn held(&self) -> &[Entry] {
        &self.all[self.gone..]
    }

    fn expire(&mut self, now_ms: u64) {
        let too_old = |entry: &Entry| now_ms > entry.time_ms + self.limits.age_max_ms();
        while self.held().first().is_some_and(too_old) {
            self.gone += 1;
        }
    }

    fn append(&mut self, payload: &[u8], time_ms: u64) {
        self.expire(time_ms);
        self.head += 1;
        let offset = Offset(self.head);
        self.all.push(Entry { offset, time_ms, kind: MessageKind::Binary, payload: payload.into() });
        let too_many = |held: &[Entry]| {
            let bytes: usize = held.iter().map(|entry| entry.payload.len() + Entry::OVERHEAD_BYTES).sum();
            held.len() > self.limits.count_max() || bytes > self.limits.bytes_max()
        };
        while too_many(&self.all[self.gone..]) {
            self.gone += 1;
        }
    }

    fn resume(&self, position: Position) -> Result<Vec<u64>, (Break, Option<u64>, u64)> {
        let latest = self.held().last().map(|entry| entry.offset.0);
        let broken = |cause| Err((cause, latest, self.head));
        let missed = |entries: &[Entry]| -> Vec<u64> {
            entries.iter().map(|entry| entry.offset.0).filter(|&offset| offset > position.offset.0).collect()
        };
        match position {
            Position { epoch, .. } if epoch != EPOCH => broken(Break::OtherEpoch),
            Position { offset, .. } if offset.0 > self.head => broken(Break::Ahead),
            _ if !missed(&self.all[..self.gone]).is_empty() => broken(Break::TooOld),
            _ => Ok(missed(self.held())),
        }
    }
}

fn random_limits(random: &mut Rng) -> HistoryLimits {
    let bytes = Entry::OVERHEAD_BYTES + random.usize(0..3000);
    limits(random.usize(1..40), bytes, random.u64(1..200))
}

/// Resumes in small parts, as a caller does that cannot take all at once.
fn resume_in_parts(history: &History, mut position: Position, random: &mut Rng) -> Vec<u64> {
    let mut missed = Vec::new();
    loop {
        let Ok(entries) = history.after(position) else { panic!("broken half-way") };
        let part: Vec<u64> = entries.take(random.usize(1..5)).map(|entry| entry.offset.0).collect();
        let Some(&last) = part.last() else { return missed };
        missed.extend(part);
        position = history.at(Offset(last));
    }
}

fn compare(history: &History, model: &Model, random: &mut Rng) {
    assert_eq!(history.entries.iter().collect::<Vec<_>>(), model.held().iter().collect::<Vec<_>>());
    assert_eq!(history.head(), at(model.head));
    let newest = model.head.saturating_sub(60);
    for offset in (newest..model.head + 3).chain([0, random.u64(..=model.head)]) {
        let expected = model.resume(at(offset));
        assert_eq!(resume(history, at(offset)), expected, "after {offset}");
        if let Ok(missed) = expected {
            assert_eq!(resume_in_parts(history, at(offset), random), missed, "in parts, after {offset}");
        }
    }
    let other = Position { epoch: Epoch(random.u64(..)), offset: Offset(random.u64(..)) };
    assert_eq!(resume(history, other), model.resume(other));
}

#[test]
fn a_history_is_the_end_of_one_that_forgets_nothing() {
    for seed in 0..60 {
        println!("seed {seed}");
        let random = &mut Rng::with_seed(seed);
        let limits = random_limits(random);
        let floor = random.u64(..5);
        let mut history = History::new(limits, at(floor));
        let mut model = Model { all: Vec::new(), gone: 0, head: floor, limits };
        // Nothing before the floor can be had: as if it had been published and was gone.
        model.all.extend((1..=floor).map(gone));
        model.gone = model.all.len();
        let mut now = 1000;
        for _ in 0..200 {
            // Clocks step back, too.
            now = (now + random.u64(..30)).saturating_sub(random.u64(..8));
            step(&mut history, &mut model, now, random);
            compare(&history, &model, random);
        }
    }
}

fn step(history: &mut History, model: &mut Model, now: u64, random: &mut Rng) {
    match random.u8(..20) {
        0..15 => {
            let payload = vec![random.u8(..); random.usize(..400)];
            append(history, &payload, now);
            model.append(&payload, now);
        }
        15..18 => {
            history.expire(now);
            model.expire(now);
        }
        18 => {
            model.head += random.u64(..10);
            history.skip_to(Offset(model.head));
        }
        _ => {
            history.clear();
            // As if what was skipped had been published, and was gone.
            model.all.push(gone(model.head));
            model.gone = model.all.len();
        }
    }
}

fn gone(offset: u64) -> Entry {
    Entry { offset: Offset(offset), time_ms: 0, kind: MessageKind::Binary, payload: [].into() }
}
