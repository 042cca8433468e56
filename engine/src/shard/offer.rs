//! How many recv buffers the kernel is offered: all where recvs bring little, few where they bring much.
//!
//! The kernel fills the buffers one after the other, so whatever is on offer is touched again and again. With small messages
//! that is a line or two of each; with large ones it is more than the cache holds, unless fewer go round. Too few end recvs
//! with `ENOBUFS`, and arming them again costs more than the cache saves (ADR 5): then there are more for a while.

use super::Shard;
use crate::config::ValidConfig;
use crate::handler::Handler;
use crate::metrics::Counters;
use crate::ring::Ring;

/// Turns between two looks.
const PERIOD_TURNS: u64 = 64;

/// What recvs leave in the buffers that go round is to be no more than this part of all their memory.
const CACHE_SHARE: u64 = 8;

/// Down to a quarter of the buffers.
const HALVINGS_MAX: u32 = 2;

/// One recv in so many may find no buffer.
const EXHAUSTED_ONE_IN: u64 = 64;

/// Looks without that before fewer are tried again.
const CALM_PERIODS: u32 = 256;

/// How often the number of buffers is halved.
#[derive(Debug)]
pub(super) struct Offer {
    count: u64,
    /// What may lie in the buffers that go round.
    cache_bytes: u64,
    halvings: u32,
    /// What exhaustion has taught.
    halvings_max: u32,
    calm_periods: u32,
    /// As they were at the last look.
    seen: Counters,
}

impl Offer {
    pub(super) fn new(config: &ValidConfig) -> Self {
        Self::of(u64::from(config.recv_buffer_count), config.recv_buffer_bytes as u64)
    }

    fn of(count: u64, buffer_bytes: u64) -> Self {
        Self {
            count,
            cache_bytes: count * buffer_bytes / CACHE_SHARE,
            halvings: 0,
            halvings_max: HALVINGS_MAX,
            calm_periods: 0,
            seen: Counters::default(),
        }
    }

    /// Looks at what came since the last time; how often to halve from now on, if that is something else.
    fn look(&mut self, counters: &Counters) -> Option<u32> {
        let completions = counters.completions - self.seen.completions;
        let exhausted = counters.recv_buffers_exhausted - self.seen.recv_buffers_exhausted;
        let recv_bytes = (counters.bytes_in - self.seen.bytes_in) / completions.max(1);
        self.seen = *counters;
        self.learn(exhausted * EXHAUSTED_ONE_IN > completions);
        let wanted = self.wanted(recv_bytes);
        (wanted != std::mem::replace(&mut self.halvings, wanted)).then_some(wanted)
    }

    fn learn(&mut self, is_exhausted: bool) {
        self.calm_periods += 1;
        if is_exhausted {
            (self.halvings_max, self.calm_periods) = (self.halvings.saturating_sub(1), 0);
        } else if self.calm_periods == CALM_PERIODS {
            (self.halvings_max, self.calm_periods) = (HALVINGS_MAX.min(self.halvings_max + 1), 0);
        }
    }

    /// For recvs of so many bytes each.
    fn wanted(&self, recv_bytes: u64) -> u32 {
        let fits = |halvings: &u32| (self.count >> halvings) * recv_bytes <= self.cache_bytes;
        (0..self.halvings_max).find(fits).unwrap_or(self.halvings_max)
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    #[inline]
    pub(super) fn size_offer(&mut self) {
        if self.local.counters.turns.is_multiple_of(PERIOD_TURNS)
            && let Some(halvings) = self.offer.look(&self.local.counters)
        {
            self.ring.halve_offer(halvings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`Offer::look`] says after so many more recvs of so many bytes each, of which so many found no buffer.
    fn look(offer: &mut Offer, recvs: u64, bytes: u64, exhausted: u64) -> Option<u32> {
        let mut counters = offer.seen;
        counters.completions += recvs;
        counters.bytes_in += recvs * bytes;
        counters.recv_buffers_exhausted += exhausted;
        offer.look(&counters)
    }

    #[test]
    fn few_go_round_when_each_brings_much() {
        let mut offer = Offer::of(128, 32 << 10);
        assert_eq!(look(&mut offer, 1000, 26, 0), None, "all are on offer");
        assert_eq!(look(&mut offer, 1000, 4 << 10, 0), None, "128 times 4 KiB are an eighth");
        assert_eq!(look(&mut offer, 1000, 8 << 10, 0), Some(1));
        assert_eq!(look(&mut offer, 1000, 16 << 10, 0), Some(2));
        assert_eq!(look(&mut offer, 1000, 32 << 10, 0), None, "a quarter of them at least");
        assert_eq!(look(&mut offer, 1000, 26, 0), Some(0));
        assert_eq!(look(&mut offer, 0, 0, 0), None, "nothing came");
    }

    #[test]
    fn exhaustion_brings_more_for_a_while() {
        let mut offer = Offer::of(128, 32 << 10);
        assert_eq!(look(&mut offer, 640, 16 << 10, 0), Some(2));
        assert_eq!(look(&mut offer, 640, 16 << 10, 10), None, "one in 64 may");
        assert_eq!(look(&mut offer, 640, 16 << 10, 11), Some(1));
        assert_eq!(look(&mut offer, 640, 16 << 10, 11), Some(0));
        assert_eq!(look(&mut offer, 640, 16 << 10, 640), None, "there are no more");
        let mut changes = (0..2000).filter_map(|_| look(&mut offer, 640, 16 << 10, 0));
        assert_eq!([changes.next(), changes.next(), changes.next()], [Some(1), Some(2), None]);
    }
}
