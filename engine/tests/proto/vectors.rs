//! The examples of RFC 6455 §5.7, both ways.

use ringwire::proto::{EncodedHeader, Opcode, Role, mask};

use crate::support::{KEY, Owned, decode, rules};

fn events(role: Role, bytes: &[u8]) -> Vec<Owned> {
    let outcome = decode(rules(role, 1 << 20), bytes);
    assert_eq!(outcome.error, None);
    assert!(outcome.is_between_messages);
    outcome.events
}

/// A single-frame text message, unmasked and masked.
#[test]
fn single_frame_text() {
    let hello = [Owned::Text("Hello".to_owned())];
    assert_eq!(events(Role::Client, b"\x81\x05Hello"), hello);
    assert_eq!(events(Role::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), hello);
}

/// A fragmented unmasked text message.
#[test]
fn fragmented_text() {
    assert_eq!(events(Role::Client, b"\x01\x03Hel\x80\x02lo"), [Owned::Text("Hello".to_owned())]);
}

/// A ping and its pong (RFC6455-5.5.2-1).
#[test]
fn ping_and_its_pong() {
    assert_eq!(events(Role::Client, b"\x89\x05Hello"), [Owned::Ping(b"Hello".to_vec())]);
    let pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(events(Role::Server, pong), [Owned::Pong(b"Hello".to_vec())]);
}

#[test]
fn binary_of_256_bytes_and_of_64_kib() {
    for (header, len) in [(&b"\x82\x7e\x01\x00"[..], 256), (b"\x82\x7f\0\0\0\0\0\x01\0\0", 65536)] {
        let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
        assert_eq!(events(Role::Client, &[header, &payload].concat()), [Owned::Binary(payload)]);
    }
}

#[test]
fn the_same_headers_are_written() {
    assert_eq!(*EncodedHeader::server(Opcode::Text, 5), *b"\x81\x05");
    assert_eq!(*EncodedHeader::client(Opcode::Text, 5, KEY), *b"\x81\x85\x37\xfa\x21\x3d");
    assert_eq!(*EncodedHeader::server(Opcode::Binary, 256), *b"\x82\x7e\x01\x00");
    assert_eq!(*EncodedHeader::server(Opcode::Binary, 65536), *b"\x82\x7f\0\0\0\0\0\x01\0\0");
    let mut hello = *b"Hello";
    mask::unmask(&mut hello, KEY, 0);
    assert_eq!(hello, *b"\x7f\x9f\x4d\x51\x58");
}
