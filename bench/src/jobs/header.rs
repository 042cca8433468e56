//! Headers of frames: read as a server does, and written.

use std::hint::black_box;
use std::io::Cursor;

use ringwire::proto::{EncodedHeader, Header, Opcode, Role};
use tungstenite::protocol::frame::FrameHeader;

use super::{Job, RINGWIRE, frame};

/// Lengths of all three kinds.
const LENGTHS: [usize; 4] = [20, 125, 512, 70_000];
const ROUNDS: u64 = 250;
const UNITS: u64 = ROUNDS * LENGTHS.len() as u64;

pub(super) fn jobs() -> Vec<Job> {
    let frames = || LENGTHS.map(|length| frame(1, true, &vec![b'x'; length]));
    let (ours, theirs) = (frames(), frames());
    vec![
        Job::new("header, read", RINGWIRE, UNITS, move || {
            each(&ours, |bytes| Header::parse(bytes, Role::Server).is_ok_and(|header| header.is_some()))
        }),
        Job::new("header, read", "tungstenite", UNITS, move || {
            each(&theirs, |bytes| FrameHeader::parse(&mut Cursor::new(bytes)).is_ok_and(|header| header.is_some()))
        }),
        Job::new("header, written", RINGWIRE, UNITS, || {
            each(&LENGTHS, |&length| !black_box(EncodedHeader::server(Opcode::Text, length as u64)).is_empty())
        }),
        Job::new("header, written", "tungstenite", UNITS, || {
            each(&LENGTHS, |&length| {
                let mut out = [0; 14];
                let written = FrameHeader::default().format(length as u64, &mut &mut out[..]);
                black_box(out);
                written.is_ok()
            })
        }),
    ]
}

/// Does it to each, [`ROUNDS`] times, and counts those that went well.
fn each<T>(items: &[T; LENGTHS.len()], does: impl Fn(&T) -> bool) -> u64 {
    let rounds = (0..ROUNDS).flat_map(|_| items);
    rounds.map(|item| u64::from(does(black_box(item)))).sum()
}
