//! What only shows from inside: memory. Behaviour is tested in `tests/proto/`.

use super::*;

const RULES: Rules = Rules { role: Role::Server, message_bytes_max: 1 << 24 };

/// A masked frame's header with key 0, so that payloads stand as they are.
fn header(fin: bool, opcode: Opcode, payload_bytes: u64) -> Vec<u8> {
    Header { fin, rsv: 0, opcode, mask: Some([0; 4]), payload_bytes }.encode().to_vec()
}

fn buffer_bytes(decoder: &Decoder) -> usize {
    decoder.partial.as_ref().map_or(0, |partial| partial.buffer_bytes())
}

#[test]
fn a_whole_frame_is_lent_from_the_input_and_borrows_nothing() {
    let mut pool = Pool::default();
    let mut decoder = Decoder::new();
    for payload_bytes in [0, 20, 125, 126, 70_000] {
        for opcode in [Opcode::Text, Opcode::Binary, Opcode::Ping] {
            let payload_bytes = if opcode.is_control() { payload_bytes.min(125) } else { payload_bytes };
            let mut input = header(true, opcode, payload_bytes as u64);
            input.resize(input.len() + payload_bytes, b'x');
            let range = input.as_ptr_range();
            let decoded = decoder.decode(&RULES, &mut pool, &mut input).expect("valid");
            let payload = match decoded.event {
                Some(Event::Message(message)) => message.as_bytes(),
                Some(Event::Ping(payload)) => payload,
                event => panic!("{event:?}"),
            };
            assert_eq!(payload.len(), payload_bytes);
            assert!(range.start <= payload.as_ptr() && payload.as_ptr_range().end <= range.end, "copied");
            assert_eq!(pool.lent_count(), 0);
        }
    }
}

/// RFC6455-10.4-1: what is announced allocates nothing, what arrives allocates at most twice as much.
#[test]
fn memory_follows_what_arrived() {
    let mut pool = Pool::default();
    let mut decoder = Decoder::new();
    let mut announced = header(true, Opcode::Binary, 1 << 24);
    assert_eq!(decoder.decode(&RULES, &mut pool, &mut announced).expect("within the limit").event, None);
    assert_eq!(buffer_bytes(&decoder), 0);
    for arrived in 1..200 {
        decoder.decode(&RULES, &mut pool, &mut [7; 1000]).expect("within the limit");
        assert!(buffer_bytes(&decoder) <= 2 * 1000 * arrived, "{} after {arrived} KB", buffer_bytes(&decoder));
    }
}

#[test]
fn a_last_frame_is_not_given_more_than_it_announced() {
    let mut pool = Pool::default();
    let mut decoder = Decoder::new();
    let mut start = header(true, Opcode::Binary, 5000);
    start.extend([7; 3000]);
    decoder.decode(&RULES, &mut pool, &mut start).expect("valid");
    let mut rest = [7; 2000];
    let decoded = decoder.decode(&RULES, &mut pool, &mut rest).expect("valid");
    assert_eq!(decoded.event, Some(Event::Message(Message::Binary(&[7; 5000]))));
    assert_eq!(buffer_bytes(&decoder), 5000);
}

#[test]
fn settling_gives_back_what_was_delivered_and_keeps_what_is_open() {
    let mut pool = Pool::default();
    let mut decoder = Decoder::new();
    let mut message = header(true, Opcode::Binary, 4);
    message.extend(b"data");
    for byte in &mut message[..9] {
        decoder.decode(&RULES, &mut pool, std::slice::from_mut(byte)).expect("valid");
        decoder.settle(&mut pool);
        assert!(!decoder.is_between_messages());
        assert_eq!(pool.lent_count(), 1);
    }
    let decoded = decoder.decode(&RULES, &mut pool, &mut message[9..]).expect("valid");
    assert_eq!(decoded.event, Some(Event::Message(Message::Binary(b"data"))));
    assert!(decoder.is_between_messages());
    decoder.settle(&mut pool);
    assert_eq!((pool.lent_count(), pool.kept_count()), (0, 1));
}

#[test]
fn a_connection_that_ends_anywhere_gives_its_state_back() {
    let mut pool = Pool::default();
    let mut stream = header(false, Opcode::Text, 4);
    stream.extend(b"data");
    stream.extend(header(true, Opcode::Close, 2));
    stream.extend(b"\x03\xe8and more");
    for end in 0..stream.len() {
        let mut decoder = Decoder::new();
        let mut input = stream[..end].to_vec();
        decoder.decode(&RULES, &mut pool, &mut input).expect("valid");
        decoder.release(&mut pool);
        assert_eq!(pool.lent_count(), 0);
        assert!(decoder.is_between_messages());
    }
}

