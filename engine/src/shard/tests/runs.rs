//! Many thousand seeded runs, and planted bugs that they must find.
//!
//! A failing seed is printed with the command that replays it alone: `RINGWIRE_SEED=… cargo test -p ringwire seeded_runs`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::metrics::Counters;
use crate::ring::sim::dice::Dice;
use crate::ring::sim::saboteur::{Bug, Saboteur};
use crate::shard::sim::run;

const SEEDS: u64 = 40_000;

/// Runs in which a planted bug must show.
const CANARY_SEEDS: u64 = 300;

#[test]
fn seeded_runs_violate_nothing() {
    if let Some(seed) = std::env::var("RINGWIRE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        run(Dice::from_seed(seed), |ring| ring);
        return;
    }
    std::thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || (0..SEEDS).filter(|seed| seed % 2 == part).for_each(run_seed));
        }
    });
}

/// What the fuzzer found once.
#[test]
fn runs_of_bytes_that_failed_once_violate_nothing() {
    let runs: [&[u8]; 3] = [
        // A connection that hears a topic was lost in the turn of a fan-out to it, by the end of what it had held back.
        b"\x0a\x00\x31\x37\x3a\x36\x3a\x61\x5e\x62\x63\x64\x65\x00\x98\x0a\x4d\x59\xa1\x50",
        b"\x00\x00\x40\x04\x39\x3a\xbe\x31\x3a\x61\x62\x63\x64\x65\x66\x67\x68\x69\x08\xef",
        // A poller that read an empty answer for so long that it left just when it had asked for what came meanwhile.
        b"\xa5\xad\x55\xc0\x2f\xa5\x4c\x8f\xc8\x3c\xfb\x01\xed\x44\xcb\x04\x1c\x41\x94\xd2\xd4\xf4\xfe\xdf\xc0\x3d\x88\xa5\
              \x36\x00\xaa\xd6\x4f\xad\x55\xc0\x2f\xa5\x4c\x8f\xc8\x3c\xfb\x01\xed\x44\xcb\x00\x00\x00\x00\x00\x00\x00\x7c\x41\
              \x94\x92\xd4\xf4\xfe\xdf\xc0\x88\xa5\x36\x00\xaa\xd6\x4f\xad\x55\xc0\x2f\xa5\x4c\x8f\xc8\x3c\xfb\x01\xed\x44\xcb\
              \x04\x1c\x41\x94\xd2\xa5\xf4\x88\xfe\xdf\xc0\xd4\x4f\xaa\x30\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\x0a\xf4\xd5\
              \x00\xca\x81\x2b\x3d\xd2\xa4\xa0\xb7\x0e\xc0\x2f",
    ];
    for bytes in runs {
        run(Dice::from_bytes(bytes), |ring| ring);
    }
}

fn run_seed(seed: u64) {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(Dice::from_seed(seed), |ring| ring)));
    assert!(outcome.is_ok(), "seed {seed}: RINGWIRE_SEED={seed} cargo test -p ringwire --lib seeded_runs");
}

/// The oracles are worth something: each of these bugs is found.
#[test]
fn planted_bugs_are_found() {
    for bug in Bug::ALL {
        let found = (0..CANARY_SEEDS).find(|&seed| {
            let run = || run(Dice::from_seed(seed), |ring| Saboteur::new(ring, bug));
            catch_unwind(AssertUnwindSafe(run)).is_err()
        });
        assert!(found.is_some(), "{bug:?} was not found in {CANARY_SEEDS} runs");
    }
}

/// The runs meet what they are there for.
#[test]
fn runs_reach_the_rare_cases() {
    let mut sum = Counters::default();
    let (mut heard, mut came_back, mut complete, mut large) = ((0, 0), 0, 0, (0, 0));
    for seed in 0..1000 {
        let outcome = run(Dice::from_seed(seed), |ring| ring);
        sum += outcome.counters;
        heard = (heard.0 + outcome.followed.events, heard.1 + outcome.followed.polled);
        came_back += outcome.followed.returned;
        complete += outcome.followed.complete;
        large = (large.0 + outcome.rests, large.1 + outcome.handovers);
    }
    assert!(large.0 >= 100 && large.1 >= 10, "large messages: {large:?} received in and sent from their own buffers");
    println!("large messages: {large:?}; over HTTP: {heard:?} heard, {came_back} came back, {complete} complete");
    assert!(heard.0 > 100 && heard.1 > 50 && came_back >= 5 && complete >= 5, "{heard:?} {came_back} {complete}");
    for (name, count) in [
        ("refused", sum.refused),
        ("deliveries", sum.deliveries),
        ("messages_dropped", sum.messages_dropped),
        ("drop_newest", sum.losses.drop_newest),
        ("disconnect", sum.losses.disconnect),
        ("slow_consumers", sum.slow_consumers),
        ("backpressure", sum.backpressure),
        ("protocol_errors", sum.protocol_errors),
        ("recv_buffers_exhausted", sum.recv_buffers_exhausted),
        ("stale_completions", sum.stale_completions),
        ("short_sends", sum.short_sends),
        ("windows", sum.windows),
        ("overflows", sum.overflows),
    ] {
        assert!(count >= 5, "{name}: only {count} times in a thousand runs");
    }
    assert!(sum.opened > 2000 && sum.messages_in > 5000, "{sum:?}");
}
