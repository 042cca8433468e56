//! The decoder: any split gives the same, and tungstenite agrees.

use fastrand::Rng;
use ringwire::proto::Role;

use crate::streams::stream;
use crate::support::{decode, decode_chunks, rules};
use crate::tungstenite_verdict::assert_same;

/// The first byte chooses the chunk sizes, the second role and limit; the rest comes from the peer.
pub fn check(data: &[u8]) {
    let [chunking, setting, bytes @ ..] = data else { return };
    let role = if setting & 1 == 0 { Role::Server } else { Role::Client };
    let limit = [125, 300, 2000, 70_000][usize::from(setting >> 1 & 3)];
    let rules = rules(role, limit);
    let whole = decode(rules, bytes);
    assert_eq!(decode_chunks(rules, bytes, sizes(*chunking)), whole);
    assert_same(rules, bytes, &whole);
}

/// Chunk sizes that are all equal (below 64), or pseudo-random up to a bound.
fn sizes(chunking: u8) -> impl Iterator<Item = usize> {
    let mut rng = Rng::with_seed(u64::from(chunking));
    let max = usize::from(chunking & 63) + 1;
    std::iter::repeat_with(move || if chunking < 64 { max } else { rng.usize(1..=max) })
}

/// Streams of the tests' generator, for both roles.
pub fn seeds() -> Vec<Vec<u8>> {
    (0..64)
        .map(|seed| {
            let mut rng = Rng::with_seed(seed);
            let setting = rng.u8(..8);
            let role = if setting & 1 == 0 { Role::Server } else { Role::Client };
            [vec![rng.u8(..), setting], stream(&mut rng, role, 200)].concat()
        })
        .collect()
}
