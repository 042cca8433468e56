//! Masking, against a loop over the bytes.

use ringwire::proto::{mask, simd::Level};

/// Four bytes of key and one of offset, then what is masked.
pub fn check(data: &[u8]) {
    let Some((&[k0, k1, k2, k3, offset], bytes)) = data.split_first_chunk() else { return };
    let (key, offset) = ([k0, k1, k2, k3], usize::from(offset));
    let expected: Vec<u8> = bytes.iter().enumerate().map(|(i, byte)| byte ^ key[(i + offset) % 4]).collect();
    let mut masked = bytes.to_vec();
    mask::unmask(&mut masked, key, offset);
    assert_eq!(masked, expected);
    for level in Level::available() {
        let mut masked = bytes.to_vec();
        level.unmask(&mut masked, key, offset);
        assert_eq!(masked, expected, "{level:?}");
    }
}

/// Lengths around the sizes of words and vectors.
pub fn seeds() -> Vec<Vec<u8>> {
    let lengths = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 300];
    lengths.map(|len| (0..5 + len).map(|i| (i * 37) as u8).collect()).to_vec()
}
