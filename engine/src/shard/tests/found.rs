//! What went wrong once: a scene for each.

use std::time::{Duration, Instant};

use super::stage::{Frame, SIZES, Stage, config, head};
use crate::config::{Config, Overflow, TopicConfig};
use crate::conn::arena::CHUNK_BYTES;
use crate::proto::{CloseCode, Opcode};
use crate::ring::sim::world::Sizes;
use crate::shard::command::Command;
use crate::shard::polls;
use crate::shard::sim::{Conduct, frame};
use crate::topic::history::MessageKind;

/// A subscriber whose queue overflows leaves the topic in the middle of its fan-out.
#[test]
fn a_slow_consumer_leaves_during_the_fan_out() {
    let config =
        Config { send_queue_bytes_max: 1024, send_queue_bytes_high: 1024, send_queue_bytes_low: 10, ..config() };
    let mut stage = Stage::new(config, Sizes { socket_bytes: (1 << 20, 300), ..SIZES });
    let all = Conduct::Broadcast { to_self: true };
    let (slow, first, last) = (stage.open(all), stage.open(all), stage.open(all));
    let mut got = (Vec::new(), Vec::new());
    for number in 0..20 {
        stage.send(&first, format!("{number:0100}").as_bytes());
        stage.turns(3);
        got.0.extend(stage.frames(&first));
        got.1.extend(stage.frames(&last));
    }
    let expected: Vec<_> = (0..20).map(|number| Frame::Message(format!("{number:0100}").into_bytes())).collect();
    assert_eq!(got.0, expected);
    assert_eq!(got.1, expected);
    let told = stage.frames_to_the_end(&slow);
    assert_eq!(told.last(), Some(&Frame::Close(Some(CloseCode::TRY_AGAIN_LATER))));
    stage.end();
}

/// The same when it was the only one: its topic must not be freed twice.
#[test]
fn the_only_consumer_leaves_during_the_fan_out() {
    let config =
        Config { send_queue_bytes_max: 1024, send_queue_bytes_high: 1024, send_queue_bytes_low: 10, ..config() };
    let mut stage = Stage::new(config, Sizes { socket_bytes: (1 << 20, 300), ..SIZES });
    let slow = stage.open(Conduct::Broadcast { to_self: true });
    for _ in 0..20 {
        let frames = [&[0x81, 100][..], &[b'x'; 100]].concat();
        stage.command(Command::Publish { topic: "all".into(), frames: frames.into(), at: Instant::now() });
        stage.turns(3);
    }
    assert_eq!(stage.sim.shard.stats().gauges.topics, 0);
    let again = [stage.open(Conduct::Broadcast { to_self: true }), stage.open(Conduct::Broadcast { to_self: true })];
    stage.send(&again[0], b"hello");
    stage.turns(3);
    for client in &again {
        assert_eq!(stage.frames(client), [Frame::Message(b"hello".to_vec())]);
    }
    let told = stage.frames_to_the_end(&slow);
    assert_eq!(told.last(), Some(&Frame::Close(Some(CloseCode::TRY_AGAIN_LATER))));
    stage.end();
}

/// A close frame behind a queue that is longer than it may be: it overflowed, and the connection ended without one.
#[test]
fn a_close_frame_is_queued_whatever_is_before_it() {
    for overflow in [Overflow::Disconnect, Overflow::DropNewest] {
        let config = Config {
            send_queue_bytes_max: 1024,
            send_queue_bytes_high: 1024,
            send_queue_bytes_low: 10,
            overflow,
            ..config()
        };
        let mut stage = Stage::new(config, Sizes { socket_bytes: (1 << 20, 300), ..SIZES });
        let client = stage.open(Conduct::Echo);
        stage.send(&client, &[1; 2000]);
        stage.turns(3);
        assert!(stage.sim.shard.local.conns[0].queued_bytes() > 1024);
        let id = stage.sim.shard.local.id(0);
        let (reply, _answer) = oneshot::channel();
        stage.command(Command::Close { id, code: CloseCode(4001), reason: "enough".into(), reply });
        let frames = stage.frames_to_the_end(&client);
        assert_eq!(frames, [Frame::Message(vec![1; 2000]), Frame::Close(Some(CloseCode(4001)))]);
        stage.end();
    }
}

