//! One timer per connection on a hashed wheel: setting and clearing cost a few stores, whatever the number of connections.
//!
//! A timer further away than the wheel reaches waits in the farthest bucket and is put back from there. Nodes are indexed by
//! slot; a bucket is a doubly linked list of them.

use std::time::Duration;

/// Resolution of all timers.
pub(crate) const TICK: Duration = Duration::from_millis(TICK_MS);
pub(crate) const TICK_MS: u64 = 8;

const BUCKETS: u32 = 2048;
const NONE: u32 = u32::MAX;

/// The timers of one shard. Ticks wrap after 397 days; only differences count.
#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Vec<u32>,
    /// One bit per bucket that is not empty.
    occupied: [u64; BUCKETS as usize / 64],
    nodes: Vec<Node>,
    /// Every timer due up to this tick was handed out.
    now: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    next: u32,
    prev: u32,
    due: u32,
    /// `NONE` while the timer is not set.
    bucket: u32,
}

impl Node {
    const UNSET: Self = Self { next: NONE, prev: NONE, due: 0, bucket: NONE };
}

impl Wheel {
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            heads: vec![NONE; BUCKETS as usize],
            occupied: [0; BUCKETS as usize / 64],
            nodes: Vec::with_capacity(capacity as usize),
            now: 0,
        }
    }

    /// Sets the timer of `slot` to go off `ticks` (at least one) from now, whatever it was before.
    pub(crate) fn set(&mut self, slot: u32, ticks: u32) {
        self.clear(slot);
        while self.nodes.len() <= slot as usize {
            self.nodes.push(Node::UNSET);
        }
        self.insert(slot, self.now.wrapping_add(ticks.max(1)));
    }

    /// Unsets the timer of `slot`.
    pub(crate) fn clear(&mut self, slot: u32) {
        let Some(&node) = self.nodes.get(slot as usize).filter(|node| node.bucket != NONE) else { return };
        match node.prev {
            NONE => self.heads[node.bucket as usize] = node.next,
            prev => self.nodes[prev as usize].next = node.next,
        }
        if node.next != NONE {
            self.nodes[node.next as usize].prev = node.prev;
        }
        if self.heads[node.bucket as usize] == NONE {
            self.occupied[node.bucket as usize / 64] &= !(1 << (node.bucket % 64));
        }
        self.nodes[slot as usize] = Node::UNSET;
    }

    /// Whether the timer of `slot` is set.
    pub(crate) fn is_set(&self, slot: u32) -> bool {
        self.nodes.get(slot as usize).is_some_and(|node| node.bucket != NONE)
    }

    fn insert(&mut self, slot: u32, due: u32) {
        let ahead = due.wrapping_sub(self.now).clamp(1, BUCKETS - 1);
        let bucket = self.now.wrapping_add(ahead) % BUCKETS;
        let next = self.heads[bucket as usize];
        if next != NONE {
            self.nodes[next as usize].prev = slot;
        }
        self.nodes[slot as usize] = Node { next, prev: NONE, due, bucket };
        self.heads[bucket as usize] = slot;
        self.occupied[bucket as usize / 64] |= 1 << (bucket % 64);
    }

    /// Moves on to tick `now`, and appends the slots whose timers went off to `due`; they are unset.
    pub(crate) fn advance(&mut self, now: u32, due: &mut Vec<u32>) {
        let steps = now.wrapping_sub(self.now);
        // A shard that was stopped for longer than the wheel reaches looks into every bucket once.
        if steps > BUCKETS {
            self.now = now.wrapping_sub(BUCKETS);
        }
        while self.now != now {
            self.now = self.now.wrapping_add(1);
            self.expire(self.now % BUCKETS, due);
        }
    }

    fn expire(&mut self, bucket: u32, due: &mut Vec<u32>) {
        if self.occupied[bucket as usize / 64] & (1 << (bucket % 64)) == 0 {
            return;
        }
        let mut slot = std::mem::replace(&mut self.heads[bucket as usize], NONE);
        self.occupied[bucket as usize / 64] &= !(1 << (bucket % 64));
        while slot != NONE {
            let node = std::mem::replace(&mut self.nodes[slot as usize], Node::UNSET);
            if self.now.wrapping_sub(node.due) as i32 >= 0 {
                due.push(slot);
            } else {
                self.insert(slot, node.due);
            }
            slot = node.next;
        }
    }

    /// Ticks until a bucket must be looked into; `None` when no timer is set.
    pub(crate) fn next(&self) -> Option<u32> {
        let start = self.now.wrapping_add(1) % BUCKETS;
        let words = self.occupied.len() as u32;
        (0..=words).find_map(|step| {
            let word = (start / 64 + step) % words;
            let mut bits = self.occupied[word as usize];
            if step == 0 {
                bits &= u64::MAX << (start % 64);
            }
            if step == words {
                bits &= !(u64::MAX << (start % 64));
            }
            (bits != 0).then(|| (word * 64 + bits.trailing_zeros()).wrapping_sub(start) % BUCKETS + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_go_off_once_at_their_tick() {
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..50 {
            let mut wheel = Wheel::new(0);
            wheel.now = random.u32(..);
            let begin = wheel.now;
            let ticks: Vec<u32> = (0..100).map(|_| random.u32(1..3 * BUCKETS)).collect();
            for (slot, &ticks) in (0..).zip(&ticks) {
                wheel.set(slot, random.u32(1..9));
                wheel.set(slot, ticks);
            }
            let cleared = random.u32(..100);
            wheel.clear(cleared);
            let mut seen = vec![0; 100];
            let mut now = begin;
            while let Some(ahead) = wheel.next() {
                let step = random.u32(1..=ahead);
                now = now.wrapping_add(step);
                let mut due = Vec::new();
                wheel.advance(now, &mut due);
                for slot in due {
                    assert_eq!(begin.wrapping_add(ticks[slot as usize]), now, "slot {slot} went off at the wrong tick");
                    seen[slot as usize] += 1;
                }
            }
            for (slot, count) in (0..).zip(seen) {
                assert_eq!(count, u32::from(slot != cleared), "slot {slot}");
            }
        }
    }

    #[test]
    fn a_long_stop_loses_no_timer() {
        let mut wheel = Wheel::new(0);
        wheel.set(0, 5);
        wheel.set(1, 10 * BUCKETS);
        wheel.set(2, 90 * BUCKETS);
        let mut due = Vec::new();
        wheel.advance(50 * BUCKETS, &mut due);
        due.sort_unstable();
        assert_eq!(due, [0, 1]);
        assert!(wheel.next().is_some(), "the third is still set");
    }
}
