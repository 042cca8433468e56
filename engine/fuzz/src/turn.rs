//! Turns of a shard on a simulated ring; what happens is decided by the input.

/// Every byte is a decision: of the configuration, of what peers do, of what the kernel does. Any violation panics.
pub fn check(data: &[u8]) {
    ringwire::sim::run_bytes(data);
}

/// Runs that differ from the start.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(7);
    [0, 10, 50, 200, 1000, 4000]
        .into_iter()
        .flat_map(|len| [len; 6])
        .map(|len| random_bytes(&mut random, len))
        .collect()
}

fn random_bytes(random: &mut fastrand::Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.u8(..)).collect()
}
