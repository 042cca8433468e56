//! Each way to break the framing rules: the error, its close code, and how early it shows.

use ringwire::proto::{Header, Opcode, ProtocolError, Role};

use crate::support::{Outcome, decode, decode_chunks, frame, rules};

const LIMIT: usize = 1 << 20;

/// The error of `stream`, which must show with its `shows_at`th byte, no later and no earlier.
fn error_at(role: Role, stream: &[u8], shows_at: usize) -> ProtocolError {
    let before = decode(rules(role, LIMIT), &stream[..shows_at - 1]);
    assert_eq!(before.error, None, "{stream:02x?} is refused before byte {shows_at}");
    let then = decode(rules(role, LIMIT), &stream[..shows_at]);
    let error = then.error.unwrap_or_else(|| panic!("{stream:02x?} is not refused at byte {shows_at}"));
    for size in 1..=stream.len().min(64) {
        let split = decode_chunks(rules(role, LIMIT), stream, std::iter::repeat(size));
        assert_eq!(split.error, Some(error), "{stream:02x?} in chunks of {size}");
    }
    error
}

fn error_and_code(role: Role, stream: &[u8], shows_at: usize) -> (ProtocolError, u16) {
    let error = error_at(role, stream, shows_at);
    (error, error.close_code().0)
}

/// RFC6455-5.2-1
#[test]
fn reserved_bits() {
    for rsv in 1..8 {
        let error = ProtocolError::ReservedBits(rsv);
        for opcode in [0x1, 0x2, 0x8, 0x9, 0xA] {
            assert_eq!(error_and_code(Role::Server, &[0x80 | rsv << 4 | opcode, 0x80], 1), (error, 1002));
        }
        let continued = [&frame(Role::Client, false, Opcode::Text, b"")[..], &[0x80 | rsv << 4, 0]].concat();
        assert_eq!(error_and_code(Role::Client, &continued, 3), (error, 1002));
    }
}

/// RFC6455-5.2-2
#[test]
fn reserved_opcodes() {
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        for fin in [0, 0x80] {
            let expected = (ProtocolError::ReservedOpcode(opcode), 1002);
            assert_eq!(error_and_code(Role::Server, &[fin | opcode, 0x80], 1), expected);
        }
    }
}

/// RFC6455-5.5-1, RFC6455-5.5-2
#[test]
fn control_frames_are_short_and_whole() {
    for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong] {
        let fragmented = (ProtocolError::FragmentedControl(opcode), 1002);
        assert_eq!(error_and_code(Role::Server, &[opcode.bits(), 0x80, 0, 0, 0, 0], 1), fragmented);
        let oversized = (ProtocolError::OversizedControl(opcode), 1002);
        for length in [126, 127] {
            let stream = [0x80 | opcode.bits(), 0x80 | length, 0, 126];
            assert_eq!(error_and_code(Role::Server, &stream, 2), oversized);
        }
    }
}

/// RFC6455-5.1-1, RFC6455-5.1-2
#[test]
fn mask_of_the_wrong_side() {
    for opcode in [Opcode::Text, Opcode::Binary, Opcode::Ping, Opcode::Close] {
        let unmasked = frame(Role::Client, true, opcode, b"");
        assert_eq!(error_and_code(Role::Server, &unmasked, 2), (ProtocolError::UnmaskedFrame, 1002));
        let masked = frame(Role::Server, true, opcode, b"");
        assert_eq!(error_and_code(Role::Client, &masked, 2), (ProtocolError::MaskedFrame, 1002));
    }
}

/// RFC6455-5.2-3
#[test]
fn lengths_that_are_not_minimal() {
    for length in [0, 1, 125_u16] {
        let stream = [&[0x82, 0xFE][..], &length.to_be_bytes()].concat();
        assert_eq!(error_and_code(Role::Server, &stream, 4), (ProtocolError::NonMinimalLength, 1002));
    }
    for length in [0, 125, 126, 65535_u64] {
        let stream = [&[0x82, 0xFF][..], &length.to_be_bytes()].concat();
        assert_eq!(error_and_code(Role::Server, &stream, 8), (ProtocolError::NonMinimalLength, 1002));
    }
}

