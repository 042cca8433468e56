//! Many who come back at once: no turn is longer for it than it may be, and all are served, in order.

use std::time::Duration;

use super::stage::{Client, Frame, SIZES, Stage, config};
use crate::config::{Config, TopicConfig};
use crate::handler::Start;
use crate::ring::sim::world::Sizes;
use crate::shard::sim::Conduct;
use crate::topic::history::MessageKind;

const CLIENTS: usize = 60;
const MESSAGES: usize = 100;
const BYTES: usize = 1000;

/// What a turn may replay, with a message more that it had begun with.
const TURN_MESSAGES_MAX: u64 = 512 * 1024 / BYTES as u64 + 1;

fn stage() -> (Stage, Vec<Client>) {
    let kept = TopicConfig { pattern: "k.>".to_owned(), history_count: 2 * MESSAGES as u32, ..TopicConfig::default() };
    let sizes = Sizes { descriptors: CLIENTS + 16, socket_bytes: (1 << 20, 1 << 20), ..SIZES };
    let mut stage = Stage::new(Config { topics: vec![kept], connections_max: CLIENTS as u32, ..config() }, sizes);
    let clients = (0..CLIENTS).map(|_| stage.open(Conduct::Echo)).collect();
    for number in 0..MESSAGES {
        let payload = vec![number as u8; BYTES];
        stage.sim.shard.local.publish("k.a", (MessageKind::Binary, &payload), None).expect("there is room");
    }
    stage.turns(2);
    (stage, clients)
}

fn resume(stage: &mut Stage, slot: u32) {
    let start = Start { since_ms: Some(0), ..Start::default() };
    let replay = stage.sim.shard.local.subscribe_from(slot, "k.a", &start).expect("a name");
    assert_eq!(replay.message_count, MESSAGES as u64);
}

#[test]
fn a_turn_replays_so_much_and_the_others_wait_their_turn() {
    let (mut stage, clients) = stage();
    (0..CLIENTS as u32).for_each(|slot| resume(&mut stage, slot));
    let mut served = Vec::new();
    let mut turns = 0;
    let mut got: Vec<Vec<Frame>> = clients.iter().map(|_| Vec::new()).collect();
    while got.iter().any(|frames| frames.len() < MESSAGES) {
        let before = stage.sim.shard.local.counters.deliveries;
        stage.turns(1);
        let replayed = stage.sim.shard.local.counters.deliveries - before;
        assert!(replayed <= TURN_MESSAGES_MAX, "{replayed} messages in a turn");
        for (index, client) in clients.iter().enumerate() {
            got[index].extend(stage.frames(client));
            if got[index].len() == MESSAGES && !served.contains(&index) {
                served.push(index);
            }
        }
        turns += 1;
        assert!(turns < 100, "they wait forever");
    }
    assert!(turns >= CLIENTS * MESSAGES / TURN_MESSAGES_MAX as usize, "{turns} turns: there was nothing to bound");
    let late: Vec<_> = served.iter().enumerate().filter(|&(at, &index)| at.abs_diff(index) > 6).collect();
    assert!(late.is_empty(), "served out of order: {late:?}");
    let expected: Vec<_> = (0..MESSAGES).map(|number| Frame::Message(vec![number as u8; BYTES])).collect();
    assert!(got.iter().all(|frames| *frames == expected));
    stage.end();
}

/// Who waits to catch up may leave, and another come in its place; what is published meanwhile comes behind the replay.
#[test]
fn who_waits_may_leave_and_loses_nothing_if_not() {
    let (mut stage, clients) = stage();
    (0..CLIENTS as u32).for_each(|slot| resume(&mut stage, slot));
    assert!(stage.sim.shard.local.replays.waiting_count() > CLIENTS / 2);
    let last = CLIENTS - 1;
    stage.sim.world.borrow_mut().reset(clients[last].socket);
    assert!(stage.sim.shard.local.unsubscribe(last as u32 - 1, "k.a"));
    let live = vec![200; 10];
    stage.sim.shard.local.publish("k.a", (MessageKind::Binary, &live), None).expect("there is room");
    stage.turns_for(Duration::from_millis(10));
    let newcomer = stage.open(Conduct::Echo);
    for client in &clients[..last - 1] {
        let frames = stage.frames_to_the_end(client);
        assert_eq!(frames.len(), MESSAGES + 1);
        assert_eq!(frames.last(), Some(&Frame::Message(live.clone())));
    }
    assert_eq!(stage.frames(&newcomer), []);
    assert_eq!(stage.sim.shard.local.replays.waiting_count(), 0);
    stage.end();
}
