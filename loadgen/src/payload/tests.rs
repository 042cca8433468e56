//! Round trips at each size, and every single change of a byte.

use super::*;

const FORMS: [Form; 2] = [Form::Binary, Form::Text];

fn stamp(dice: &mut fastrand::Rng) -> Stamp {
    Stamp { sequence: dice.u64(..=SEQUENCE_MAX), sender: dice.u32(..=SENDER_MAX), planned: dice.u64(..) }
}

#[test]
fn what_is_written_is_read_at_each_size() {
    let mut dice = fastrand::Rng::with_seed(1);
    for form in FORMS {
        let codec = Codec::new(form, dice.u64(..));
        let around_blocks = [4095, 4096, 4097, 8212, 16_384, 65_536, 1 << 20];
        for len in (codec.bytes_min()..300).chain(around_blocks) {
            let (stamp, mut payload) = (stamp(&mut dice), vec![0; len]);
            codec.write(stamp, &mut payload);
            assert_eq!(codec.read(&payload), Ok(stamp), "{form:?}, {len} bytes");
        }
    }
}

#[test]
fn the_ends_of_each_range_come_back() {
    for form in FORMS {
        let codec = Codec::new(form, 0);
        for (sequence, sender, planned) in [(0, 0, 0), (SEQUENCE_MAX, SENDER_MAX, u64::MAX), (1, SENDER_MAX, 0)] {
            let (stamp, mut payload) = (Stamp { sequence, sender, planned }, [0; 64]);
            codec.write(stamp, &mut payload);
            assert_eq!(codec.read(&payload), Ok(stamp));
        }
    }
}

/// Every bit of a payload, flipped alone.
#[test]
fn every_flipped_bit_is_found() {
    let mut dice = fastrand::Rng::with_seed(2);
    for form in FORMS {
        let codec = Codec::new(form, 7);
        for len in [codec.bytes_min(), 64, 333] {
            let (stamp, mut payload) = (stamp(&mut dice), vec![0; len]);
            codec.write(stamp, &mut payload);
            for bit in 0..8 * len {
                payload[bit / 8] ^= 1 << (bit % 8);
                let expected = if bit / 8 < codec.bytes_min() { Corrupt::Stamp } else { Corrupt::Fill(stamp) };
                assert_eq!(codec.read(&payload), Err(expected), "{form:?}, {len} bytes, bit {bit}");
                payload[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

#[test]
fn lengths_and_runs_are_part_of_the_message() {
    for form in FORMS {
        let codec = Codec::new(form, 10);
        let (stamp, mut payload) = (Stamp { sequence: 3, sender: 4, planned: 5 }, [0; 200]);
        codec.write(stamp, &mut payload);
        for len in 0..200 {
            assert_eq!(codec.read(&payload[..len]), Err(Corrupt::Stamp), "cut to {len}");
        }
        assert_eq!(codec.read(&[payload.as_slice(), b"A"].concat()), Err(Corrupt::Stamp), "one byte more");
        assert_eq!(Codec::new(form, 12).read(&payload), Err(Corrupt::Stamp), "another run");
    }
}

#[test]
fn blocks_of_one_message_do_not_change_places_unseen() {
    let codec = Codec::new(Form::Binary, 10);
    let (stamp, mut payload) = (Stamp { sequence: 3, sender: 4, planned: 5 }, [0; BINARY_BYTES + 3 * 4096]);
    codec.write(stamp, &mut payload);
    let (first, second) = payload[BINARY_BYTES..BINARY_BYTES + 8192].split_at_mut(4096);
    first.swap_with_slice(second);
    assert_eq!(codec.read(&payload), Err(Corrupt::Fill(stamp)));
}

#[test]
fn text_is_text_that_json_holds_as_it_is() {
    let mut dice = fastrand::Rng::with_seed(3);
    let codec = Codec::new(Form::Text, dice.u64(..));
    for _ in 0..1000 {
        let mut payload = [0; 5000];
        codec.write(stamp(&mut dice), &mut payload);
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"@-_".contains(byte);
        assert!(payload.iter().all(plain), "{:?}", String::from_utf8_lossy(&payload));
    }
}

#[test]
fn sizes_that_are_too_small_say_what_is_the_least() {
    let text = |form, bytes| Codec::new(form, 0).check_size(bytes).map_err(|error| error.to_string());
    assert_eq!(text(Form::Binary, 20), Ok(()));
    assert_eq!(text(Form::Text, 40), Ok(()));
    let error = text(Form::Binary, 19).unwrap_err();
    assert_eq!(error, "19 bytes are too few for the stamp that each message carries: use 20 or more");
    let error = text(Form::Text, 39).unwrap_err();
    assert!(error.ends_with("use 40 or more, or --form=binary"), "{error}");
}
