//! The delivery latency: every delivery counted once, with the way that its publication had behind it.

use std::sync::Arc;
use std::time::Duration;

use super::stage::{SIZES, Stage, config};
use crate::ring::Ring;
use crate::ring::sim::world::Sizes;
use crate::shard::sim::Conduct;
use crate::topic::history::MessageKind;
use crate::topic::outbox::Batch;
use crate::topic::parcel::Parcel;

const FOLLOWER: Conduct = Conduct::Broadcast { to_self: true };

fn publish(stage: &mut Stage, topic: &str) {
    stage.sim.shard.local.publish(topic, (MessageKind::Text, b"x"), None).expect("a name");
}

#[test]
fn deliveries_are_counted_and_nothing_else_is() {
    let mut stage = Stage::new(config(), SIZES);
    let clients: Vec<_> = (0..3).map(|_| stage.open(FOLLOWER)).collect();
    let echo = stage.open(Conduct::Echo);
    stage.send(&echo, b"no topic");
    publish(&mut stage, "nobody");
    stage.turns(3);
    assert_eq!(stage.sim.shard.stats().latency.count(), 0);
    // Two in one batch, which is one delivery to each.
    publish(&mut stage, "all");
    publish(&mut stage, "all");
    stage.turns(2);
    let latency = stage.sim.shard.stats().latency;
    assert_eq!((latency.count(), stage.sim.shard.stats().counters.deliveries), (3, 3));
    clients.iter().for_each(|client| assert_eq!(stage.frames(client).len(), 2));
    stage.end();
}

#[test]
fn a_publication_brings_its_age_from_another_shard() {
    let mut stage = Stage::new(config(), SIZES);
    let _clients: Vec<_> = (0..3).map(|_| stage.open(FOLLOWER)).collect();
    stage.turns(1);
    let mut batch = Batch::default();
    batch.append("all", &[0x81, 1], b"x");
    let ms = |ms| Duration::from_millis(ms);
    let at = stage.sim.shard.ring.now().checked_sub(ms(7)).expect("a clock goes back so far");
    stage.sim.shard.local.take_parcel(Parcel::Batch(Arc::new(batch), at));
    stage.sim.shard.local.topics.age_us = 0;
    publish(&mut stage, "all");
    stage.turns(1);
    let sum = stage.sim.shard.stats().latency.sum_us();
    assert!((3 * 7_000..3 * 8_000).contains(&sum), "the oldest of the batch counts: {sum}");
    publish(&mut stage, "all");
    stage.turns(1);
    let next = stage.sim.shard.stats().latency.sum_us() - sum;
    assert!(next < 3 * 1_000, "its age is over with its batch: {next}");
    stage.end();
}

#[test]
fn who_cannot_take_it_now_is_no_delivery_of_this_turn() {
    let mut stage = Stage::new(config(), Sizes { socket_bytes: (1 << 20, 300), ..SIZES });
    let slow = stage.open(FOLLOWER);
    for _ in 0..150 {
        publish(&mut stage, "all");
        stage.turns(2);
    }
    let stats = stage.sim.shard.stats();
    assert!(stats.counters.deliveries == 150 && stats.latency.count() < 120, "{stats:?}");
    stage.frames_to_the_end(&slow);
    stage.end();
}
