//! However the bytes are cut, the events and the error are the same.

use fastrand::Rng;
use ringwire::proto::{Opcode, Role};

use crate::streams::stream;
use crate::support::{decode, decode_chunks, frame, rules};

const ROLES: [Role; 2] = [Role::Server, Role::Client];
const LIMIT: usize = 2000;

/// RFC6455-5.3-1
#[test]
fn random_streams_in_random_chunks() {
    for seed in 0..4000 {
        let mut rng = Rng::with_seed(seed);
        let role = ROLES[rng.usize(..2)];
        let bytes = stream(&mut rng, role, 1000);
        let whole = decode(rules(role, LIMIT), &bytes);
        for size_max in [1, 2, 3, 7, 16, 100, 1000] {
            let sizes: Vec<usize> = (0..bytes.len()).map(|_| rng.usize(1..=size_max)).collect();
            let split = decode_chunks(rules(role, LIMIT), &bytes, sizes);
            assert_eq!(split, whole, "seed {seed}, chunks of up to {size_max}");
        }
    }
}

/// Every pair of cuts through a stream that has each kind of frame.
#[test]
fn every_two_cuts() {
    for role in ROLES {
        let mut bytes = [
            frame(role, true, Opcode::Text, "ß".as_bytes()),
            frame(role, false, Opcode::Text, b"\xE2\x82"),
            frame(role, true, Opcode::Ping, b"hi"),
            frame(role, true, Opcode::Continuation, b"\xAC"),
            frame(role, true, Opcode::Binary, &[9; 126]),
            frame(role, true, Opcode::Close, b"\x03\xe8ok"),
        ]
        .concat();
        bytes.push(0xFF);
        let whole = decode(rules(role, LIMIT), &bytes);
        assert_eq!((whole.events.len(), whole.error), (5, None));
        for first in 1..bytes.len() {
            for second in 1..bytes.len() - first {
                assert_eq!(decode_chunks(rules(role, LIMIT), &bytes, [first, second]), whole, "{first} {second}");
            }
        }
    }
}

/// Every way at all to cut short streams, right and wrong ones.
#[test]
fn every_split_of_short_streams() {
    let role = Role::Server;
    let streams = [
        frame(role, true, Opcode::Text, "é€".as_bytes()),
        frame(role, true, Opcode::Text, b"ok\xFFko"),
        [frame(role, false, Opcode::Text, b""), frame(role, true, Opcode::Continuation, b"")].concat(),
        frame(role, true, Opcode::Close, b"\x03\xe8!"),
        frame(role, true, Opcode::Ping, b"ping"),
        vec![0x82, 0xFE, 0x00, 0x7D, 1, 2, 3, 4],
        vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
    ];
    for bytes in streams {
        let whole = decode(rules(role, LIMIT), &bytes);
        for cuts in 0..1_u32 << (bytes.len() - 1) {
            let mut sizes = Vec::new();
            let mut size = 1;
            for at in 0..bytes.len() - 1 {
                if cuts >> at & 1 == 1 {
                    sizes.push(std::mem::take(&mut size));
                }
                size += 1;
            }
            assert_eq!(decode_chunks(rules(role, LIMIT), &bytes, sizes.iter().copied()), whole, "{bytes:x?} {sizes:?}");
        }
    }
}