/// A poll that is over, or that is interrupted, in the turn in which a message comes: it was told the position of that message, and
/// not the message.
#[test]
fn a_poll_that_ends_in_the_turn_of_a_message_brings_it() {
    let kept = TopicConfig { pattern: "k.>".to_owned(), history_count: 10, ..TopicConfig::default() };
    let mut stage = Stage::new(Config { topics: vec![kept], ..config() }, SIZES);
    let publish = |stage: &mut Stage, text: &str| {
        let outcome = stage.sim.shard.local.publish("k.a", (MessageKind::Text, text.as_bytes()), None);
        outcome.expect("there is room");
    };
    publish(&mut stage, "first");
    stage.turns(2);
    let client = stage.connect(Conduct::Echo);
    stage.write(&client, b"GET /topics/k.a?after=1-1&wait=5s HTTP/1.1\r\nHost: sim\r\n\r\n");
    stage.turns(6);
    assert!(stage.sim.shard.local.conns[0].is_parked() && stage.read(&client).is_empty());
    publish(&mut stage, "second");
    polls::answer_late(&mut stage.sim.shard.local, 0);
    stage.turns(6);
    let answer = String::from_utf8(stage.read(&client)).expect("text");
    assert!(answer.contains("\"position\":\"1-2\"") && answer.contains("\"data\":\"second\""), "{answer}");
    stage.end();
}

/// Replies as large as a queue may be, to one who reads all the time: the queue is not quite empty when the next one is due, and it was
/// dropped, though nobody had been told of back-pressure.
#[test]
fn an_echo_of_what_fills_a_queue_is_not_dropped_before_back_pressure_is_told() {
    for overflow in [Overflow::Disconnect, Overflow::DropNewest] {
        let queue = Config { send_queue_bytes_max: 4096, send_queue_bytes_high: 1024, ..config() };
        let config = Config { send_queue_bytes_low: 512, message_bytes_max: 4096, overflow, ..queue };
        let mut stage = Stage::new(config, Sizes { socket_bytes: (1 << 20, 300), ..SIZES });
        let client = stage.open(Conduct::Echo);
        let messages: Vec<_> = (0..20).map(|number| vec![number; 4096]).collect();
        for message in &messages {
            stage.send(&client, message);
        }
        let expected: Vec<_> = messages.into_iter().map(Frame::Message).collect();
        assert!(stage.frames_to_the_end(&client).starts_with(&expected[..10]), "{overflow:?}");
        stage.end();
    }
}

/// More replies in a turn than a chunk of the arena holds, of which some fall short: what a connection had in the second chunk
/// is no place in the next turn's.
#[test]
fn a_short_send_out_of_the_second_chunk() {
    const BYTES: usize = CHUNK_BYTES / 5;
    const COUNT: usize = 7;
    let mut stage = Stage::new(config(), Sizes { socket_bytes: (1 << 20, BYTES / 2), ..SIZES });
    let clients: Vec<_> = (0..COUNT).map(|_| stage.open(Conduct::Echo)).collect();
    let message = vec![1; BYTES];
    let frames: Vec<_> = clients.iter().map(|_| frame(&mut stage.dice, true, Opcode::Binary, &message)).collect();
    for (client, frame) in clients.iter().zip(&frames) {
        stage.write(client, &frame[..frame.len() - 1]);
    }
    stage.turns(2 * COUNT * BYTES.div_ceil(SIZES.buffer_bytes));
    for (client, frame) in clients.iter().zip(&frames) {
        stage.write(client, &frame[frame.len() - 1..]);
    }
    for client in &clients {
        assert_eq!(stage.frames_to_the_end(client), [Frame::Message(message.clone())]);
    }
    stage.end();
}

/// A timer that goes off in the turn in which a message makes the application close: the close timeout begins then.
#[test]
fn a_timer_that_is_set_again_does_not_go_off() {
    let config = Config { ping_interval: Some(Duration::from_millis(100)), ..config() };
    let mut stage = Stage::new(config, SIZES);
    let client = stage.open(Conduct::Close { after: 1, code: CloseCode(4001) });
    let mut writes_at_the_last_moment = |micros: u64| {
        let at = Duration::from_micros(micros);
        stage.sim.world.borrow_mut().now = at;
        stage.send(&client, b"1");
        stage.turns(1);
        stage.told(&client).0.is_empty()
    };
    assert!(writes_at_the_last_moment(120_000), "cut at once, without time to answer the close frame");
    stage.turns(2);
    let frames = stage.frames(&client);
    assert_eq!(frames, [Frame::Message(b"1".to_vec()), Frame::Close(Some(CloseCode(4001)))]);
    stage.end();
}

/// A connection that was accepted before accepting stopped, and is heard of after the cut.
#[test]
fn a_connection_accepted_after_the_cut_does_not_stay() {
    let mut stage = Stage::new(Config { turn_completions_max: 1, ..config() }, SIZES);
    let [a, b] = [stage.connect(Conduct::Echo), stage.connect(Conduct::Echo)];
    for client in [&a, &b] {
        stage.write(client, &head(client));
    }
    stage.command(Command::Shutdown { grace: Duration::ZERO });
    stage.sim.turn_until("the shutdown is complete", |simulation| simulation.shard.is_finished());
    assert!(stage.now() < Duration::from_secs(1), "it took {:?}", stage.now());
    stage.end();
}

