use super::*;

#[test]
fn nothing_is_known_of_nothing() {
    assert_eq!(Header::parse(&[], Role::Server), Ok(None));
}

/// RFC6455-5.2-1, RFC6455-5.2-2, RFC6455-5.5-2: one byte is enough to refuse.
#[test]
fn every_first_byte() {
    for first in 0..=u8::MAX {
        let parsed = Header::parse(&[first], Role::Server);
        let opcode = Opcode::from_bits(first & 0x0F);
        match parsed {
            Ok(None) => {
                let opcode = opcode.expect("known");
                assert_eq!(first & 0x70, 0);
                assert!(first & 0x80 != 0 || !opcode.is_control());
            }
            Ok(Some(_)) => panic!("a header has two bytes at least"),
            Err(ProtocolError::ReservedBits(bits)) => assert_eq!(bits, first >> 4 & 7),
            Err(ProtocolError::ReservedOpcode(bits)) => assert_eq!((Opcode::from_bits(bits), opcode), (None, None)),
            Err(ProtocolError::FragmentedControl(opcode)) => {
                assert!(opcode.is_control() && first & 0x80 == 0);
            }
            Err(error) => panic!("{first:#x}: {error}"),
        }
    }
}

/// RFC6455-5.1-1, RFC6455-5.1-2, RFC6455-5.5-1: two bytes are enough to refuse.
#[test]
fn every_second_byte() {
    for second in 0..=u8::MAX {
        let is_masked = second & 0x80 != 0;
        for (role, wrong) in [(Role::Server, !is_masked), (Role::Client, is_masked)] {
            for first in [0x81, 0x89] {
                let is_long = second & 0x7F > 125;
                let refused = Header::parse(&[first, second], role).is_err();
                assert_eq!(refused, wrong || (first == 0x89 && is_long), "{role:?} {first:#x} {second:#x}");
            }
        }
    }
}

#[test]
fn reserved_bits_are_written_for_extensions_to_come() {
    let header = Header { fin: false, rsv: 0b100, opcode: Opcode::Text, mask: None, payload_bytes: 3 };
    assert_eq!(*header.encode(), [0x41, 3]);
    assert_eq!(Header::parse(&header.encode(), Role::Client), Err(ProtocolError::ReservedBits(0b100)));
}
