//! Timers, on virtual time.

use std::time::{Duration, Instant};

use super::stage::{Frame, SIZES, Stage, config, head};
use crate::config::Config;
use crate::proto::frame::EncodedHeader;
use crate::proto::{CloseCode, Opcode};
use crate::ring::sim::world::Sizes;
use crate::shard::command::Command;
use crate::shard::sim::{Conduct, frame};

const SECOND: Duration = Duration::from_secs(1);
/// A tick early or late, and a turn.
const NEARLY: Duration = Duration::from_millis(980);

#[test]
fn a_head_that_is_begun_gets_a_408_and_silence_gets_nothing() {
    let mut stage = Stage::new(Config { handshake_timeout: SECOND, ..config() }, SIZES);
    let (slow, silent) = (stage.connect(Conduct::Echo), stage.connect(Conduct::Echo));
    let request = head(&slow);
    stage.write(&slow, &request[..20]);
    stage.turns_for(SECOND / 2);
    stage.write(&slow, &request[20..30]);
    stage.turns_for(SECOND / 2 - Duration::from_millis(30));
    assert!(stage.read(&slow).is_empty() && !stage.is_ended(&silent), "too early");
    stage.turns_for(SECOND / 10);
    assert!(stage.read(&slow).starts_with(b"HTTP/1.1 408 "), "a slow drip does not move the timer");
    assert!(stage.is_ended(&slow) && stage.is_ended(&silent));
    stage.end();
}

#[test]
fn an_idle_connection_is_asked_to_leave_and_cut_when_it_does_not() {
    let config = Config { idle_timeout: Some(SECOND), close_timeout: SECOND, ..config() };
    let mut stage = Stage::new(config, SIZES);
    let (polite, rude, busy) = (stage.open(Conduct::Echo), stage.open(Conduct::Echo), stage.open(Conduct::Echo));
    for _ in 0..2 {
        stage.turns_for(NEARLY / 2);
        stage.send(&busy, b"here");
    }
    assert!(stage.frames(&polite).is_empty(), "too early");
    stage.turns_for(SECOND / 10);
    let goodbye = [Frame::Close(Some(CloseCode::GOING_AWAY))];
    assert_eq!((stage.frames(&polite), stage.frames(&rude)), (goodbye.to_vec(), goodbye.to_vec()));
    stage.close(&polite, CloseCode::GOING_AWAY);
    stage.turns_for(NEARLY - SECOND / 10);
    assert_eq!(stage.told(&polite), (vec![CloseCode::GOING_AWAY], vec![]));
    assert_eq!(stage.told(&rude), (vec![], vec![]), "too early");
    stage.send(&busy, b"here");
    stage.turns_for(SECOND / 10);
    let (codes, errors) = stage.told(&rude);
    assert_eq!((codes, errors.len()), (vec![CloseCode::ABNORMAL], 1));
    assert_eq!(stage.told(&busy), (vec![], vec![]));
    stage.end();
}

#[test]
fn a_silent_connection_is_pinged_and_lost_without_a_pong() {
    let config = Config { ping_interval: Some(SECOND), pong_timeout: SECOND, ..config() };
    let mut stage = Stage::new(config, SIZES);
    let (alive, dead) = (stage.open(Conduct::Echo), stage.open(Conduct::Echo));
    stage.turns_for(NEARLY);
    assert!(stage.frames(&alive).is_empty(), "too early");
    stage.turns_for(SECOND / 10);
    assert_eq!((stage.frames(&alive), stage.frames(&dead)), (vec![Frame::Ping], vec![Frame::Ping]));
    let pong = frame(&mut stage.dice, true, Opcode::Pong, b"");
    stage.write(&alive, &pong);
    stage.turns_for(NEARLY - SECOND / 10);
    assert_eq!(stage.told(&dead), (vec![], vec![]), "too early");
    stage.turns_for(SECOND / 10);
    let (codes, errors) = stage.told(&dead);
    assert_eq!((codes, errors.len()), (vec![CloseCode::ABNORMAL], 1));
    assert_eq!(stage.told(&alive), (vec![], vec![]));
    stage.turns_for(SECOND / 5);
    assert_eq!(stage.frames(&alive), [Frame::Ping], "and again after another interval");
    stage.end();
}