/// A publication for other shards alone, made at the end of a turn.
#[test]
fn publications_for_other_shards_do_not_wait_for_the_next_completion() {
    let mut stage = Stage::new(config(), SIZES);
    assert!(!stage.sim.shard.has_work());
    stage.sim.shard.local.outbox.append("elsewhere", b"", b"frame");
    assert!(stage.sim.shard.has_work());
    stage.end();
}

/// A connection that `on_open` pauses, and whose first message came along with the handshake.
#[test]
fn a_pause_in_on_open_holds_what_came_with_the_handshake() {
    let config = Config { idle_timeout: Some(Duration::from_secs(1)), ..config() };
    let mut stage = Stage::new(config, SIZES);
    let client = stage.connect(Conduct::Hold);
    let message = crate::shard::sim::frame(&mut stage.dice, true, crate::proto::Opcode::Text, b"early");
    stage.write(&client, &[head(&client), message].concat());
    stage.turns(8);
    assert!(stage.sim.journal.borrow().records[client.peer].received.is_empty());
    stage.end();
}

/// A connection that subscribes in the turn of a publication, but after it.
#[test]
fn a_subscriber_gets_nothing_from_before_its_subscription() {
    let mut stage = Stage::new(config(), SIZES);
    let all = Conduct::Broadcast { to_self: true };
    let first = stage.open(all);
    let second = stage.connect(all);
    stage.turns(4);
    // Input of both in one turn; the shard may read it in either order, so that the seed decides which case this is.
    stage.send(&first, b"before or after");
    stage.write(&second, &head(&second));
    stage.turns(4);
    let subscribed_at = stage.sim.journal.borrow().records[second.peer].subscribed_at;
    let response = stage.read(&second);
    let tail = response.windows(4).position(|window| window == b"\r\n\r\n").expect("a response") + 4;
    assert_eq!(response.len() > tail, subscribed_at == 0, "published first: {}", subscribed_at == 1);
    assert_eq!(stage.frames(&first), [Frame::Message(b"before or after".to_vec())]);
    stage.end();
}

/// Somebody who always has more to say than there are recv buffers, and whose recv was armed again before the other's.
#[test]
fn a_loud_connection_does_not_take_every_recv_buffer() {
    let mut stage = Stage::new(config(), Sizes { buffers: 2, buffer_bytes: 200, ..SIZES });
    let (loud, quiet) = (stage.open(Conduct::Echo), stage.open(Conduct::Echo));
    for trip in 0..20 {
        stage.send(&quiet, b"me too");
        let answered = (0..30).any(|_| {
            (0..4).for_each(|_| stage.send(&loud, &[1; 190]));
            stage.sim.world.borrow_mut().now += Duration::from_millis(2);
            stage.turns(1);
            stage.read(&loud);
            stage.frames(&quiet) == [Frame::Message(b"me too".to_vec())]
        });
        assert!(answered, "no answer in 30 turns, trip {trip}");
    }
    assert!(stage.sim.shard.local.counters.recv_buffers_exhausted > 20, "the buffers are too many for this test");
    stage.end();
}

/// A client that asks for a page, begins another request, and shuts its half down.
#[test]
fn a_half_request_behind_a_response_is_forgotten_at_the_end_of_the_stream() {
    let mut stage = Stage::new(config(), Sizes { socket_bytes: (1 << 20, 10), ..SIZES });
    let client = stage.connect(Conduct::Echo);
    stage.write(&client, b"GET /page HTTP/1.1\r\nHost: sim\r\n\r\nGET /half");
    stage.sim.world.borrow_mut().end(client.socket);
    stage.turns(4);
    stage.end();
}

/// A client that shuts down its half at once, while a response is sent that turns out to be too much for the socket: the rest was
/// thrown away.
#[test]
fn a_response_that_fell_short_is_sent_whole_after_the_end_of_the_request() {
    let sizes = Sizes { socket_bytes: (1 << 20, 20), ..SIZES };
    for turns in 1..5 {
        let mut stage = Stage::new(config(), sizes);
        let clients: Vec<_> = (0..8).map(|_| stage.connect(Conduct::Echo)).collect();
        for client in &clients {
            stage.turns(3);
            stage.write(client, b"GET /page HTTP/1.1\r\nHost: sim\r\n\r\n");
            stage.turns(turns);
            stage.sim.world.borrow_mut().end(client.socket);
            let mut response = Vec::new();
            for _ in 0..100 {
                stage.turns(1);
                response.extend(stage.read(client));
            }
            assert!(response.ends_with(b"a page"), "{turns}: {}", String::from_utf8_lossy(&response));
        }
        stage.end();
    }
}
