//! Rests between the fan-outs of a steady load.

use std::time::Duration;

use super::stage::{SIZES, Stage, config};
use crate::config::Config;
use crate::ring::Ring;
use crate::shard::sim::Conduct;
use crate::topic::history::MessageKind;

const MS: Duration = Duration::from_millis(1);

/// How long the turn of a publication takes, after two fan-outs of 4 ms each whose ends were `interval` apart.
fn turn_after_fan_outs(publish_window_max: Duration, interval: Duration) -> Duration {
    let mut stage = Stage::new(Config { publish_window_max, ..config() }, SIZES);
    let clients: Vec<_> = (0..8).map(|_| stage.open(Conduct::Broadcast { to_self: true })).collect();
    stage.turns(1);
    let shard = &mut stage.sim.shard;
    let (now, publications) = (shard.ring.now(), shard.local.counters.publications);
    for end in [now.checked_sub(interval).expect("a clock goes back so far"), now] {
        shard.window.note_fan_out(4 * MS, end, publications);
    }
    shard.local.publish("all", (MessageKind::Text, b"x"), None).expect("a name");
    stage.turns(1);
    let took = stage.sim.shard.ring.now().saturating_duration_since(now);
    clients.iter().for_each(|client| assert_eq!(stage.frames(client).len(), 1));
    stage.end();
    took
}

#[test]
fn a_publication_waits_where_fan_outs_take_more_than_four_fifths_of_the_time() {
    let took = turn_after_fan_outs(2 * MS, 4 * MS);
    assert!((MS..2 * MS).contains(&took), "a quarter of a fan-out: {took:?}");
    let took = turn_after_fan_outs(MS / 2, 2 * MS);
    assert!((MS / 2..MS).contains(&took), "no longer than the limit: {took:?}");
}

#[test]
fn a_publication_does_not_wait_where_there_is_time() {
    for (max, interval) in [(2 * MS, 5 * MS), (Duration::ZERO, 4 * MS)] {
        let took = turn_after_fan_outs(max, interval);
        assert!(took < MS / 2, "{max:?}, {interval:?}: {took:?}");
    }
}
