//! Every validator against the standard library: whole texts, chunks, and the first impossible byte.

use super::{InvalidUtf8, Utf8Stream, unmask_push, unmask_str, validate_str};
use crate::proto::simd::Level;

const KEY: [u8; 4] = [0x9C, 0x03, 0xE1, 0x58];

/// Sequences on both sides of every edge in Unicode's table 3-7, whole, truncated and wrong.
const EDGES: &[&[u8]] = &[
    b"\x00",
    b"\x7F",
    b"\x80",
    b"\xBF",
    b"\x80\x80",
    b"\xC0\x80",
    b"\xC1\xBF",
    b"\xC2\x7F",
    b"\xC2\x80",
    b"\xC2\xBF",
    b"\xC2\xC0",
    b"\xC2\x80\x80",
    b"\xDF\xBF",
    b"\xE0\x80\x80",
    b"\xE0\x9F\xBF",
    b"\xE0\xA0\x80",
    b"\xE0\xBF\xBF",
    b"\xE0\xC0\x80",
    b"\xE1\x80\x80",
    b"\xE1\x80\x80\x80",
    b"\xE1\x80\xC0",
    b"\xE1\x80\x7F",
    b"\xEC\xBF\xBF",
    b"\xED\x80\x80",
    b"\xED\x9F\xBF",
    b"\xED\xA0\x80",
    b"\xED\xAF\xBF\xED\xBF\xBF",
    b"\xED\xBF\xBF",
    b"\xEE\x80\x80",
    b"\xEF\xBF\xBF",
    b"\xF0\x80\x80\x80",
    b"\xF0\x8F\xBF\xBF",
    b"\xF0\x90\x80\x80",
    b"\xF0\xBF\xBF\xBF",
    b"\xF0\x90\x80\x7F",
    b"\xF0\x90\xC0\x80",
    b"\xF1\x80\x80\x80",
    b"\xF1\x80\x80\x80\x80",
    b"\xF3\xBF\xBF\xBF",
    b"\xF4\x80\x80\x80",
    b"\xF4\x8F\xBF\xBF",
    b"\xF4\x90\x80\x80",
    b"\xF4\xBF\xBF\xBF",
    b"\xF5\x80\x80\x80",
    b"\xF7\xBF\xBF\xBF",
    b"\xF8\x88\x80\x80\x80",
    b"\xFC\x84\x80\x80\x80\x80",
    b"\xFE",
    b"\xFF",
];

/// Text around the edges: ASCII, then two-, three- and four-byte characters, so that each neighbour is met.
const FILLERS: [&str; 4] = ["a", "é", "한", "🦀"];

fn masked(bytes: &[u8], offset: usize) -> Vec<u8> {
    let mut masked = bytes.to_vec();
    crate::proto::mask::unmask(&mut masked, KEY, offset);
    masked
}

/// Asserts that every way to validate the whole text gives the standard library's verdict.
fn check_whole(text: &[u8]) {
    let expected = std::str::from_utf8(text).map_err(|_| InvalidUtf8);
    assert_eq!(validate_str(text), expected, "{text:x?}");
    let masked = masked(text, 0);
    assert_eq!(unmask_str(&mut masked.clone(), KEY), expected, "{text:x?}");
    for level in Level::available() {
        assert_eq!(level.validate_str(text), expected, "{level:?} {text:x?}");
        let mut unmasked = masked.clone();
        assert_eq!(level.unmask_str(&mut unmasked, KEY), expected, "{level:?} {text:x?}");
        assert_eq!(unmasked, text, "{level:?}");
    }
}

