//! How often what goes wrong. Rates are times in a thousand.

use super::dice::Dice;

/// Everything that a kernel may do to a shard and seldom does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// A send takes less than there is room for.
    pub(crate) short_send: u32,
    /// An impatient send finds the socket full although the peer reads.
    pub(crate) refused_send: u32,
    /// A recv takes less than there is.
    pub(crate) short_recv: u32,
    /// A multishot recv ends for no reason.
    pub(crate) ended_recv: u32,
    /// A cancel misses a recv that is between two attempts of the kernel: it finds nothing, and the recv goes on.
    pub(crate) missed_cancel: u32,
    /// The connection breaks.
    pub(crate) reset: u32,
    /// An accept fails.
    pub(crate) accept: u32,
    /// A submit is refused, whole or in part, or a wait is interrupted.
    pub(crate) submit: u32,
    /// A reap sees only a part of the completion queue.
    pub(crate) partial_reap: u32,
    /// A recv completion comes for a connection that is gone.
    pub(crate) stale: u32,
}

impl Faults {
    /// A kernel on its best day.
    pub(crate) const NONE: Self = Self {
        short_send: 0,
        refused_send: 0,
        short_recv: 0,
        ended_recv: 0,
        missed_cancel: 0,
        reset: 0,
        accept: 0,
        submit: 0,
        partial_reap: 0,
        stale: 0,
    };

    /// Some faults often, some seldom, some never.
    pub(crate) fn roll(dice: &mut Dice) -> Self {
        let mut rate = |highest| dice.pick(&[0, highest / 8, highest]);
        Self {
            short_send: rate(400),
            refused_send: rate(300),
            short_recv: rate(400),
            ended_recv: rate(300),
            missed_cancel: rate(300),
            reset: rate(4),
            accept: rate(200),
            submit: rate(150),
            partial_reap: rate(300),
            stale: rate(20),
        }
    }
}
