//! Many thousand seeded runs, and planted bugs that they must find.
//!
//! A failing seed is printed with the command that replays it alone: `RINGWIRE_SEED=… cargo test -p ringwire seeded_runs`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ring::sim::dice::Dice;
use crate::ring::sim::saboteur::{Bug, Saboteur};
use crate::shard::sim::run;

const SEEDS: u64 = 40_000;

/// Runs in which a planted bug must show.
const CANARY_SEEDS: u64 = 300;

#[test]
fn seeded_runs_violate_nothing() {
    if let Some(seed) = std::env::var("RINGWIRE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return run(Dice::from_seed(seed), |ring| ring);
    }
    std::thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || (0..SEEDS).filter(|seed| seed % 2 == part).for_each(run_seed));
        }
    });
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
