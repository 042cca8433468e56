//! A payload's bytes: unmasked, checked, and both in one pass, beside a copy as the limit.
//!
//! All kernels against each other, and more texts, are in `benches/unmask_utf8.rs`.

use std::hint::black_box;

use ringwire::proto::{mask, utf8};

use super::{Job, RINGWIRE};

const BYTES: usize = 64 * 1024;

pub(super) fn jobs() -> Vec<Job> {
    let text = |sample: &str| sample.repeat(BYTES / sample.len()).into_bytes();
    let ascii = || text("The quick brown fox jumps over the lazy dog. ");
    let mixed = || text("Grüße, Привет, नमस्ते, 한국어, 日本語, שלום, and some English, 🙂🦀! ");
    let is_valid = |bytes: &mut [u8]| utf8::validate_str(bytes).is_ok();
    let is_valid_unmasked = |bytes: &mut [u8]| utf8::unmask_str(bytes, black_box([0; 4])).is_ok();
    let is_valid_std = |bytes: &mut [u8]| str::from_utf8(bytes).is_ok();
    vec![
        on(ascii(), "unmask, 64 KiB", RINGWIRE, |bytes| {
            mask::unmask(bytes, black_box([0; 4]), 0);
            true
        }),
        on(ascii(), "unmask, 64 KiB", "fastwebsockets, tungstenite", |bytes| {
            fastwebsockets::unmask(bytes, black_box([0; 4]));
            true
        }),
        copy(ascii(), "unmask, 64 KiB"),
        on(ascii(), "UTF-8, 64 KiB of ASCII", RINGWIRE, is_valid),
        on(ascii(), "UTF-8, 64 KiB of ASCII", "std", is_valid_std),
        on(mixed(), "UTF-8, 64 KiB mixed", RINGWIRE, is_valid),
        on(mixed(), "UTF-8, 64 KiB mixed", "std", is_valid_std),
        on(ascii(), "unmask and UTF-8, 64 KiB of ASCII", RINGWIRE, is_valid_unmasked),
        copy(ascii(), "unmask and UTF-8, 64 KiB of ASCII"),
        on(mixed(), "unmask and UTF-8, 64 KiB mixed", RINGWIRE, is_valid_unmasked),
        copy(mixed(), "unmask and UTF-8, 64 KiB mixed"),
    ]
}

fn on(
    mut bytes: Vec<u8>,
    group: &'static str,
    contender: &'static str,
    does: impl Fn(&mut [u8]) -> bool + 'static,
) -> Job {
    Job::new(group, contender, 1, move || u64::from(does(black_box(&mut bytes))))
}

fn copy(bytes: Vec<u8>, group: &'static str) -> Job {
    let mut room = bytes.clone();
    Job::new(group, "memcpy", 1, move || {
        black_box(&mut room[..]).copy_from_slice(black_box(&bytes));
        1
    })
}