#[test]
fn the_ping_interval_is_kept_although_a_pong_may_take_longer() {
    let config = Config { ping_interval: Some(SECOND), pong_timeout: 10 * SECOND, ..config() };
    let mut stage = Stage::new(config, SIZES);
    let alive = stage.open(Conduct::Echo);
    stage.turns_for(SECOND + SECOND / 20);
    for _ in 0..3 {
        assert_eq!(stage.frames(&alive), [Frame::Ping]);
        let pong = frame(&mut stage.dice, true, Opcode::Pong, b"");
        stage.write(&alive, &pong);
        stage.turns_for(NEARLY);
        assert!(stage.frames(&alive).is_empty(), "too early");
        stage.turns_for(SECOND / 10);
    }
    stage.end();
}

#[test]
fn an_answered_ping_does_not_move_the_close_timeout() {
    let config = Config { ping_interval: Some(SECOND), close_timeout: SECOND, ..config() };
    let mut stage = Stage::new(config, SIZES);
    let client = stage.open(Conduct::Echo);
    stage.turns_for(SECOND + SECOND / 20);
    assert_eq!(stage.frames(&client), [Frame::Ping]);
    stage.command(Command::Shutdown { grace: 60 * SECOND });
    stage.turns_for(SECOND / 2);
    let pong = frame(&mut stage.dice, true, Opcode::Pong, b"");
    stage.write(&client, &pong);
    stage.turns_for(SECOND / 2 + SECOND / 10);
    assert_eq!(stage.told(&client).0, [CloseCode::ABNORMAL], "it does not answer the close frame");
    stage.end();
}

#[test]
fn a_paused_connection_is_judged_by_the_idle_timeout_alone() {
    let config =
        Config { ping_interval: Some(SECOND), pong_timeout: SECOND, idle_timeout: Some(4 * SECOND), ..config() };
    let mut stage = Stage::new(config, SIZES);
    let paused = stage.open(Conduct::Hold);
    stage.turns_for(3 * SECOND);
    assert_eq!((stage.told(&paused), stage.frames(&paused)), ((vec![], vec![]), vec![]));
    stage.turns_for(2 * SECOND);
    assert_eq!(stage.frames(&paused), [Frame::Close(Some(CloseCode::GOING_AWAY))]);
    stage.end();
}

#[test]
fn a_slow_reader_that_reads_is_not_lost() {
    let config =
        Config { ping_interval: Some(SECOND), pong_timeout: SECOND, idle_timeout: Some(4 * SECOND), ..config() };
    let mut stage = Stage::new(config, Sizes { socket_bytes: (1 << 16, 1 << 16), ..SIZES });
    let flood = Conduct::Flood { count: 4000, bytes: 500 };
    let (reading, stuck) = (stage.open(flood), stage.open(flood));
    stage.send(&reading, b"go");
    stage.send(&stuck, b"go");
    for _ in 0..6 {
        stage.turns_for(SECOND / 2);
        assert!(!stage.read(&reading).is_empty());
    }
    assert_eq!((stage.told(&reading), stage.told(&stuck).0.len()), ((vec![], vec![]), 1));
    stage.end();
}

#[test]
fn a_close_frame_without_answer_is_waited_for_so_long() {
    let mut stage = Stage::new(Config { close_timeout: SECOND, ..config() }, SIZES);
    let client = stage.open(Conduct::Close { after: 1, code: CloseCode(4000) });
    stage.send(&client, b"enough");
    stage.turns_for(NEARLY);
    assert_eq!(stage.told(&client), (vec![], vec![]));
    stage.turns_for(SECOND / 10);
    let (codes, errors) = stage.told(&client);
    assert_eq!((codes, errors.len()), (vec![CloseCode::ABNORMAL], 1));
    stage.end();
}

#[test]
fn a_violation_lingers_no_longer_than_the_close_timeout() {
    let mut stage = Stage::new(Config { close_timeout: SECOND, ..config() }, SIZES);
    let client = stage.open(Conduct::Echo);
    stage.send(&client, b"last words");
    stage.write(&client, &[0x81, 0x00]);
    for _ in 0..30 {
        stage.turns_for(SECOND / 20);
        if stage.sim.shard.local.conns.occupied() > 0 {
            // What still comes is thrown away, and does not turn what was sent into a reset.
            stage.write(&client, b"flood");
        }
    }
    let expected = [Frame::Message(b"last words".to_vec()), Frame::Close(Some(CloseCode::PROTOCOL_ERROR))];
    assert_eq!(stage.frames(&client), expected);
    assert_eq!(stage.told(&client).0, [CloseCode::PROTOCOL_ERROR]);
    assert_eq!(stage.sim.shard.local.conns.occupied(), 0);
    stage.end();
}

