//! What is on the disk, byte for byte: a change here makes old journals unreadable.

use super::*;
use crate::edge::journal::{Tail, segment_name, segment_number};

#[test]
fn bytes_of_a_small_segment() {
    let mut bytes = Vec::new();
    let mut writer = SegmentWriter::start(header(1, 10), &mut bytes);
    writer.push(&message("a", 7).record(), &mut bytes);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&bytes[..16]), "8952574a0d0a1a0a0100000000000000", "magic, version, flags");
    assert_eq!(hex(&bytes[16..40]), "0e0000000000000001000000000000000a00000000000000", "epoch, number, sequence");
    assert_eq!(hex(&bytes[40..60]), "000000000000000005000000000000004d000000", "floor, time, salt");
    assert_eq!(u32::from_le_bytes(bytes[60..64].try_into().expect("four")), crc32c::crc32c(&bytes[..60]));
    assert_eq!(hex(&bytes[68..88]), "030000000a000000000000000700000000000000", "payload, sequence, offset");
    assert_eq!(hex(&bytes[88..104]), "ef030000000000000000000001000100", "time, unsynced, name, kind");
    assert_eq!(&bytes[108..], b"aa 7");
}

#[test]
fn what_is_written_is_read() {
    let written = three_groups();
    let segment = sound(&written.bytes, 1);
    let served: Vec<_> = segment.records().map(|record| Message::from(&record)).collect();
    assert_eq!(served, written.messages);
    assert_eq!((segment.tail, segment.sequence_end), (Tail::Open, 16));
}

#[test]
fn a_closed_segment_says_so() {
    let mut written = Written::empty(header(1, 0));
    let writer = SegmentWriter::start(written.header, &mut written.bytes);
    written.close(writer);
    let segment = sound(&written.bytes, 1);
    assert_eq!((segment.tail, segment.sequence_end, segment.records().count()), (Tail::Closed, 1, 0));
}

#[test]
fn a_successor_goes_on_and_knows_the_largest_offset() {
    let mut bytes = Vec::new();
    let mut writer = SegmentWriter::start(SegmentHeader { is_skip: true, ..header(4, 10) }, &mut bytes);
    for offset in [3, 900, 20] {
        writer.push(&message("a", offset).record(), &mut bytes);
    }
    let expected = SegmentHeader { floor: Offset(900), salt: 8, time_ms: 99, ..header(5, 13) };
    assert_eq!(writer.successor(writer.sequence(), 8, 99), expected);
}

#[test]
fn names_sort_as_numbers_do() {
    let names: Vec<_> = [0, 1, 10, 1 << 40, u64::MAX >> 1].map(segment_name).into();
    assert_eq!(names[1], "0000000000000000001.rwj");
    assert!(names.is_sorted());
    for (name, number) in names.iter().zip([0, 1, 10, 1 << 40, u64::MAX >> 1]) {
        assert_eq!(segment_number(name), Some(number));
    }
    for name in ["", "1.rwj", "0000000000000000001", "+000000000000000001.rwj", "0000000000000000001.rwj.bad"] {
        assert_eq!(segment_number(name), None, "{name}");
    }
}

#[test]
#[should_panic(expected = "a name of 0 bytes")]
fn a_record_names_its_topic() {
    let mut bytes = Vec::new();
    SegmentWriter::start(header(1, 0), &mut bytes).push(&message("", 1).record(), &mut bytes);
}

/// A fuzzer wrote another header with its right checksum over the whole file.
#[test]
fn a_forged_header_is_no_damage() {
    let decisions = [
        0x7e, 0x43, 0, 0, 0x89, 0x52, 0x57, 0x4a, 0x0d, 0x0a, 0x1a, 0x0a, 1, 0, 0xa8, 0, 0, 0, 0, 0x23, 0x40, 0, 0x89,
        0x52, 0x57, 0x4a, 0x0d, 0x0a, 0x1a, 0x0a, 1, 0, 0, 0, 0, 0, 0, 0, 0xdb, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,
        0, 0, 0x15, 0xda, 0, 0, 0, 0, 0, 0, 0x9b, 0x61, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0x84, 0, 0,
        0x40, 0x31, 0xf8, 0x0c, 0, 0, 0,
    ];
    crate::edge::journal::trial::check(&decisions);
}
