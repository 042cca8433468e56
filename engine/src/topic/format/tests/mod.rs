//! What is encoded: byte for byte as in the contract's examples, and back through a client's own parsers.

mod examples;
mod round_trip;

use super::super::history::MessageKind;
use super::{Format, Publication};

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("text")
}

fn in_format(format: Format, publication: &Publication<'_>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    format.encode(publication, &mut out);
    out.strip_prefix(b"before").expect("appended").to_vec()
}

/// With a position that is not one for the empty text.
fn publication<'a>(name: &'a str, position: &str, kind: MessageKind, payload: &'a [u8]) -> Publication<'a> {
    Publication { name, kind, payload, position: position.parse().ok(), time_ms: 1_763_818_920_123 }
}