/// RFC6455-5.2-4
#[test]
fn length_with_its_top_bit() {
    for byte in [0x80, 0xFF] {
        let stream = [0x82, 0xFF, byte, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(error_and_code(Role::Server, &stream, 3), (ProtocolError::LengthOverflow, 1002));
    }
}

/// RFC6455-5.4-1, RFC6455-5.4-2
#[test]
fn fragments_out_of_order() {
    let role = Role::Server;
    for fin in [false, true] {
        let orphan = frame(role, fin, Opcode::Continuation, b"");
        assert_eq!(error_and_code(role, &orphan, 6), (ProtocolError::UnexpectedContinuation, 1002));
        let ended = frame(role, true, Opcode::Text, b"a");
        let stream = [ended.clone(), orphan.clone()].concat();
        assert_eq!(error_at(role, &stream, 7 + 6), ProtocolError::UnexpectedContinuation);
        for opcode in [Opcode::Text, Opcode::Binary] {
            let stream = [frame(role, false, Opcode::Binary, b"a"), frame(role, fin, opcode, b"b")].concat();
            assert_eq!(error_at(role, &stream, 7 + 6), ProtocolError::ExpectedContinuation(opcode));
        }
    }
}

/// RFC6455-10.4-1: refused at the header, before a byte of it has come.
#[test]
fn a_huge_announced_length() {
    for payload_bytes in [LIMIT as u64 + 1, 1 << 40, (1 << 63) - 1] {
        let header = Header { fin: true, rsv: 0, opcode: Opcode::Binary, mask: Some([0; 4]), payload_bytes }.encode();
        let expected = (ProtocolError::MessageTooBig { bytes_max: LIMIT }, 1009);
        assert_eq!(error_and_code(Role::Server, &header, 14), expected);
    }
}

/// RFC6455-8.1-1: at the bad byte, though the frame and the message go on.
#[test]
fn text_fails_at_its_first_bad_byte() {
    // What comes before the bad byte, and the bad byte.
    let cases: [(&[u8], u8); 8] = [
        (b"", 0xFF),
        (b"ok", 0x80),
        ("κόσμε".as_bytes(), 0xC0),
        (b"\xE0", 0x9F),
        (b"\xED", 0xA0),
        (b"\xF0", 0x8F),
        (b"\xF4", 0x90),
        (b"\xE2\x82", 0x41),
    ];
    for role in [Role::Server, Role::Client] {
        for (before, bad) in cases {
            let payload = [before, &[bad], b"the rest is fine, and long enough to be many chunks"].concat();
            let header_bytes = frame(role, true, Opcode::Text, b"").len();
            let shows_at = header_bytes + before.len() + 1;
            let whole = frame(role, true, Opcode::Text, &payload);
            assert_eq!(error_and_code(role, &whole, shows_at), (ProtocolError::InvalidUtf8, 1007));
            let fragment = frame(role, false, Opcode::Text, &payload);
            assert_eq!(error_at(role, &fragment, shows_at), ProtocolError::InvalidUtf8);
            let continued =
                [frame(role, false, Opcode::Text, b""), frame(role, true, Opcode::Continuation, &payload)].concat();
            assert_eq!(error_at(role, &continued, header_bytes + shows_at), ProtocolError::InvalidUtf8);
        }
    }
}

/// RFC6455-8.1-1: text that ends inside a character.
#[test]
fn text_that_ends_too_early() {
    let role = Role::Server;
    let cut = frame(role, true, Opcode::Text, b"\xE2\x82");
    assert_eq!(error_at(role, &cut, cut.len()), ProtocolError::InvalidUtf8);
    let stream = [frame(role, false, Opcode::Text, b"\xE2\x82"), frame(role, true, Opcode::Continuation, b"")].concat();
    assert_eq!(error_at(role, &stream, stream.len()), ProtocolError::InvalidUtf8);
}

/// RFC6455-5.5.1-1, RFC6455-5.5.1-2, RFC6455-7.4-1
#[test]
fn close_frames() {
    let cases: [(&[u8], ProtocolError, u16); 6] = [
        (b"\x03", ProtocolError::TruncatedCloseCode, 1002),
        (b"\x00\x00", ProtocolError::InvalidCloseCode(0), 1002),
        (b"\x03\xed", ProtocolError::InvalidCloseCode(1005), 1002),
        (b"\x03\xf7no", ProtocolError::InvalidCloseCode(1015), 1002),
        (b"\x13\x88", ProtocolError::InvalidCloseCode(5000), 1002),
        (b"\x03\xe8\xe2\x82", ProtocolError::InvalidCloseReason, 1007),
    ];
    for (payload, error, code) in cases {
        let stream = frame(Role::Server, true, Opcode::Close, payload);
        assert_eq!(error_and_code(Role::Server, &stream, stream.len()), (error, code));
    }
}

/// RFC6455-7.1.7-1
#[test]
fn nothing_is_read_after_an_error() {
    let bad = [0xC1, 0x80];
    let message = frame(Role::Server, true, Opcode::Text, b"late");
    let stream = [&bad[..], &message].concat();
    for size in 1..=stream.len() {
        let Outcome { events, error, .. } = decode_chunks(rules(Role::Server, LIMIT), &stream, std::iter::repeat(size));
        assert_eq!((events, error), (vec![], Some(ProtocolError::ReservedBits(4))));
    }
}
