//! The open loop: what is due does not wait for answers.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use super::Due;

const SECOND: u128 = 1_000_000_000;
const MICRO: u64 = 1_000_000;
/// A thousand million messages per second.
const RATE_MAX: f64 = 1e9;

/// Messages per second of all senders together, in millionths of a message: from one in 1,000,000 s to 10⁹ per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u64);

/// A rate that was not written as one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rate in messages per second such as 1000, 0.5, 20k or 1.5M")]
pub struct ParseRateError(String);

impl Rate {
    /// `None` unless it is from 0.000001 to 10⁹.
    pub fn per_second(messages: f64) -> Option<Self> {
        let micro = (messages * MICRO as f64).round();
        (micro >= 1.0 && messages <= RATE_MAX).then_some(Self(micro as u64))
    }

    /// Messages per second.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / MICRO as f64
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(typed: &str) -> Result<Self, ParseRateError> {
        let (number, factor) = match typed.as_bytes().last() {
            Some(b'k') => (&typed[..typed.len() - 1], 1e3),
            Some(b'M') => (&typed[..typed.len() - 1], 1e6),
            _ => (typed, 1.0),
        };
        let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let messages = number.parse::<f64>().ok().filter(|_| plain);
        messages.and_then(|messages| Self::per_second(messages * factor)).ok_or_else(|| ParseRateError(typed.into()))
    }
}

/// When each message of a run is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    rate: Rate,
    senders: u32,
    /// Nanoseconds in which the rate grows evenly from nothing.
    ramp: u64,
    /// How many messages there are.
    count: u64,
}

impl Plan {
    /// Messages at `rate` for `length`, of which the first `ramp` grows evenly from nothing to the rate.
    ///
    /// # Panics
    ///
    /// When there are no senders, or the ramp is longer than `length`, or that longer than 584 years.
    pub fn new(rate: Rate, senders: u32, ramp: Duration, length: Duration) -> Self {
        assert!(senders > 0 && ramp <= length, "{senders} senders, a ramp of {ramp:?} in {length:?}");
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).expect("less than 584 years");
        let (ramp, length) = (nanoseconds(ramp), nanoseconds(length));
        let mut plan = Self { rate, senders, ramp, count: 0 };
        // Message k is sent if it is planned before the end.
        let about = (u128::from(length) - u128::from(ramp) / 2) * u128::from(rate.0) / (SECOND * u128::from(MICRO));
        plan.count = (about as u64).saturating_sub(2);
        while plan.planned(plan.count) < length {
            plan.count += 1;
        }
        plan
    }

    /// How many messages there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// When message `number` is planned, in nanoseconds.
    ///
    /// Evenly: `number ÷ rate`. While the rate grows, `n = rate × t² ÷ 2 ramp` messages are planned until `t`.
    #[inline]
    pub fn planned(&self, number: u64) -> u64 {
        // Time that this number of messages takes at the full rate.
        let even = u128::from(number) * (SECOND * u128::from(MICRO)) / u128::from(self.rate.0);
        if self.ramp == 0 {
            return even as u64;
        }
        let ramp = u128::from(self.ramp);
        let planned = if 2 * even < ramp { (2 * ramp * even).isqrt() } else { even + ramp - ramp / 2 };
        planned as u64
    }

    /// What the senders of one thread are to send.
    ///
    /// # Panics
    ///
    /// When a sender is not one of the plan's.
    pub fn part(self, senders: Range<u32>) -> Open {
        assert!(senders.start <= senders.end && senders.end <= self.senders, "{senders:?} of {}", self.senders);
        let mut open = Open { plan: self, sender: senders.start, senders, round: 0, next: None };
        open.look_ahead();
        open
    }
}

/// What is due of some senders, in the order of time.
#[derive(Debug, Clone)]
pub struct Open {
    plan: Plan,
    senders: Range<u32>,
    /// The message after `next`: that of this sender in this round.
    sender: u32,
    round: u64,
    next: Option<Due>,
}

impl Open {
    /// The next message if it is due at `now`. To be asked again until there is none.
    #[inline]
    pub fn due(&mut self, now: u64) -> Option<Due> {
        let due = self.next.filter(|due| due.planned <= now)?;
        self.look_ahead();
        Some(due)
    }

    /// When the next message is due, in nanoseconds; `None` after the last.
    #[inline]
    pub fn next_at(&self) -> Option<u64> {
        self.next.map(|due| due.planned)
    }

