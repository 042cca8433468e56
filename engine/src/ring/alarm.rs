//! One kernel timer that stands while waits come and go.
//!
//! A wait that has its own time limit sets a timer of the kernel and takes it away again, each time, which is a fortieth of a lone
//! message's CPU time. Most waits of a shard end at the same moment, far away, and long before that by a message. So for a
//! long wait a timeout op is left in the ring, which ends this wait and those after it.
//!
//! It ends a little early: whoever waits says how long, of a clock that goes in steps, and must not be woken late. The
//! wait that is left then is short, and has its own limit.

use std::time::{Duration, Instant};

/// Shorter waits have their own limit.
const LONG: Duration = Duration::from_millis(100);

/// More than a step of a shard's clock.
pub(crate) const EARLY: Duration = Duration::from_millis(20);

/// When the timeout op that stands will complete.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    at: Option<Instant>,
}

/// What ends a wait, if nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The op that stands.
    Standing,
    /// An op that has to be pushed now, of this length.
    New(Duration),
    /// The wait's own limit.
    Own,
}

impl Alarm {
    /// What ends a wait that begins now.
    pub(super) fn end(&mut self, now: Instant, timeout: Duration) -> End {
        if timeout < LONG {
            return End::Own;
        }
        match self.at.filter(|at| *at > now) {
            Some(at) if at <= now + timeout => End::Standing,
            // It would come too late, and another beside it is not worth its while: it is over before long.
            Some(_) => End::Own,
            None => {
                let length = timeout - EARLY;
                self.at = Some(now + length);
                End::New(length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_op_ends_many_waits() {
        let (begin, mut alarm) = (Instant::now(), Alarm::default());
        assert_eq!(alarm.end(begin, 30 * SECOND), End::New(30 * SECOND - EARLY));
        for step in 1..29 {
            // Of a clock that goes in steps of ten milliseconds.
            let jitter = Duration::from_millis(step % 10);
            assert_eq!(alarm.end(begin + step as u32 * SECOND, (30 - step as u32) * SECOND - jitter), End::Standing);
        }
        assert_eq!(alarm.end(begin + 30 * SECOND, 30 * SECOND), End::New(30 * SECOND - EARLY), "it is over");
    }

    #[test]
    fn a_wait_that_ends_before_the_op_has_its_own_limit() {
        let (begin, mut alarm) = (Instant::now(), Alarm::default());
        assert_eq!(alarm.end(begin, 30 * SECOND), End::New(30 * SECOND - EARLY));
        assert_eq!(alarm.end(begin, 10 * SECOND), End::Own);
        assert_eq!(alarm.end(begin, LONG - Duration::from_nanos(1)), End::Own);
        assert_eq!(alarm.end(begin, 40 * SECOND), End::Standing);
    }
}
