//! How much one turn takes in.

use super::stage::{SIZES, Stage, config};
use crate::ring::sim::world::Sizes;
use crate::shard::sim::Conduct;

/// Few enough that none is received by itself.
const MESSAGE_BYTES: usize = 500;

/// The most that one turn takes in when so many clients send `count` messages each, and gets back in the end.
fn most_of_a_turn(clients: usize, count: usize) -> u64 {
    let mut stage = Stage::new(config(), Sizes { buffers: 32, buffer_bytes: 32 * 1024, ..SIZES });
    let clients: Vec<_> = (0..clients).map(|_| stage.open(Conduct::Echo)).collect();
    for client in &clients {
        (0..count).for_each(|_| stage.send(client, &[7; MESSAGE_BYTES]));
    }
    let mut most = 0;
    for _ in 0..20 {
        let before = stage.sim.shard.local.counters.bytes_in;
        stage.turns(1);
        most = most.max(stage.sim.shard.local.counters.bytes_in - before);
    }
    for client in &clients {
        assert_eq!(stage.frames(client).len(), count);
    }
    stage.end();
    most
}

#[test]
fn a_turn_of_full_buffers_ends_before_all_is_taken_in() {
    let most = most_of_a_turn(2, 500);
    assert!((128 * 1024..=160 * 1024).contains(&most), "{most}");
}

#[test]
fn a_turn_of_one_peer_or_of_small_recvs_takes_in_all_there_is() {
    let frame = MESSAGE_BYTES as u64 + 8;
    assert_eq!(most_of_a_turn(1, 500), 500 * frame);
    assert_eq!(most_of_a_turn(12, 30), 360 * frame);
}