/// Whether some valid text begins so.
fn is_viable(text: &[u8]) -> bool {
    std::str::from_utf8(text).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Feeds the chunks to a stream, both ways, at every level, and asserts that after each chunk it says what is true of the text so far.
fn check_chunks(text: &[u8], cuts: &[usize]) {
    check_chunks_with(text, cuts, Utf8Stream::push, unmask_push);
    for level in Level::available() {
        check_chunks_with(
            text,
            cuts,
            |stream, bytes| level.push(stream, bytes),
            |stream, bytes, key, offset| level.unmask_push(stream, bytes, key, offset),
        );
    }
}

fn check_chunks_with(
    text: &[u8],
    cuts: &[usize],
    push: impl Fn(&mut Utf8Stream, &[u8]) -> Result<(), InvalidUtf8>,
    unmask_push: impl Fn(&mut Utf8Stream, &mut [u8], [u8; 4], usize) -> Result<(), InvalidUtf8>,
) {
    let (mut stream, mut unmasking) = (Utf8Stream::default(), Utf8Stream::default());
    let mut start = 0;
    for &end in cuts.iter().chain([&text.len()]) {
        let pushed = push(&mut stream, &text[start..end]);
        let mut chunk = masked(&text[start..end], start);
        assert_eq!(pushed, unmask_push(&mut unmasking, &mut chunk, KEY, start), "{text:x?} {cuts:?}");
        assert_eq!(pushed.is_ok(), is_viable(&text[..end]), "{text:x?} {cuts:?} at {end}");
        if pushed.is_err() {
            return;
        }
        assert_eq!(chunk, text[start..end]);
        assert_eq!(stream.is_boundary(), std::str::from_utf8(&text[..end]).is_ok(), "{text:x?} {cuts:?} at {end}");
        start = end;
    }
    assert_eq!(stream, unmasking);
    assert_eq!(stream.finish().is_ok(), std::str::from_utf8(text).is_ok());
}

/// `edge` at `position` among `filler`, in a text of about `len` bytes.
fn embedded(edge: &[u8], filler: &str, position: usize, len: usize) -> Vec<u8> {
    let mut text = b"x".repeat(position % filler.len());
    text.extend(filler.repeat(position / filler.len()).bytes());
    text.extend(edge);
    text.extend(filler.repeat(len.saturating_sub(text.len()) / filler.len()).bytes());
    text
}

#[test]
fn edges_at_every_position() {
    for edge in EDGES {
        for filler in FILLERS {
            for position in 0..=270 {
                check_whole(&embedded(edge, filler, position, 0));
                check_whole(&embedded(edge, filler, position, 330));
            }
        }
    }
}

#[test]
fn truncated_edges_at_the_end_of_every_length() {
    for edge in EDGES {
        for cut in 0..edge.len() {
            for position in (0..=140).chain(250..=260).chain(510..=516) {
                check_whole(&embedded(&edge[..cut], "a", position, 0));
                check_whole(&embedded(&edge[..cut], "é", position, 0));
            }
        }
    }
}

#[test]
fn every_two_bytes_and_every_start_of_four() {
    for first in 0..=u8::MAX {
        for second in 0..=u8::MAX {
            check_whole(&[first, second]);
            check_whole(&embedded(&[first, second, 0x80], "한", 62, 150));
            check_whole(&embedded(&[first, second, 0x80, 0xBF], "a", 127, 150));
            check_chunks(&[first, second, 0xBF, 0x80], &[1, 2, 3]);
        }
    }
}

#[test]
fn every_character_is_valid() {
    let all: String = ('\0'..=char::MAX).collect();
    check_whole(all.as_bytes());
}

#[test]
fn edges_fail_at_their_first_impossible_byte() {
    for edge in EDGES {
        let text = embedded(edge, "é", 67, 150);
        for cut in 0..=text.len() {
            check_chunks(&text, &[cut]);
        }
        let bytewise: Vec<_> = (0..text.len()).collect();
        check_chunks(&text, &bytewise);
    }
}

#[test]
fn any_split_gives_the_same_verdict() {
    let text = "plain, grüße, Привет, 한국어, हिन्दी, 日本語, 🦀🏳️‍🌈! ".repeat(3);
    for first in 0..=text.len() {
        for second in first..=text.len() {
            check_chunks_with(text.as_bytes(), &[first, second], Utf8Stream::push, unmask_push);
        }
    }
}

#[test]
fn random_mutations_agree_with_the_standard_library() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..6_000 {
        let mut text = random_text(&mut random).into_bytes();
        check_whole(&text);
        for _ in 0..random.usize(1..4) {
            mutate(&mut text, &mut random);
            check_whole(&text);
        }
        let mut cuts: Vec<_> = (0..random.usize(0..6)).map(|_| random.usize(0..=text.len())).collect();
        cuts.sort_unstable();
        check_chunks(&text, &cuts);
    }
}

/// Up to 700 bytes of characters of one width, or of all, or mostly ASCII.
fn random_text(random: &mut fastrand::Rng) -> String {
    let styles: [&[char]; 5] = [
        &['a', 'Z', '\u{7f}'],
        &['\u{80}', 'é', 'П', '\u{7ff}'],
        &['\u{800}', '\u{fff}', '한', '\u{d7ff}', '\u{e000}', '\u{ffff}'],
        &['\u{10000}', '🦀', '\u{10ffff}'],
        &['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'é', '한', '🦀'],
    ];
    let style = styles[random.usize(0..styles.len())];
    let bytes = random.usize(0..700);
    let mut text = String::new();
    while text.len() < bytes {
        text.push(style[random.usize(0..style.len())]);
    }
    text
}

fn mutate(text: &mut Vec<u8>, random: &mut fastrand::Rng) {
    if text.is_empty() {
        return text.push(random.u8(..));
    }
    let at = random.usize(0..text.len());
    match random.u8(0..5) {
        0 => text[at] = random.u8(..),
        1 => text[at] ^= 1 << random.u8(0..8),
        2 => text.truncate(at),
        3 => drop(text.remove(at)),
        _ => text.insert(at, random.u8(0x80..)),
    }
}