#[test]
fn an_error_lets_go_of_the_message_at_once() {
    let mut pool = Pool::default();
    let mut decoder = Decoder::new();
    let mut start = header(false, Opcode::Binary, 100_000);
    start.extend([7; 100_000]);
    decoder.decode(&RULES, &mut pool, &mut start).expect("valid");
    assert!(buffer_bytes(&decoder) >= 100_000);
    let error = decoder.decode(&RULES, &mut pool, &mut header(true, Opcode::Text, 0)).expect_err("not continued");
    assert_eq!(error, ProtocolError::ExpectedContinuation(Opcode::Text));
    assert_eq!(buffer_bytes(&decoder), 0);
}

/// Every text and binary message in two frames, received in part as input and in part where the decoder says, is the same message.
#[test]
fn what_is_received_where_the_decoder_says_is_what_is_received_as_input() {
    let text: Vec<u8> = "ä€𝄞z".bytes().cycle().take(10 * 5000).collect();
    for (opcode, step) in
        [Opcode::Text, Opcode::Binary].into_iter().flat_map(|it| [1, 7, 601, 65_536].map(|step| (it, step)))
    {
        let (mut pool, mut decoder) = (Pool::default(), Decoder::new());
        let mut stream = Vec::new();
        for (fin, opcode, part) in [(false, opcode, &text[..20_000]), (true, Opcode::Continuation, &text[20_000..])] {
            stream.extend(header(fin, opcode, part.len() as u64));
            stream.extend(part);
        }
        stream.extend(header(true, Opcode::Ping, 0));
        let (mut at, mut rests, mut events) = (0, 0, Vec::new());
        while at < stream.len() {
            let count = step.min(stream.len() - at);
            let mut input = Vec::new();
            if let Some(rest) = decoder.rest() {
                let count = count.min(rest.len());
                rest[..count].copy_from_slice(&stream[at..at + count]);
                decoder.fill(count);
                (at, rests) = (at + count, rests + 1);
            } else {
                input.extend_from_slice(&stream[at..at + count.min(20)]);
                at += input.len();
            }
            let mut used = 0;
            while used < input.len() || decoder.is_filled() {
                let decoded = decoder.decode(&RULES, &mut pool, &mut input[used..]).expect("valid");
                used += decoded.consumed;
                events.extend(decoded.event.map(|event| match event {
                    Event::Message(message) => (message.opcode(), message.as_bytes() == text, decoded.is_assembled),
                    Event::Ping(_) => (Opcode::Ping, true, decoded.is_assembled),
                    event => panic!("{event:?}"),
                }));
            }
            decoder.settle(&mut pool);
        }
        assert_eq!(events, [(opcode, true, true), (Opcode::Ping, true, false)], "{step}");
        assert!(rests > 1 && pool.lent_count() == 0);
    }
}

/// Three times what came, or a little ahead of it; and no more than came where that is much.
#[test]
fn room_for_the_rest_is_bounded_by_what_came() {
    let (mut pool, mut decoder) = (Pool::default(), Decoder::new());
    let mut start = header(true, Opcode::Binary, 1 << 24);
    decoder.decode(&RULES, &mut pool, &mut start).expect("valid");
    let mut came = 0;
    while came < 4 << 20 {
        let room = decoder.rest().expect("much is missing").len();
        assert!(room <= (3 * came).min(1 << 20).max(came).max(8 * 1024), "{room} bytes ahead of {came}");
        let count = room.min(50_000);
        decoder.fill(count);
        assert_eq!(decoder.decode(&RULES, &mut pool, &mut []).expect("valid").event, None);
        came += count;
    }
    assert!(decoder.has_long_rest());
    decoder.release(&mut pool);
    assert!(decoder.rest().is_none() && !decoder.has_long_rest() && !decoder.is_filled());
}

/// A bad byte of text is found where it was received, before the frame is whole.
#[test]
fn bad_text_is_found_where_it_was_received() {
    let (mut pool, mut decoder) = (Pool::default(), Decoder::new());
    let mut start = header(true, Opcode::Text, 1 << 20);
    decoder.decode(&RULES, &mut pool, &mut start).expect("valid");
    decoder.rest().expect("much is missing")[..3].copy_from_slice(b"ab\xff");
    decoder.fill(3);
    assert_eq!(decoder.decode(&RULES, &mut pool, &mut []).expect_err("not UTF-8"), ProtocolError::InvalidUtf8);
    assert!(buffer_bytes(&decoder) == 0 && decoder.rest().is_none() && !decoder.is_filled());
}

