//! One sender's messages as one receiver gets them.

use std::ops::Range;

use super::Checks;

/// Ranges of numbers that one stream remembers as not come: 16 KiB.
pub const GAPS_MAX: usize = 1024;

/// What a message was, when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next, or one after it.
    New,
    /// One that was passed over before: its latency counts too.
    Late,
    /// Had come before.
    Duplicate,
    /// Is not as it was sent.
    Corrupt,
    /// Late or a repetition, not known any more which.
    Unsure,
}

impl Arrival {
    /// Whether this is the first time that the message came, and it came whole.
    pub fn is_first(self) -> bool {
        matches!(self, Self::New | Self::Late)
    }
}

/// Which numbers have come.
///
/// Each number is in one of three places: below `next` and in `gaps`, it has not come; below
/// `next` and not in `gaps`, it has; from `next` on, it has not. Below `known_from` the gaps are forgotten.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    next: u64,
    known_from: u64,
    /// Numbers in gaps that were forgotten, which are owed unless they come.
    forgotten: u64,
    /// Passed over and not come, in ascending order, neither empty nor touching. Boxed, since nearly no stream has any.
    #[expect(clippy::box_collection, reason = "8 bytes instead of 24, of very many streams")]
    gaps: Option<Box<Vec<Range<u64>>>>,
}

impl Stream {
    /// Notes that a number came, and counts what is wrong with that.
    #[inline]
    pub fn note(&mut self, sequence: u64, checks: &mut Checks) -> Arrival {
        if sequence == self.next {
            self.next += 1;
            return Arrival::New;
        }
        let arrival = self.settle(sequence);
        match arrival {
            Arrival::Late => checks.out_of_order += 1,
            Arrival::Duplicate => checks.duplicate += 1,
            Arrival::Unsure => checks.unsure += 1,
            Arrival::New | Arrival::Corrupt => {}
        }
        arrival
    }

    /// Notes that a number is not owed any more, and counts nothing.
    pub fn settle(&mut self, sequence: u64) -> Arrival {
        if sequence >= self.next {
            if sequence > self.next {
                self.pass_over(self.next..sequence);
            }
            self.next = sequence + 1;
            Arrival::New
        } else if sequence < self.known_from {
            self.forgotten = self.forgotten.saturating_sub(1);
            Arrival::Unsure
        } else if self.fill_gap(sequence) {
            Arrival::Late
        } else {
            Arrival::Duplicate
        }
    }

    /// How many of the first `sent` messages have not come.
    pub fn owed(&self, sent: u64) -> u64 {
        let gaps = self.gaps.iter().flat_map(|gaps| gaps.iter());
        let passed_over: u64 = gaps.map(|gap| gap.end.min(sent).saturating_sub(gap.start)).sum();
        self.forgotten + passed_over + sent.saturating_sub(self.next)
    }

    #[cold]
    fn pass_over(&mut self, gap: Range<u64>) {
        self.gaps.get_or_insert_default().push(gap);
        self.bound();
    }

    /// Forgets the oldest gap when there are too many.
    fn bound(&mut self) {
        let Some(gaps) = self.gaps.as_mut().filter(|gaps| gaps.len() > GAPS_MAX) else { return };
        let oldest = gaps.remove(0);
        self.forgotten += oldest.end - oldest.start;
        self.known_from = oldest.end;
    }

    /// Takes a number out of the gap that it is in; `false` when it is in none.
    fn fill_gap(&mut self, sequence: u64) -> bool {
        let Some(gaps) = &mut self.gaps else { return false };
        let at = gaps.partition_point(|gap| gap.end <= sequence);
        let Some(gap) = gaps.get_mut(at).filter(|gap| gap.start <= sequence) else { return false };
        let after = sequence + 1..gap.end;
        gap.end = sequence;
        match (gap.is_empty(), after.is_empty()) {
            (true, true) => drop(gaps.remove(at)),
            (true, false) => *gap = after,
            (false, true) => {}
            (false, false) => {
                gaps.insert(at + 1, after);
                self.bound();
            }
        }
        true
    }
}
