//! A file of any bytes: judged without a panic, and what is served could have been written.

use super::written::Written;
use crate::edge::journal::header::{SegmentHeader, u32_at};
use crate::edge::journal::record::Head;
use crate::edge::journal::scan::{Place, Scan, scan};
use crate::edge::journal::writer::SegmentWriter;

/// `is_mended`: the checksums are made right first, so that what lies behind them is reached.
pub(super) fn check(bytes: &[u8], is_mended: bool) {
    let mut bytes = bytes.to_vec();
    if is_mended {
        mend(&mut bytes);
    }
    let number = bytes.get(24..32).map_or(1, |number| u64::from_le_bytes(number.try_into().expect("eight bytes")));
    let last = scan(&bytes, number, Place::Last);
    match (scan(&bytes, number, Place::Earlier), &last) {
        (Scan::Sound(earlier), Scan::Sound(last)) => assert_eq!(earlier.tail, last.tail),
        (Scan::Sound(earlier), last) => panic!("{earlier:?} as an earlier one, {last:?} as the last"),
        (Scan::Headless(tail), _) => panic!("an earlier one: {tail}"),
        (Scan::Corrupt(..), _) => {}
    }
    if let Scan::Sound(segment) = &last {
        let served = super::served(segment);
        assert_eq!(super::served(&as_sound(&rewrite(segment.header, &served), number)), served);
    }
}

fn rewrite(header: SegmentHeader, messages: &[super::Message]) -> Vec<u8> {
    let mut written = Written::empty(header);
    let mut writer = SegmentWriter::start(header, &mut written.bytes);
    messages.iter().for_each(|message| written.push(&mut writer, message.clone()));
    written.bytes
}

fn as_sound(bytes: &[u8], number: u64) -> crate::edge::journal::scan::Segment<'_> {
    match scan(bytes, number, Place::Earlier) {
        Scan::Sound(segment) => segment,
        other => panic!("what was served cannot be written: {other:?}"),
    }
}

/// Makes the checksums right, as far as the lengths lead.
fn mend(bytes: &mut [u8]) {
    let Some((header, mut rest)) = bytes.split_at_mut_checked(SegmentHeader::BYTES) else { return };
    let seed = crc32c::crc32c(&header[..60]);
    header[60..].copy_from_slice(&seed.to_le_bytes());
    while let Some((head, behind)) = rest.split_at_mut_checked(Head::BYTES) {
        let body_bytes = u32_at(head, 4) as usize + usize::from(u16::from_le_bytes([head[36], head[37]]));
        let Some((body, behind)) = behind.split_at_mut_checked(body_bytes) else { return };
        head[40..].copy_from_slice(&crc32c::crc32c_append(seed, body).to_le_bytes());
        let checksum = crc32c::crc32c_append(seed, &head[4..]);
        head[..4].copy_from_slice(&checksum.to_le_bytes());
        rest = behind;
    }
}
