//! Torn tails and corruption, and which is which.

use fastrand::Rng;

use super::*;
use crate::edge::journal::trial::{check, check_broken};
use crate::edge::journal::{Corrupt, Damage, Tail};

#[test]
fn every_cut_leaves_the_longest_valid_beginning() {
    let written = three_groups();
    for len in 0..written.bytes.len() {
        let bytes = &written.bytes[..len];
        if len < SegmentHeader::BYTES {
            assert!(
                matches!(scan(bytes, 1, Place::Last), Scan::Headless(tail) if tail.cut_bytes == len as u64),
                "{len}"
            );
            continue;
        }
        let valid = *written.ends.iter().filter(|&&end| end <= len).max().expect("the header");
        let segment = sound(bytes, 1);
        assert_eq!(segment.records().count(), written.ends.iter().filter(|&&end| end <= len).count() - 1, "{len}");
        match segment.tail {
            Tail::Open => assert_eq!(len, valid),
            Tail::Torn(tail) => {
                assert_eq!((tail.valid_bytes, tail.cut_bytes), (valid as u64, (len - valid) as u64));
                assert_eq!(segment.valid_bytes(), valid as u64);
                assert!(matches!(scan(bytes, 1, Place::Earlier), Scan::Corrupt(..)), "{len}");
            }
            Tail::Closed => panic!("closed at {len}"),
        }
    }
}

#[test]
fn every_changed_byte_is_seen_and_nothing_changed_is_served() {
    let written = three_groups();
    let unsynced = written.ends[4];
    for at in 0..written.bytes.len() {
        for bit in 0..8 {
            let mut bytes = written.bytes.clone();
            bytes[at] ^= 1 << bit;
            check_broken(&written, &bytes, at..at + 1);
            assert!(matches!(scan(&bytes, 1, Place::Earlier), Scan::Corrupt(..)), "{at} of an earlier one");
            match scan(&bytes, 1, Place::Last) {
                Scan::Corrupt(..) => assert!(at < unsynced, "{at}: only what was synced can be corrupt"),
                Scan::Sound(segment) => {
                    assert!(at >= unsynced, "{at}: what was synced cannot be torn");
                    assert!(matches!(segment.tail, Tail::Torn(_)), "{at}");
                }
                Scan::Headless(tail) => panic!("{at}: {tail}"),
            }
        }
    }
}

#[test]
fn later_pages_without_earlier_ones_are_a_torn_tail_if_no_sync_had_covered_them() {
    let written = three_groups();
    // The fifth record is a hole, the sixth is whole: of the group that no sync covered.
    let mut bytes = written.bytes.clone();
    bytes[written.ends[4]..written.ends[5]].fill(0);
    let segment = sound(&bytes, 1);
    assert!(matches!(segment.tail, Tail::Torn(tail) if tail.valid_bytes == written.ends[4] as u64));
    assert_eq!(segment.records().count(), 4);
    // The fourth is a hole: the fifth was encoded after its sync.
    let mut bytes = written.bytes.clone();
    bytes[written.ends[3]..written.ends[4]].fill(0);
    let corrupt = Corrupt { at: written.ends[3] as u64, reason: Damage::HeadChecksum };
    assert!(matches!(scan(&bytes, 1, Place::Last), Scan::Corrupt(found, _) if found == corrupt));
}

#[test]
fn zeros_that_were_allocated_in_advance_are_no_damage() {
    let written = three_groups();
    let bytes = [&written.bytes[..], &[0; 10_000]].concat();
    for place in [Place::Last, Place::Earlier] {
        let Scan::Sound(segment) = scan(&bytes, 1, place) else { panic!("damaged") };
        assert_eq!((segment.tail, segment.records().count()), (Tail::Open, 6));
    }
    assert!(matches!(scan(&[0; 4096], 1, Place::Last), Scan::Headless(tail) if tail.cut_bytes == 4096));
    assert!(matches!(scan(&[0; 4096], 1, Place::Earlier), Scan::Corrupt(..)));
}

#[test]
fn what_is_not_ours_is_never_cut() {
    let corrupt = |bytes: &[u8], number| match scan(bytes, number, Place::Last) {
        Scan::Corrupt(corrupt, _) => corrupt.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(corrupt(b"some text", 1), Damage::Magic);
    assert_eq!(corrupt(&[7; 4096], 1), Damage::Magic);
    let written = three_groups();
    assert_eq!(corrupt(&written.bytes, 2), Damage::Number(1));
    let mut newer = written.bytes.clone();
    newer[8] = 2;
    let checksum = crc32c::crc32c(&newer[..60]);
    newer[60..64].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(corrupt(&newer, 1), Damage::Version(2));
}

#[test]
fn records_of_another_segment_or_place_do_not_pass() {
    let written = three_groups();
    let (one, two) = (written.ends[0]..written.ends[1], written.ends[2]..written.ends[3]);
    // A copy of an earlier record behind the last one.
    let bytes = [&written.bytes[..], &written.bytes[one.clone()]].concat();
    let reason = Damage::Sequence { expected: 16, found: 10 };
    assert!(matches!(scan(&bytes, 1, Place::Last), Scan::Corrupt(corrupt, _) if corrupt.reason == reason));
    // Two records in the wrong order.
    let (a, b) = (&written.bytes[one.clone()], &written.bytes[two.clone()]);
    let swapped = [&written.bytes[..one.start], b, &written.bytes[one.end..two.start], a, &written.bytes[two.end..]];
    assert!(matches!(scan(&swapped.concat(), 1, Place::Last), Scan::Corrupt(..)));
    // The rest of a file that was used before: the same record with another salt.
    let mut stale = Vec::new();
    SegmentWriter::start(SegmentHeader { salt: 78, ..header(1, 16) }, &mut stale)
        .push(&message("a", 4).record(), &mut stale);
    let bytes = [&written.bytes[..], &stale[SegmentHeader::BYTES..]].concat();
    let segment = sound(&bytes, 1);
    assert_eq!(segment.records().count(), 6);
    assert!(matches!(segment.tail, Tail::Torn(_)));
}

#[test]
fn a_payload_that_looks_like_a_record_proves_nothing() {
    // A publisher who knows the format, and all but the salt, sends a record that claims that all before it was synced.
    let mut forged = Vec::new();
    let mut writer = SegmentWriter::start(SegmentHeader { salt: 1, ..header(1, 14) }, &mut forged);
    writer.push(&message("a", 1).record(), &mut forged);
    let mut written = Written::empty(header(1, 10));
    let mut writer = SegmentWriter::start(written.header, &mut written.bytes);
    let payload = forged[SegmentHeader::BYTES..].to_vec();
    written.push(&mut writer, Message { kind: MessageKind::Binary, payload, ..message("a", 1) });
    written.bytes[SegmentHeader::BYTES] ^= 1;
    assert!(matches!(sound(&written.bytes, 1).tail, Tail::Torn(_)));
}

#[test]
fn broken_journals_are_judged_by_what_is_known_of_their_writing() {
    for seed in 0..3000 {
        let mut random = Rng::with_seed(seed);
        let len = random.usize(..2000);
        let mut data: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
        data.insert(0, 0);
        let caught = std::panic::catch_unwind(|| check(&data));
        assert!(caught.is_ok(), "seed {seed}");
    }
}
