//! A shard's counters, and what it holds now.

use super::Shard;
use crate::handler::Handler;
use crate::metrics::{Gauges, Stats};
use crate::ring::Ring;

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn stats(&self) -> Stats {
        let mut counters = self.local.counters;
        let ring = self.ring.counters();
        counters.overflows = ring.overflows;
        let gauges = Gauges {
            descriptors: u64::from(self.local.conns.occupied()),
            connections: u64::from(self.local.open_count.taken()),
            topics: self.local.topics.len() as u64,
            histories: self.local.histories.len() as u64,
            history_bytes: self.local.histories.bytes() as u64,
            recv_buffers_lent: u64::from(ring.buffers_lent),
            reassemblies: self.local.pool.lent_count() as u64,
            queued_bytes: self.local.conns.iter().map(|(_, conn)| conn.queued_bytes() as u64).sum(),
        };
        Stats { counters, gauges, latency: self.local.latency }
    }
}
