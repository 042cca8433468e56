//! What a publication costs in a subscription table of a million, against one of a thousand.
//!
//! Tables differ in what does not match: names alone, or one subscription in ten a pattern. First, both sizes take turns and
//! the medians of many short rounds are compared, because the machine's speed drifts; the bench fails if the large table
//! takes [more than so much](RATIO_MAX) longer for the same name. Then criterion gives times, also of names in turn, where a
//! large table is out of the cache, and of a subscription that comes and goes.
//!
//! Not here: fan-out and the wire; and the proof that no more nodes are looked at, which the engine's tests have.

use std::hint::black_box;
use std::time::Instant;

use criterion::Criterion;
use ringwire::bench::Table;

const SMALL: usize = 1_000;
const LARGE: usize = 1_000_000;

/// How many times longer a publication may take in the large table.
const RATIO_MAX: f64 = 1.5;

/// What matches the name that is published to, in tables with patterns: these ten, and no name.
const MATCHING: [&str; 10] = ["s.one.*", "s.*.t", "*.one.t", "s.>", ">", "s.one.>", "*.*.*", "*.one.>", "*.*.t", "*.>"];

/// Makes a table with so many subscriptions, and says what to publish to and how many topics and patterns that reaches.
type Kind = (&'static str, fn(usize) -> Table, &'static str, usize);

const KINDS: [Kind; 2] = [("names", names, "s.1.t", 1), ("names and patterns", names_and_patterns, "s.one.t", 10)];

fn names(count: usize) -> Table {
    let mut table = Table::default();
    (0..count).for_each(|index| table.subscribe(&format!("s.{index}.t")));
    table
}

fn names_and_patterns(count: usize) -> Table {
    let mut table = Table::default();
    MATCHING.iter().for_each(|pattern| table.subscribe(pattern));
    for index in MATCHING.len()..count {
        match index % 30 {
            0 => table.subscribe(&format!("s.{index}.*")),
            10 => table.subscribe(&format!("*.{index}.>")),
            20 => table.subscribe(&format!("s.one.t.{index}.*")),
            _ => table.subscribe(&format!("s.{index}.t")),
        }
    }
    table
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut missed = Vec::new();
    for (kind, make, name, reached) in KINDS {
        let mut tables = [make(SMALL), make(LARGE)];
        assert_eq!(tables.each_mut().map(|table| table.publish(name)), [reached; 2], "{kind}");
        let [small, large] = compare(&mut tables, name);
        let ratio = large / small;
        println!("{kind}: {small:.1} ns among {SMALL}, {large:.1} ns among {LARGE}, {ratio:.2} x");
        missed.extend((ratio > RATIO_MAX).then_some(kind));
        for (table, count) in tables.iter_mut().zip([SMALL, LARGE]) {
            measure(&mut criterion, &format!("{kind}, {count}"), table, name, count);
        }
    }
    criterion.final_summary();
    assert!(missed.is_empty(), "the large table is slower than {RATIO_MAX} times the small one: {missed:?}");
}

/// Nanoseconds that a publication takes in each table.
fn compare(tables: &mut [Table; 2], name: &str) -> [f64; 2] {
    const ROUNDS: usize = 600;
    const REPEATS: usize = 500;
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for (table, times) in tables.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            for _ in 0..REPEATS {
                black_box(table.publish(black_box(name)));
            }
            times.push(begun.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2].as_secs_f64() * 1e9 / REPEATS as f64
    })
}

fn measure(criterion: &mut Criterion, title: &str, table: &mut Table, name: &str, count: usize) {
    let mut group = criterion.benchmark_group(title);
    group.bench_function("publish to one", |bencher| bencher.iter(|| table.publish(black_box(name))));
    let mut random = fastrand::Rng::with_seed(4222);
    let names: Vec<_> = (0..count).map(|_| format!("s.{}.t", random.usize(..count))).collect();
    let mut turn = names.iter().cycle();
    group.bench_function("publish to any", |bencher| bencher.iter(|| table.publish(turn.next().expect("a name"))));
    group.bench_function("subscribe and unsubscribe", |bencher| {
        bencher.iter(|| {
            table.subscribe(black_box("x.*.y"));
            table.unsubscribe(black_box("x.*.y"));
        })
    });
}
