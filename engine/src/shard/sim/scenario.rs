//! What a run is like: its configuration, its faults, its peers.

use std::time::Duration;

use super::follower::Errand;
use super::plan::Plan;
use crate::config::{Config, Overflow, TopicConfig, TopicOverflow, ValidConfig};
use crate::handler::replays::ROOM_BYTES;
use crate::ring::sim::dice::Dice;
use crate::ring::sim::faults::Faults;
use crate::ring::sim::world::Sizes;

/// A run before it begins.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) config: ValidConfig,
    pub(crate) sizes: Sizes,
    pub(crate) faults: Faults,
    pub(crate) plans: Vec<Plan>,
    /// Those who follow topics over HTTP.
    pub(crate) errands: Vec<Errand>,
    /// Bytes that a turn replays.
    pub(crate) replay_room: usize,
    /// When a shutdown is asked for, and with which grace.
    pub(crate) shutdown: Option<(Duration, Duration)>,
}

impl Scenario {
    pub(crate) fn roll(dice: &mut Dice) -> Self {
        // Large enough a crowd for publication windows.
        let crowd = dice.chance(20);
        let config = roll_config(dice, crowd);
        let mut sizes = super::sizes(dice, &config);
        if crowd {
            // Otherwise everybody waits for one small buffer, most of the time.
            (sizes.buffers, sizes.buffer_bytes) = (32, 700);
        }
        let faults = if dice.chance(200) { Faults::NONE } else { Faults::roll(dice) };
        let count = if crowd { dice.between(28, 32) } else { dice.between(1, 6) };
        let mut plans: Vec<Plan> = (0..count).map(|index| Plan::roll(dice, index)).collect();
        if crowd {
            plans.iter_mut().for_each(|plan| plan.join_the_crowd(dice));
        }
        let followers = if dice.chance(200) { dice.between(1, 4) } else { 0 };
        let errands = (0..followers).map(|_| Errand::roll(dice)).collect();
        if followers > 0 {
            plans.iter_mut().for_each(|plan| plan.tell_followers(dice));
        }
        let replay_room = dice.pick(&[1, 1000, ROOM_BYTES]);
        let shutdown = dice.chance(250).then(|| {
            let at = Duration::from_micros(dice.between(0, 20_000) as u64);
            (at, Duration::from_millis(dice.pick(&[0, 1, 30, 2000])))
        });
        Self { config, sizes, faults, plans, errands, replay_room, shutdown }
    }
}

fn roll_config(dice: &mut Dice, crowd: bool) -> ValidConfig {
    let defaults = Config::default();
    let queue = dice.pick(&[1024, 4096, 100_000]);
    let high = dice.between(queue / 8, queue);
    let hasty = dice.chance(250);
    let millis = |dice: &mut Dice, low, high| Duration::from_millis(dice.between(low, high) as u64);
    let ping = millis(dice, 10, 40);
    let overflow = dice.pick(&[Overflow::Disconnect, Overflow::DropNewest]);
    Config {
        topics: roll_rules(dice, overflow),
        overflow,
        connections_max: if crowd { 32 } else { dice.pick(&[2, 8, 8]) },
        send_queue_bytes_max: queue,
        send_queue_bytes_high: high,
        send_queue_bytes_low: dice.below(high),
        turn_completions_max: dice.pick(&[1, 3, 512]) as u32,
        accepts_in_flight: dice.pick(&[1, 2, 8]),
        publish_window_max: dice.pick(&[Duration::ZERO, defaults.publish_window_max]),
        handshake_timeout: if hasty { millis(dice, 10, 50) } else { defaults.handshake_timeout },
        idle_timeout: if hasty { Some(ping + millis(dice, 1, 60)) } else { defaults.idle_timeout },
        ping_interval: if hasty { Some(ping) } else { defaults.ping_interval },
        pong_timeout: if hasty { millis(dice, 10, 40) } else { defaults.pong_timeout },
        close_timeout: if hasty { millis(dice, 10, 60) } else { Duration::from_secs(30) },
        ..defaults
    }
    .validated()
    .expect("all values are allowed")
}

/// Sometimes all topics have a history, which holds more than any run publishes.
fn roll_rules(dice: &mut Dice, overflow: Overflow) -> Vec<TopicConfig> {
    let lossy = [None, Some(TopicOverflow::DropOldest), Some(TopicOverflow::Conflate)];
    let overflow = if overflow == Overflow::DropNewest { dice.pick(&lossy) } else { None };
    let kept = TopicConfig { pattern: ">".to_owned(), history_count: 10_000, overflow, ..TopicConfig::default() };
    if dice.chance(400) { vec![kept] } else { Vec::new() }
}

impl Scenario {
    /// Whether topics have histories.
    pub(crate) fn keeps_history(&self) -> bool {
        !self.config.topics.is_empty()
    }

    /// Whether time-outs are so short that they end connections of peers who mean well.
    pub(crate) fn is_hasty(&self) -> bool {
        self.config.handshake_timeout < Duration::from_secs(1)
    }
}
