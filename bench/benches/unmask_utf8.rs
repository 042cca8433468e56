//! Unmasking and UTF-8 of a text payload, beside what the peers do with one.
//!
//! The peers: fastwebsockets through its public `Frame::unmask` and `Frame::is_utf8` (simdutf8); tungstenite's functions are
//! private, so the same steps: its mask function, which fastwebsockets took over word for word and exports, then
//! `str::from_utf8`, as its `Utf8Bytes` does. `memcpy` of the payload is the limit.
//!
//! All run in place with a key of zero, which costs what any key costs and leaves the text for the next round. First,
//! contenders take turns and the medians of many short rounds are compared, because the machine's speed drifts; the
//! bench fails below [`RATIO_MIN`]. Then criterion gives times.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use fastwebsockets::{Frame, OpCode, Payload};
use ringwire::proto::simd::{self, Level};
use ringwire::proto::{mask, utf8};

const LARGE_BYTES: usize = 64 * 1024;
const SMALL_BYTES: usize = 20;
/// How many times faster than each peer a large text must be.
const RATIO_MIN: f64 = 3.0;
/// Where a payload begins in its buffer: after the header of a masked 64 KiB frame.
const START: usize = 14;

/// Does its work on a masked text payload and says whether it was valid.
type Contender = (&'static str, fn(&mut [u8], [u8; 4]) -> bool);

const RINGWIRE: Contender = ("ringwire", |bytes, key| utf8::unmask_str(bytes, key).is_ok());
const TUNGSTENITE: Contender = ("tungstenite", |bytes, key| {
    fastwebsockets::unmask(bytes, key);
    str::from_utf8(bytes).is_ok()
});
const FASTWEBSOCKETS: Contender = ("fastwebsockets", |bytes, key| {
    let mut frame = Frame::new(true, OpCode::Text, Some(key), Payload::BorrowedMut(bytes));
    frame.unmask();
    frame.is_utf8()
});
const TWO_PASSES: Contender = ("ringwire, two passes", |bytes, key| {
    mask::unmask(bytes, key, 0);
    utf8::validate_str(bytes).is_ok()
});
const MEMCPY: Contender = ("memcpy", |bytes, _| {
    let middle = bytes.len() / 2;
    let (from, to) = bytes.split_at_mut(middle);
    to[..middle].copy_from_slice(from);
    black_box(to);
    true
});
const UNMASK: Contender = ("ringwire, unmask alone", |bytes, key| {
    mask::unmask(bytes, key, 0);
    true
});

fn main() {
    let failures = large_texts().iter().filter(|(name, text)| !compare(name, text, true)).count();
    for (name, text) in small_texts() {
        compare(name, &text, false);
    }
    criterion();
    assert!(failures == 0, "{failures} texts below {RATIO_MIN} times a peer");
}

/// Prints how much longer each contender takes than Ringwire; false if a peer is nearer than [`RATIO_MIN`].
fn compare(name: &str, text: &[u8], judged: bool) -> bool {
    let mut contenders = vec![RINGWIRE, TUNGSTENITE, FASTWEBSOCKETS, TWO_PASSES, MEMCPY, UNMASK];
    let mut passed = true;
    let repeats = (LARGE_BYTES * 4 / text.len()).min(2000);
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); contenders.len()];
    let mut buffers: Vec<_> = contenders.iter().map(|_| buffer(text)).collect();
    for _ in 0..600 {
        for ((contender, buffer), times) in contenders.iter_mut().zip(&mut buffers).zip(&mut times) {
            times.push(time(contender, &mut buffer[START..], repeats));
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times).as_secs_f64() / repeats as f64).collect();
    println!("{name}");
    for ((contender, _), median) in contenders.iter().zip(&medians) {
        let ratio = median / medians[0];
        let speed = text.len() as f64 / median / 1e9;
        println!("    {contender:24} {:10.1} ns  {speed:6.1} GB/s  {ratio:6.2} x", median * 1e9);
        if judged && [TUNGSTENITE.0, FASTWEBSOCKETS.0].contains(contender) && ratio < RATIO_MIN {
            passed = false;
        }
    }
    passed
}

fn time((name, run): &Contender, bytes: &mut [u8], repeats: usize) -> Duration {
    let begun = Instant::now();
    for _ in 0..repeats {
        assert!(run(black_box(&mut *bytes), black_box([0; 4])), "{name}");
    }
    begun.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn criterion() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, text) in large_texts().into_iter().chain(small_texts()) {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        let mut buffer = buffer(&text);
        let bytes = &mut buffer[START..];
        for (contender, run) in [RINGWIRE, TUNGSTENITE, FASTWEBSOCKETS, TWO_PASSES, MEMCPY, UNMASK] {
            group.bench_function(contender, |bencher| bencher.iter(|| run(black_box(&mut *bytes), black_box([0; 4]))));
        }
        for level in Level::available() {
            simd::force(level).expect("available");
            let name = format!("ringwire, {}", level.name());
            group
                .bench_function(name, |bencher| bencher.iter(|| RINGWIRE.1(black_box(&mut *bytes), black_box([0; 4]))));
        }
        simd::force(Level::detected()).expect("available");
    }
    criterion.final_summary();
}

/// The text where a payload lies in a recv buffer.
fn buffer(text: &[u8]) -> Vec<u8> {
    [&[0; START], text].concat()
}

/// Texts of [`LARGE_BYTES`]: one width of characters each, all mixed, and mostly ASCII.
fn large_texts() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = fastrand::Rng::with_seed(6455);
    let mut mostly_ascii = String::new();
    while mostly_ascii.len() < LARGE_BYTES {
        mostly_ascii.push(if random.u32(0..100) == 0 {
            random.choice(['é', '—', '🙂']).unwrap_or('é')
        } else {
            'e'
        });
    }
    [
        ("64 KiB, ASCII", "The quick brown fox jumps over the lazy dog. ".to_owned()),
        ("64 KiB, Cyrillic (2 bytes)", "Съешь ещё этих мягких французских булок, да выпей чаю. ".to_owned()),
        ("64 KiB, Chinese (3 bytes)", "天地玄黄宇宙洪荒日月盈昃辰宿列张，寒来暑往秋收冬藏。".to_owned()),
        ("64 KiB, emoji (4 bytes)", "🙂🦀🚀🎉👩🏽🏳".to_owned()),
        ("64 KiB, mixed", "Grüße, Привет, नमस्ते, 한국어, 日本語, שלום, and some English, 🙂🦀! ".to_owned()),
        ("64 KiB, 1 % not ASCII", mostly_ascii),
    ]
    .map(|(name, text)| (name, cut_to(text.repeat(LARGE_BYTES / text.len() + 1), LARGE_BYTES)))
    .into()
}

fn small_texts() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("20 B, ASCII", cut_to("hello, hello, hello!".to_owned(), SMALL_BYTES)),
        ("20 B, Cyrillic", cut_to("Здравствуйте".to_owned(), SMALL_BYTES)),
        ("64 B, ASCII", vec![b'a'; 64]),
        ("125 B, ASCII", vec![b'a'; 125]),
    ]
}

/// Cuts at a character boundary and fills up with ASCII.
fn cut_to(mut text: String, bytes: usize) -> Vec<u8> {
    text.truncate(text.floor_char_boundary(bytes));
    let mut text = text.into_bytes();
    text.resize(bytes, b'.');
    text
}
