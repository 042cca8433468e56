//! The configured limits in the units that a shard counts in.

use crate::config::{Overflow, ValidConfig};
use crate::topic::name::NameLimits;

/// What a shard enforces per connection, beyond the decoder's rules.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) head_bytes_max: usize,
    pub(crate) send_queue_bytes_high: usize,
    pub(crate) send_queue_bytes_low: usize,
    pub(crate) send_queue_bytes_max: usize,
    pub(crate) overflow: Overflow,
    pub(crate) names: NameLimits,
    pub(crate) topics_max: u32,
    pub(crate) subscriptions_max: usize,
    pub(crate) shard_queue_bytes_max: usize,
}

impl Limits {
    pub(crate) fn new(config: &ValidConfig) -> Self {
        Self {
            head_bytes_max: config.head_bytes_max,
            send_queue_bytes_high: config.send_queue_bytes_high,
            send_queue_bytes_low: config.send_queue_bytes_low,
            send_queue_bytes_max: config.send_queue_bytes_max,
            overflow: config.overflow,
            names: NameLimits::new(config),
            topics_max: config.topics_max,
            subscriptions_max: config.subscriptions_per_connection_max as usize,
            shard_queue_bytes_max: config.shard_queue_bytes_max,
        }
    }
}