#[test]
fn the_pool_keeps_few_states_with_so_many_bytes_together() {
    let mut pool = Pool::new(3, 1000);
    let mut decoders: Vec<Decoder> = (0..8).map(|_| Decoder::new()).collect();
    for (i, decoder) in decoders.iter_mut().enumerate() {
        let mut start = header(false, Opcode::Binary, 300 * i as u64);
        start.resize(start.len() + 300 * i, 7);
        decoder.decode(&RULES, &mut pool, &mut start).expect("valid");
    }
    assert_eq!((pool.lent_count(), pool.kept_count()), (8, 0));
    decoders.iter_mut().rev().for_each(|decoder| decoder.release(&mut pool));
    assert_eq!((pool.lent_count(), pool.kept_count()), (0, 3));
    assert_eq!(pool.kept_bytes(), 3 * size_of::<Partial>() + 900, "of the buffers, there is room for one");

    let mut pool = Pool::new(3, 1000);
    let mut states: Vec<_> = (0..3).map(|_| pool.lend()).collect();
    states.iter_mut().for_each(|state| state.reserve_for_test(400));
    states.into_iter().for_each(|state| pool.take_back(state));
    assert_eq!(
        pool.kept_bytes(),
        3 * size_of::<Partial>() + 800,
        "two of 400 bytes are, and of the third there is no room"
    );
    let states = [pool.lend(), pool.lend(), pool.lend()];
    assert_eq!(states.each_ref().map(|state| state.buffer_bytes()), [0, 400, 400]);
    states.into_iter().for_each(|state| pool.take_back(state));
    assert_eq!(pool.kept_bytes(), 3 * size_of::<Partial>() + 800);
    // A buffer that comes alone is for a state that has none.
    let mut alone = Assembly::default();
    alone.reserve(200);
    pool.take_buffer(alone);
    assert_eq!(pool.kept_bytes(), 3 * size_of::<Partial>() + 1000);
    let states = [pool.lend(), pool.lend(), pool.lend()];
    assert_eq!(states.each_ref().map(|state| state.buffer_bytes()), [400, 400, 200]);
    assert_eq!(pool.kept_bytes(), 0);
}

#[test]
fn a_pool_that_is_trimmed_keeps_what_was_needed_since() {
    let mut pool = Pool::new(2, 10_000);
    let lend = |pool: &mut Pool, count: usize| {
        let mut states: Vec<_> = (0..count).map(|_| pool.lend()).collect();
        states.iter_mut().for_each(|state| state.reserve_for_test(400));
        states.into_iter().for_each(|state| pool.take_back(state));
    };
    lend(&mut pool, 10);
    assert_eq!((pool.kept_count(), pool.buffer_bytes()), (2, 4000), "buffers of states that are not kept are");
    pool.trim(500);
    assert_eq!(pool.buffer_bytes(), 4000, "all were needed");
    lend(&mut pool, 7);
    pool.trim(500);
    assert_eq!(pool.buffer_bytes(), 2800);
    pool.trim(500);
    assert_eq!(pool.buffer_bytes(), 400, "none was, and 500 bytes are not much");
    pool.trim(0);
    assert_eq!(pool.buffer_bytes(), 0);
}

/// Every first two bytes, with as much payload as they say, less and more, good UTF-8 and bad: the short way for replies says
/// what the decoder says, or leaves it to the decoder.
#[test]
fn the_short_way_for_a_clients_replies_is_the_decoders() {
    for message_bytes_max in [60, 1 << 20] {
        let rules = Rules { role: Role::Client, message_bytes_max };
        for (first, second) in (0..=255u8).flat_map(|first| (0..=255u8).map(move |second| (first, second))) {
            for (extra, fill) in [(0, b'x'), (0, 0xC3), (1, b'x'), (-1, b'x')] {
                let len = (i32::from(second) + extra).max(0) as usize;
                let input = [&[first, second][..], &vec![fill; len]].concat();
                let mut mine = input.clone();
                let Some(reply) = Decoder::whole_reply(&rules, &mut mine) else { continue };
                let (mut decoder, mut pool, mut theirs) = (Decoder::new(), Pool::default(), input.clone());
                match (reply, decoder.decode(&rules, &mut pool, &mut theirs)) {
                    (Ok(reply), Ok(decoded)) => {
                        assert_eq!(
                            decoded,
                            Decoded { consumed: input.len(), event: Some(Event::Message(reply)), is_assembled: false }
                        );
                    }
                    (reply, decoded) => assert_eq!(reply.err(), decoded.err(), "{input:02x?}"),
                }
            }
        }
        let hello = &mut b"\x81\x05hello".to_vec();
        assert_eq!(Decoder::whole_reply(&rules, hello), Some(Ok(Message::Text("hello"))), "it is used at all");
    }
}
