//! Unmasking and UTF-8 of a text payload, beside what the peers do with one.
//!
//! The peers: fastwebsockets through its public `Frame::unmask` and `Frame::is_utf8` (simdutf8); tungstenite's functions
//! are private, so the same steps: its mask function, which fastwebsockets took over word for word and exports, then
//! `str::from_utf8`, as its `Utf8Bytes` does. `memcpy` of the payload to elsewhere stands beside them.
//!
//! All run in place with a key of zero, which costs what any key costs and leaves the text for the next round. First,
//! contenders take turns and the medians of many short rounds are compared, because the machine's speed drifts; the
//! bench fails if a large text is not [so many times](large_texts) faster than each peer. Then criterion gives times.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use fastwebsockets::{Frame, OpCode, Payload};
use ringwire::proto::simd::{self, Level};
use ringwire::proto::{mask, utf8};

const LARGE_BYTES: usize = 64 * 1024;
const SMALL_BYTES: usize = 20;
/// Where a payload begins in its buffer: after the header of a masked 64 KiB frame.
const START: usize = 14;

/// Does its work on a masked text payload and says whether it was valid. Of equal length beside it: room for a copy.
type Run = fn(&mut [u8], &mut [u8], [u8; 4]) -> bool;

const RINGWIRE: (&str, Run) = ("ringwire", |bytes, _, key| utf8::unmask_str(bytes, key).is_ok());
const TUNGSTENITE: (&str, Run) = ("tungstenite", |bytes, _, key| {
    fastwebsockets::unmask(bytes, key);
    str::from_utf8(bytes).is_ok()
});
const FASTWEBSOCKETS: (&str, Run) = ("fastwebsockets", |bytes, _, key| {
    let mut frame = Frame::new(true, OpCode::Text, Some(key), Payload::BorrowedMut(bytes));
    frame.unmask();
    frame.is_utf8()
});
const TWO_PASSES: (&str, Run) = ("ringwire, two passes", |bytes, _, key| {
    mask::unmask(bytes, key, 0);
    utf8::validate_str(bytes).is_ok()
});
const UNMASK: (&str, Run) = ("ringwire, unmask alone", |bytes, _, key| {
    mask::unmask(bytes, key, 0);
    true
});
const MEMCPY: (&str, Run) = ("memcpy", |bytes, copy, _| {
    copy.copy_from_slice(bytes);
    true
});
const CONTENDERS: [(&str, Run); 6] = [RINGWIRE, TUNGSTENITE, FASTWEBSOCKETS, TWO_PASSES, UNMASK, MEMCPY];
const PEERS: [&str; 2] = [TUNGSTENITE.0, FASTWEBSOCKETS.0];

fn main() {
    let mut missed = Vec::new();
    for (name, text, ratio_min) in large_texts() {
        missed.extend((compare(name, &text) < ratio_min).then_some(name));
    }
    for (name, text) in small_texts() {
        compare(name, &text);
    }
    criterion();
    assert!(missed.is_empty(), "too near to a peer: {}", missed.join("; "));
}

/// Prints how much longer each contender takes than Ringwire, and returns it for the nearest peer.
fn compare(name: &str, text: &[u8]) -> f64 {
    let repeats = (LARGE_BYTES * 4 / text.len()).min(2000);
    let mut buffers = CONTENDERS.map(|_| Buffer::new(text));
    let mut rounds = CONTENDERS.map(|_| Vec::new());
    for _ in 0..600 {
        for ((contender, buffer), times) in CONTENDERS.iter().zip(&mut buffers).zip(&mut rounds) {
            times.push(time(contender, buffer, repeats));
        }
    }
    let medians = rounds.map(|mut times| median(&mut times).as_secs_f64() / repeats as f64);
    println!("{name}");
    let mut nearest = f64::INFINITY;
    for ((contender, _), median) in CONTENDERS.iter().zip(&medians) {
        let (ratio, speed) = (median / medians[0], text.len() as f64 / median / 1e9);
        println!("    {contender:24} {:10.1} ns  {speed:6.1} GB/s  {ratio:6.2} x", median * 1e9);
        if PEERS.contains(contender) {
            nearest = nearest.min(ratio);
        }
    }
    nearest
}

