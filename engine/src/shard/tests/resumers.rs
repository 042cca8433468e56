//! Many who come back at once: no turn is longer for it than it may be, and all are served, in order.

use std::time::Duration;

use super::stage::{Client, Frame, SIZES, Stage, config, frames};
use crate::config::{Config, TopicConfig};
use crate::conn::Channel;
use crate::handler::Start;
use crate::ring::sim::world::Sizes;
use crate::shard::sim::Conduct;
use crate::topic::history::{MessageKind, Offset, Position};

const CLIENTS: usize = 60;
const MESSAGES: usize = 100;
const BYTES: usize = 1000;

/// Published while somebody catches up.
const LIVE: u64 = 20;

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

/// A client of `ringwire.v1` whose replays go in pages: `COUNT` messages of `k.a` are there, and more come meanwhile.
struct Slow {
    stage: Stage,
    client: Client,
    published: u64,
}

impl Slow {
    const COUNT: u64 = 100;

    fn new() -> Self {
        let kept = TopicConfig { pattern: "k.>".to_owned(), history_count: 1000, ..TopicConfig::default() };
        let queue = Config { send_queue_bytes_high: 1000, send_queue_bytes_low: 100, ..config() };
        let sizes = Sizes { socket_bytes: (1 << 20, 2000), ..SIZES };
        let mut stage = Stage::new(Config { topics: vec![kept], ..queue }, sizes);
        let client = stage.open(Conduct::Echo);
        stage.sim.shard.local.conns[0].channel = Channel::Json;
        let mut slow = Self { stage, client, published: 0 };
        (0..Self::COUNT).for_each(|_| slow.publish());
        slow
    }

    fn publish(&mut self) {
        let outcome = self.stage.sim.shard.local.publish("k.a", (MessageKind::Text, &[b'x'; 100]), None);
        outcome.expect("there is room");
        self.published += 1;
        self.stage.turns(2);
    }

    fn subscribe(&mut self, text: &str, last: u64) {
        let local = &mut self.stage.sim.shard.local;
        let epoch = local.histories.start().epoch;
        let after = [("k.a", Position { epoch, offset: Offset(last) })];
        local.subscribe_from(0, text, &Start { after: &after, since_ms: None }).expect("a name");
    }

    /// The offsets that came for each of the subscriptions, while more was published.
    fn hear(mut self, patterns: &[Option<&str>]) -> Vec<Vec<u64>> {
        let mut bytes = Vec::new();
        for _ in 0..LIVE {
            self.publish();
            bytes.extend(self.stage.read(&self.client));
        }
        for _ in 0..200 {
            self.stage.turns(1);
            bytes.extend(self.stage.read(&self.client));
        }
        let mut heard = vec![Vec::new(); patterns.len()];
        for event in frames(bytes) {
            let Frame::Message(json) = event else { panic!("{event:?}") };
            let event: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            let at = patterns.iter().position(|pattern| *pattern == event["pattern"].as_str()).expect("a known one");
            let (_, offset) = event["position"].as_str().expect("a position").rsplit_once('-').expect("an offset");
            heard[at].push(offset.parse().expect("a number"));
        }
        self.stage.end();
        heard
    }
}

/// Live messages for the name come before the end of the pattern's replay, and each says which of both it is for.
#[test]
fn subscriptions_that_overlap_each_hear_all_in_order() {
    let mut slow = Slow::new();
    slow.subscribe("k.a", 90);
    slow.subscribe("k.*", 10);
    let heard = slow.hear(&[None, Some("k.*")]);
    let all = Slow::COUNT + LIVE;
    assert_eq!(heard, [(91..=all).collect::<Vec<_>>(), (11..=all).collect()]);
}

#[test]
fn a_subscribe_that_is_repeated_does_not_cut_the_first_replay_short() {
    for (first, second) in [(10, 95), (60, 10)] {
        let mut slow = Slow::new();
        slow.subscribe("k.*", first);
        slow.stage.turns(2);
        slow.subscribe("k.*", second);
        let [heard] = &slow.hear(&[Some("k.*")])[..] else { panic!("one subscription") };
        let mut next = first.min(second) + 1;
        if second < first {
            let again = heard.iter().position(|&offset| offset == next).expect("it is replayed again");
            assert!(heard[..again].is_sorted() && heard[0] == first + 1, "{heard:?}");
        }
        heard.iter().for_each(|&offset| next += u64::from(offset == next));
        assert_eq!(next, Slow::COUNT + LIVE + 1, "{heard:?}");
    }
}