    #[inline]
    fn look_ahead(&mut self) {
        let number = self.round * u64::from(self.plan.senders) + u64::from(self.sender);
        if self.senders.is_empty() || number >= self.plan.count {
            self.next = None;
            return;
        }
        self.next = Some(Due { sender: self.sender, sequence: self.round, planned: self.plan.planned(number) });
        self.sender += 1;
        if self.sender == self.senders.end {
            (self.sender, self.round) = (self.senders.start, self.round + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: Duration = Duration::ZERO;

    fn rate(typed: &str) -> Rate {
        typed.parse().unwrap()
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn all(mut open: Open) -> Vec<Due> {
        std::iter::from_fn(|| open.due(u64::MAX)).collect()
    }

    #[test]
    fn rates_are_read() {
        for (typed, messages) in [("1000", 1e3), ("0.5", 0.5), ("20k", 2e4), ("1.5M", 1.5e6), ("1000M", 1e9)] {
            assert_eq!(rate(typed).as_f64(), messages, "{typed}");
        }
        for typed in ["", "0", "-1", "k", "1e3", "inf", "NaN", "0.0000001", "1001M", "5 k", "5K"] {
            assert!(typed.parse::<Rate>().is_err(), "{typed}");
        }
    }

    #[test]
    fn senders_take_turns_evenly_apart() {
        let due = all(Plan::new(rate("1000"), 4, ZERO, seconds(1)).part(0..4));
        assert_eq!(due.len(), 1000);
        for (number, due) in due.iter().enumerate() {
            let number = number as u64;
            assert_eq!(*due, Due { sender: (number % 4) as u32, sequence: number / 4, planned: number * 1_000_000 });
        }
    }

    #[test]
    fn a_day_does_not_drift() {
        let plan = Plan::new(rate("3"), 1, ZERO, seconds(86_400));
        assert_eq!(plan.count(), 3 * 86_400);
        assert_eq!(plan.planned(3 * 86_399), 86_399 * 1_000_000_000);
        assert_eq!(plan.planned(1), 333_333_333);
        let fast = Plan::new(rate("1000M"), 7, ZERO, seconds(3600));
        assert_eq!((fast.count(), fast.planned(fast.count() - 1)), (3_600_000_000_000, 3_599_999_999_999));
    }

    #[test]
    fn threads_share_the_plan_without_gap_or_overlap() {
        let plan = Plan::new(rate("777.7"), 10, seconds(2), seconds(9));
        let mut parts: Vec<Due> = [0..3, 3..3, 3..4, 4..10].into_iter().flat_map(|part| all(plan.part(part))).collect();
        parts.sort_by_key(|due| (due.sequence, due.sender));
        let whole = all(plan.part(0..10));
        assert_eq!(parts, whole);
        assert_eq!(whole.len() as u64, plan.count());
    }

    #[test]
    fn only_what_is_due_comes() {
        let mut open = Plan::new(rate("10"), 2, ZERO, seconds(1)).part(0..2);
        assert_eq!((open.next_at(), open.due(0).map(|due| due.sender)), (Some(0), Some(0)));
        assert_eq!((open.due(99_999_999), open.next_at()), (None, Some(100_000_000)));
        let late: Vec<_> = std::iter::from_fn(|| open.due(300_000_000)).map(|due| due.planned).collect();
        assert_eq!(late, [100_000_000, 200_000_000, 300_000_000], "none is left out after a pause");
    }

    #[test]
    fn nothing_is_planned_at_the_end_or_after_it() {
        let plan = Plan::new(rate("10"), 1, ZERO, seconds(1));
        assert_eq!(plan.count(), 10, "the eleventh would be at 1 s");
        assert_eq!(Plan::new(rate("0.001"), 1, ZERO, seconds(1)).count(), 1);
    }

    #[test]
    fn a_ramp_grows_evenly_and_goes_over_into_the_rate() {
        let (ramp, second) = (4, 1_000_000_000);
        let plan = Plan::new(rate("1000"), 3, seconds(ramp), seconds(6));
        assert_eq!(plan.count(), 2_000 + 2_000, "half the rate in the ramp");
        let due = all(plan.part(0..3));
        assert!(due.is_sorted_by(|a, b| a.planned <= b.planned));
        let between = |from, to| due.iter().filter(|due| (from..to).contains(&due.planned)).count() as i64;
        for (second_of_ramp, wanted) in [125, 375, 625, 875].into_iter().enumerate() {
            let from = second_of_ramp as u64 * second;
            assert!((between(from, from + second) - wanted).abs() <= 1, "second {second_of_ramp}");
        }
        assert_eq!(plan.planned(2_000), 4 * second);
        assert_eq!(plan.planned(3_000), 5 * second);
    }
}
