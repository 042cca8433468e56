//! Segments of the journal: written and broken, or any bytes.

/// The first byte chooses: below 128, the others decide what is written and how it is broken; above, they are a segment's bytes,
/// whose checksums are made right if it is even. Any violation panics.
pub fn check(data: &[u8]) {
    ringwire::sim::journal_bytes(data);
}

/// Journals that differ from the start, and files that begin as segments do.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut seeds = Vec::new();
    for len in [0, 20, 100, 400, 1500, 4000] {
        for _ in 0..4 {
            let decisions: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
            seeds.push([&[0], &decisions[..]].concat());
        }
    }
    seeds.extend([1, 2, 5].map(|count| segment(count, &mut random)));
    seeds
}

/// A segment but for its checksums, which the target makes right.
fn segment(count: u64, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = vec![128];
    bytes.extend_from_slice(b"\x89RWJ\r\n\x1a\n");
    bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    for number in [7, 1, 0, 0, 5] {
        bytes.extend_from_slice(&u64::to_le_bytes(number));
    }
    bytes.extend_from_slice(&[0; 8]);
    for sequence in 0..count {
        let payload: Vec<u8> = (0..random.u8(..20)).map(|_| random.u8(..)).collect();
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        for number in [sequence, sequence + 1, 5] {
            bytes.extend_from_slice(&u64::to_le_bytes(number));
        }
        bytes.extend_from_slice(&[0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, b'a']);
        bytes.extend_from_slice(&payload);
    }
    bytes
}
