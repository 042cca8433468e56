//! Recv buffers that are kept back: given back by the shard, and not on offer to the kernel.

/// Kept back are as many as were asked for, as soon as they come.
#[derive(Debug)]
pub(crate) struct Spares {
    /// All buffers that there are.
    count: u16,
    bids: Vec<u16>,
    /// How many more to keep.
    missing: u16,
}

impl Spares {
    /// Of `count` buffers, all on offer.
    pub(crate) fn new(count: u16) -> Self {
        Self { count, bids: Vec::with_capacity(usize::from(count)), missing: 0 }
    }

    /// Whether `bid`, just given back, is kept.
    #[inline(always)]
    pub(crate) fn keeps(&mut self, bid: u16) -> bool {
        self.missing > 0 && self.keep(bid)
    }

    #[cold]
    fn keep(&mut self, bid: u16) -> bool {
        self.missing -= 1;
        self.bids.push(bid);
        true
    }

    /// From now on all of them, halved so often, are to be on offer; returns those to offer at once.
    pub(crate) fn halve_offer(&mut self, halvings: u32) -> Vec<u16> {
        let offered = (self.count >> halvings).max(1);
        let kept = usize::from(self.count - offered);
        self.missing = kept.saturating_sub(self.bids.len()) as u16;
        self.bids.split_off(self.bids.len().min(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_kept_as_were_asked_for() {
        let mut spares = Spares::new(8);
        assert!(!spares.keeps(0), "at first all are on offer");
        assert!(spares.halve_offer(1).is_empty());
        assert_eq!([3, 4].map(|bid| spares.keeps(bid)), [true, true]);
        assert!(spares.halve_offer(2).is_empty());
        assert_eq!(spares.halve_offer(0), [3, 4]);
        assert!(!spares.keeps(5), "the others were not missed any more");
        assert!(spares.halve_offer(2).is_empty());
        assert_eq!([0, 1, 2, 5, 6, 7, 3].map(|bid| spares.keeps(bid)), [[true; 6].as_slice(), &[false]].concat()[..]);
        assert_eq!(spares.halve_offer(1), [6, 7]);
    }

    #[test]
    fn some_are_always_on_offer() {
        let mut spares = Spares::new(2);
        assert!(spares.halve_offer(9).is_empty());
        assert_eq!([0, 1].map(|bid| spares.keeps(bid)), [true, false]);
    }
}
