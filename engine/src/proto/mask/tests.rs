//! Every way of unmasking against the byte loop: each length, alignment and key offset.

use super::unmask;
use crate::proto::simd::Level;

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The rule of RFC 6455 §5.3, byte by byte.
fn by_rule(bytes: &mut [u8], offset: usize) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte ^= KEY[(offset + index) % 4];
    }
}

/// A buffer that begins at a 64-byte boundary, so that a position in it is an alignment.
#[repr(align(64))]
struct Aligned([u8; 512]);

fn check_all(unmask: impl Fn(&mut [u8], [u8; 4], usize)) {
    let noise: [u8; 512] = std::array::from_fn(|index| (index * 167 + index / 256) as u8);
    for len in 0..=300 {
        for start in 0..64 {
            for offset in 0..4 {
                let mut unmasked = Aligned(noise);
                unmask(&mut unmasked.0[start..start + len], KEY, offset);
                let mut expected = noise;
                by_rule(&mut expected[start..start + len], offset);
                assert!(unmasked.0 == expected, "len {len}, alignment {start}, offset {offset}");
            }
        }
    }
}

/// Lengths at which the kernels change their step, up to several blocks beyond.
fn check_long(unmask: impl Fn(&mut [u8], [u8; 4], usize)) {
    for len in (300..1400).chain([4095, 4096, 4097, 65_535, 65_536, 70_001]) {
        for start in [0, 1, 14, 63] {
            let noise: Vec<u8> = (0..start + len + 64).map(|index| (index * 31 + index / 256) as u8).collect();
            let mut unmasked = noise.clone();
            unmask(&mut unmasked[start..start + len], KEY, len);
            let mut expected = noise;
            by_rule(&mut expected[start..start + len], len);
            assert!(unmasked == expected, "len {len}, start {start}");
        }
    }
}

#[test]
fn example_of_rfc_6455_5_7() {
    let mut hello = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
    unmask(&mut hello, KEY, 0);
    assert_eq!(&hello, b"Hello");
}

#[test]
fn dispatched() {
    check_all(unmask);
    check_long(unmask);
}

#[test]
fn every_level() {
    for level in Level::available() {
        println!("{}", level.name());
        check_all(|bytes, key, offset| level.unmask(bytes, key, offset));
        check_long(|bytes, key, offset| level.unmask(bytes, key, offset));
    }
}
