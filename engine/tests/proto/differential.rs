//! The same verdict and close code as tungstenite's, on streams from seeds and on bytes without any sense.

use fastrand::Rng;
use ringwire::proto::Role;

use crate::streams::stream;
use crate::support::{decode, rules};
use crate::tungstenite_verdict::assert_same;

const ROLES: [Role; 2] = [Role::Server, Role::Client];
const LIMIT: usize = 1500;

#[test]
fn streams_of_frames() {
    let mut refused = 0;
    for seed in 0..20_000 {
        let mut rng = Rng::with_seed(seed);
        let role = ROLES[rng.usize(..2)];
        let bytes = stream(&mut rng, role, 1600);
        let outcome = decode(rules(role, LIMIT), &bytes);
        refused += u32::from(outcome.error.is_some());
        with_seed(seed, || assert_same(rules(role, LIMIT), &bytes, &outcome));
    }
    assert!((3000..17_000).contains(&refused), "the streams are too tame or too wild: {refused} refused");
}

#[test]
fn bytes_without_sense() {
    for seed in 0..20_000 {
        let mut rng = Rng::with_seed(seed);
        let role = ROLES[rng.usize(..2)];
        let mut bytes: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
        if rng.bool() && bytes.len() > 2 {
            // Past the first two bytes now and then.
            bytes[0] &= 0x8F;
            bytes[1] = if role == Role::Server { bytes[1] | 0x80 } else { bytes[1] & 0x7F };
        }
        let outcome = decode(rules(role, LIMIT), &bytes);
        with_seed(seed, || assert_same(rules(role, LIMIT), &bytes, &outcome));
    }
}

/// Names the seed when `check` fails.
fn with_seed(seed: u64, check: impl FnOnce() + std::panic::UnwindSafe) {
    if let Err(panic) = std::panic::catch_unwind(check) {
        eprintln!("seed {seed}");
        std::panic::resume_unwind(panic);
    }
}
