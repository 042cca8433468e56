//! The closed loop: each sender has at most a given number of messages under way, and sends when an answer has come.
//!
//! It finds out how much a server can do. Its times hide every stall, since nothing is sent while the server stalls.

use super::Due;

/// How many messages each sender has under way.
#[derive(Debug, Clone)]
pub struct Closed {
    first: u32,
    depth: u32,
    senders: Vec<Sender>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sender {
    sequence: u64,
    in_flight: u32,
}

impl Closed {
    /// The senders from `first` on, `count` of them, with `depth` messages in flight each.
    ///
    /// # Panics
    ///
    /// When `depth` is 0.
    pub fn new(first: u32, count: u32, depth: u32) -> Self {
        assert!(depth > 0, "a depth of 0 sends nothing");
        Self { first, depth, senders: vec![Sender::default(); count as usize] }
    }

    /// The next message of `sender` if it may send one at `now`. To be asked again until there is none.
    #[inline]
    pub fn due(&mut self, sender: u32, now: u64) -> Option<Due> {
        let depth = self.depth;
        let one = self.sender(sender);
        if one.in_flight == depth {
            return None;
        }
        one.in_flight += 1;
        one.sequence += 1;
        Some(Due { sender, sequence: one.sequence - 1, planned: now })
    }

    /// Says that an answer came to `sender`: one message more may be sent. An answer too many changes nothing.
    #[inline]
    pub fn answered(&mut self, sender: u32) {
        let one = self.sender(sender);
        one.in_flight = one.in_flight.saturating_sub(1);
    }

    fn sender(&mut self, sender: u32) -> &mut Sender {
        &mut self.senders[(sender - self.first) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_depth_is_in_flight() {
        let mut closed = Closed::new(10, 2, 2);
        let sequences = |closed: &mut Closed, sender, now| -> Vec<u64> {
            std::iter::from_fn(|| closed.due(sender, now)).map(|due| due.sequence).collect()
        };
        assert_eq!(sequences(&mut closed, 10, 0), [0, 1]);
        assert_eq!(sequences(&mut closed, 11, 0), [0, 1], "each sender counts for itself");
        closed.answered(10);
        assert_eq!(closed.due(10, 77), Some(Due { sender: 10, sequence: 2, planned: 77 }));
        assert_eq!(closed.due(10, 78), None);
        (0..5).for_each(|_| closed.answered(11));
        assert_eq!(sequences(&mut closed, 11, 90), [2, 3], "answers that nobody asked for give no room");
    }
}
