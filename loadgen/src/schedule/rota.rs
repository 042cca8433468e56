//! Who asks when, of many that each ask once per interval: their turns are spread evenly over it.

/// The turns of some of those who share an interval, in the order of time.
#[derive(Debug, Clone)]
pub struct Rota {
    /// In nanoseconds.
    interval: u64,
    /// When in the interval each one's turn is, ascending.
    phases: Vec<u64>,
    round: u64,
    next: usize,
}

impl Rota {
    /// The turns of those with these `numbers`, ascending, of `count` who share `interval` nanoseconds.
    ///
    /// # Panics
    /// When a number is not below `count`.
    pub fn new(interval: u64, numbers: impl IntoIterator<Item = u32>, count: u32) -> Self {
        let phase = |number: u32| {
            assert!(number < count, "{number} of {count}");
            (u128::from(interval) * u128::from(number) / u128::from(count)) as u64
        };
        Self { interval, phases: numbers.into_iter().map(phase).collect(), round: 0, next: 0 }
    }

    /// The next turn if it is due at `now`: whose it is, as an index into the numbers, and when it was planned. To be asked again
    /// until there is none.
    pub fn due(&mut self, now: u64) -> Option<(usize, u64)> {
        let planned = self.next_at().filter(|&planned| planned <= now)?;
        let turn = self.next;
        self.next += 1;
        if self.next == self.phases.len() {
            (self.next, self.round) = (0, self.round + 1);
        }
        Some((turn, planned))
    }

    /// When the next turn is, in nanoseconds since the start; `None` when there is nobody.
    pub fn next_at(&self) -> Option<u64> {
        Some(self.round * self.interval + self.phases.get(self.next)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_evenly_and_come_once_per_interval() {
        let mut rota = Rota::new(1000, 0..4, 4);
        let turns: Vec<_> = std::iter::from_fn(|| rota.due(2400)).collect();
        let wanted = [0, 250, 500, 750, 1000, 1250, 1500, 1750, 2000, 2250];
        assert_eq!(turns.iter().map(|turn| turn.1).collect::<Vec<_>>(), wanted);
        assert!(turns.iter().enumerate().all(|(number, turn)| turn.0 == number % 4));
        assert_eq!(rota.next_at(), Some(2500));
    }

    #[test]
    fn threads_share_the_turns() {
        let all = |mut rota: Rota| std::iter::from_fn(move || rota.due(10_000)).map(|turn| turn.1).collect::<Vec<_>>();
        let mut parts = [all(Rota::new(777, 0..3, 10)), all(Rota::new(777, 3..10, 10))].concat();
        parts.sort_unstable();
        assert_eq!(parts, all(Rota::new(777, 0..10, 10)));
        assert_eq!(Rota::new(1000, 0..0, 10).due(u64::MAX), None, "a thread without any has nothing to do");
    }
}