fn time((name, run): &(&str, Run), buffer: &mut Buffer, repeats: usize) -> Duration {
    let begun = Instant::now();
    for _ in 0..repeats {
        assert!(buffer.run(*run), "{name}");
    }
    begun.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn criterion() {
    let mut criterion = Criterion::default().configure_from_args();
    let large = large_texts().into_iter().map(|(name, text, _)| (name, text));
    for (name, text) in large.chain(small_texts()) {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        let mut buffer = Buffer::new(&text);
        for (contender, run) in CONTENDERS {
            group.bench_function(contender, |bencher| bencher.iter(|| buffer.run(run)));
        }
        for level in Level::available() {
            simd::force(level).expect("available");
            let name = format!("ringwire, {}", level.name());
            group.bench_function(name, |bencher| bencher.iter(|| buffer.run(RINGWIRE.1)));
        }
        simd::force(Level::detected()).expect("available");
    }
    criterion.final_summary();
}

/// A text where a payload lies in a recv buffer, and room for a copy.
struct Buffer {
    bytes: Vec<u8>,
    copy: Vec<u8>,
}

impl Buffer {
    fn new(text: &[u8]) -> Self {
        Self { bytes: [&[0; START], text].concat(), copy: text.to_vec() }
    }

    fn run(&mut self, run: Run) -> bool {
        run(black_box(&mut self.bytes[START..]), black_box(&mut self.copy), black_box([0; 4]))
    }
}

/// Texts of [`LARGE_BYTES`] and how many times faster than each peer they must be: one width of characters each, all
/// mixed, and ASCII with others strewn in at random. In the last two simdutf8 skips blocks of 64
/// bytes, our kernel only groups of 256, which serves all other texts better.
fn large_texts() -> Vec<(&'static str, Vec<u8>, f64)> {
    [
        ("64 KiB, ASCII", "The quick brown fox jumps over the lazy dog. ".to_owned(), 3.0),
        ("64 KiB, Cyrillic (2 bytes)", "Съешь ещё этих мягких французских булок, да выпей чаю. ".to_owned(), 3.0),
        ("64 KiB, Chinese (3 bytes)", "天地玄黄宇宙洪荒日月盈昃辰宿列张，寒来暑往秋收冬藏。".to_owned(), 3.0),
        ("64 KiB, emoji (4 bytes)", "🙂🦀🚀🎉👩🏽🏳".to_owned(), 3.0),
        ("64 KiB, mixed", "Grüße, Привет, नमस्ते, 한국어, 日本語, שלום, and some English, 🙂🦀! ".to_owned(), 3.0),
        ("64 KiB, 5 % not ASCII", strewn(50), 3.0),
        ("64 KiB, 1 % not ASCII", strewn(10), 2.3),
        ("64 KiB, 0.2 % not ASCII", strewn(2), 2.3),
    ]
    .map(|(name, text, ratio_min)| (name, cut_to(text.repeat(LARGE_BYTES / text.len() + 1), LARGE_BYTES), ratio_min))
    .into()
}

/// ASCII with so many of a thousand characters replaced.
fn strewn(per_mille: u32) -> String {
    let mut random = fastrand::Rng::with_seed(6455);
    let mut text = String::new();
    while text.len() < LARGE_BYTES {
        let other = random.u32(0..1000) < per_mille;
        text.push(if other { random.choice(['é', '—', '🙂']).unwrap_or('é') } else { 'e' });
    }
    text
}

fn small_texts() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("20 B, ASCII", cut_to("hello, hello, hello!".to_owned(), SMALL_BYTES)),
        ("20 B, Cyrillic", cut_to("Здравствуйте".to_owned(), SMALL_BYTES)),
        ("32 B, Cyrillic", cut_to("Здравствуйте, мир! Привет".to_owned(), 32)),
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