#[test]
fn a_shutdown_without_grace_cuts_at_once() {
    let mut stage = Stage::new(config(), SIZES);
    let clients = [stage.open(Conduct::Echo), stage.open(Conduct::Echo)];
    let begin = stage.now();
    stage.command(Command::Shutdown { grace: Duration::ZERO });
    stage.sim.turn_until("the shutdown is complete", |simulation| simulation.shard.is_finished());
    assert!(stage.now() - begin < Duration::from_millis(20));
    for client in &clients {
        assert_eq!(stage.told(client).0, [CloseCode::ABNORMAL]);
    }
    stage.end();
}

#[test]
fn a_shutdown_with_grace_ends_when_all_have_left_or_the_grace_is_over() {
    for all_leave in [true, false] {
        let config = Config { close_timeout: SECOND * 5, ..config() };
        let mut stage = Stage::new(config, SIZES);
        let (polite, rude, late) = (stage.open(Conduct::Echo), stage.open(Conduct::Echo), stage.connect(Conduct::Echo));
        stage.write(&late, b"GET /");
        stage.turns(4);
        stage.command(Command::Shutdown { grace: SECOND });
        stage.turns_for(SECOND / 10);
        assert!(stage.sim.world.borrow_mut().connect().is_none(), "nobody listens any more");
        assert!(stage.is_ended(&late), "no request is begun now");
        let goodbye = [Frame::Close(Some(CloseCode::GOING_AWAY))];
        assert_eq!((stage.frames(&polite), stage.frames(&rude)), (goodbye.to_vec(), goodbye.to_vec()));
        stage.close(&polite, CloseCode::GOING_AWAY);
        if all_leave {
            stage.close(&rude, CloseCode::GOING_AWAY);
        }
        let begin = stage.now();
        stage.turns_for(SECOND * 2);
        let took = stage.now() - begin;
        assert!(stage.sim.shard.is_finished());
        assert!(if all_leave { took < SECOND / 10 } else { took > SECOND / 2 && took < SECOND }, "{took:?}");
        assert_eq!(stage.told(&polite).0, [CloseCode::GOING_AWAY]);
        assert_eq!(stage.told(&rude).0, [if all_leave { CloseCode::GOING_AWAY } else { CloseCode::ABNORMAL }]);
        stage.end();
    }
}

#[test]
fn a_silent_stream_gets_a_comment_and_one_that_is_spoken_to_gets_it_later() {
    let mut stage = Stage::new(config(), SIZES);
    let [quiet, spoken] = ["quiet", "spoken"].map(|topic| {
        let client = stage.connect(Conduct::Echo);
        let request = format!("GET /topics/{topic} HTTP/1.1\r\nHost: sim\r\nAccept: text/event-stream\r\n\r\n");
        stage.write(&client, request.as_bytes());
        stage.turns(6);
        assert!(stage.read(&client).starts_with(b"HTTP/1.1 200 "));
        client
    });
    stage.turns_for(10 * SECOND);
    let frames = EncodedHeader::server(Opcode::Text, 2).as_bytes().iter().chain(b"hi").copied().collect();
    stage.command(Command::Publish { topic: "spoken".into(), frames, at: Instant::now() });
    stage.turns_for(4 * SECOND);
    assert_eq!((stage.read(&quiet), stage.read(&spoken)), (b"".to_vec(), b"data: hi\n\n".to_vec()), "too early");
    stage.turns_for(2 * SECOND);
    assert_eq!((stage.read(&quiet), stage.read(&spoken)), (b":\n\n".to_vec(), b"".to_vec()));
    stage.turns_for(10 * SECOND);
    assert_eq!((stage.read(&quiet), stage.read(&spoken)), (b"".to_vec(), b":\n\n".to_vec()));
    stage.end();
}
