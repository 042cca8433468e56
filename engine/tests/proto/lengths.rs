//! Every boundary of the three length forms, both roles, there and back.

use ringwire::proto::{EncodedHeader, Header, Opcode, Role};

use crate::support::{KEY, Owned, decode, decode_chunks, frame, rules};

const LENGTHS: [usize; 9] = [0, 1, 124, 125, 126, 127, 128, 65535, 65536];
const ROLES: [Role; 2] = [Role::Server, Role::Client];

/// RFC6455-5.2-3
#[test]
fn a_header_comes_back_as_it_went() {
    let lengths = LENGTHS.map(|len| len as u64).into_iter().chain([u64::from(u32::MAX), (1 << 63) - 1]);
    for payload_bytes in lengths {
        for receiver in ROLES {
            let mask = (receiver == Role::Server).then_some(KEY);
            for (fin, opcode) in [(true, Opcode::Text), (false, Opcode::Binary), (true, Opcode::Continuation)] {
                let header = Header { fin, rsv: 0, opcode, mask, payload_bytes };
                let encoded = header.encode();
                assert_eq!(Header::parse(&encoded, receiver), Ok(Some((header, encoded.len()))));
                for end in 0..encoded.len() {
                    assert_eq!(Header::parse(&encoded[..end], receiver), Ok(None), "{header:?} cut at {end}");
                }
            }
        }
    }
}

#[test]
fn both_ways_to_encode_agree() {
    for payload_bytes in LENGTHS.map(|len| len as u64) {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let mut header = Header { fin: true, rsv: 0, opcode, mask: None, payload_bytes };
            assert_eq!(*header.encode(), *EncodedHeader::server(opcode, payload_bytes));
            header.mask = Some(KEY);
            assert_eq!(*header.encode(), *EncodedHeader::client(opcode, payload_bytes, KEY));
        }
    }
}

/// RFC6455-5.3-1, RFC6455-8.1-2
#[test]
fn messages_of_every_length() {
    for len in LENGTHS {
        let text: String = "Grüße, €, 🦀 ".chars().cycle().take(len).collect();
        let text = &text[..text.floor_char_boundary(len)];
        let bytes: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
        for role in ROLES {
            let stream = [
                frame(role, true, Opcode::Text, text.as_bytes()),
                frame(role, true, Opcode::Binary, &bytes),
                frame(role, true, Opcode::Text, b"next"),
            ];
            let expected = [Owned::Text(text.to_owned()), Owned::Binary(bytes.clone()), Owned::Text("next".to_owned())];
            let whole = decode(rules(role, 65536), &stream.concat());
            assert_eq!((whole.events, whole.error), (expected.to_vec(), None));
            let split = decode_chunks(rules(role, 65536), &stream.concat(), std::iter::repeat(4096));
            assert_eq!((split.events, split.error), (expected.to_vec(), None));
        }
    }
}

/// RFC6455-10.4-1: a small limit holds for small frames as well.
#[test]
fn the_limit_itself_is_allowed() {
    for bytes_max in [0, 1, 20, 125, 126, 4096, 65536] {
        for role in ROLES {
            let allowed = frame(role, true, Opcode::Binary, &vec![7; bytes_max]);
            assert_eq!(decode(rules(role, bytes_max), &allowed).events, [Owned::Binary(vec![7; bytes_max])]);
            let refused = frame(role, true, Opcode::Binary, &vec![7; bytes_max + 1]);
            let outcome = decode(rules(role, bytes_max), &refused);
            assert_eq!(outcome.events, []);
            assert_eq!(outcome.error.expect("refused").close_code().0, 1009);
        }
    }
}
