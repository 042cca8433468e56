//! UTF-8, whole and in chunks, masked and not, against std.

use fastrand::Rng;
use ringwire::proto::mask;
use ringwire::proto::simd::Level;
use ringwire::proto::utf8::{self, Utf8Stream};

/// Four bytes of key and one of chunk size, then the text.
pub fn check(data: &[u8]) {
    let Some((&[k0, k1, k2, k3, size], text)) = data.split_first_chunk() else { return };
    let key = [k0, k1, k2, k3];
    let mut masked = text.to_vec();
    mask::unmask(&mut masked, key, 0);
    let expected = std::str::from_utf8(text).ok();

    assert_eq!(utf8::validate_str(text).ok(), expected);
    assert_eq!(utf8::unmask_str(&mut masked.clone(), key).ok(), expected);
    for level in Level::available() {
        assert_eq!(level.validate_str(text).ok(), expected, "{level:?}");
        assert_eq!(level.unmask_str(&mut masked.clone(), key).ok(), expected, "{level:?}");
        chunks(level, text, &masked, key, usize::from(size) + 1);
    }
}

/// Each chunk is judged as std judges all that has come so far.
fn chunks(level: Level, text: &[u8], masked: &[u8], key: [u8; 4], size: usize) {
    let (mut plain, mut fused) = (Utf8Stream::default(), Utf8Stream::default());
    let mut at = 0;
    for chunk in text.chunks(size) {
        let end = at + chunk.len();
        let can_go_on = std::str::from_utf8(&text[..end]).map_or_else(|error| error.error_len().is_none(), |_| true);
        assert_eq!(level.push(&mut plain, chunk).is_ok(), can_go_on, "{level:?} at {at}");
        let mut chunk = masked[at..end].to_vec();
        assert_eq!(level.unmask_push(&mut fused, &mut chunk, key, at).is_ok(), can_go_on, "{level:?} at {at}");
        if !can_go_on {
            return;
        }
        assert_eq!(chunk, text[at..end], "{level:?} at {at}");
        at = end;
    }
    let is_whole = std::str::from_utf8(text).is_ok();
    assert_eq!((plain.finish().is_ok(), fused.finish().is_ok()), (is_whole, is_whole), "{level:?}");
}

/// Characters of each width, alone and in longer texts, right and wrong.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(0);
    let mut texts: Vec<Vec<u8>> = ["a", "ß", "€", "🦀", "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}"]
        .iter()
        .flat_map(|text| [1, 7, 40].map(|count| text.repeat(count).into_bytes()))
        .collect();
    texts.extend([&b"\xc0\x80"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"].map(<[u8]>::to_vec));
    texts.extend((0..10).map(|_| (0..100).map(|_| rng.char(..)).collect::<String>().into_bytes()));
    texts.into_iter().map(|text| [vec![rng.u8(..), rng.u8(..), 0, 1, rng.u8(..)], text].concat()).collect()
}
