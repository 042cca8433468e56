//! A connection's own send queue: it exists only while the socket is behind, or a subscriber its topics.
//!
//! Two buffers: one that the kernel reads from, unchanged until its send completed, and one that takes what comes meanwhile.

use super::behind::Behind;

/// Bytes that wait for the socket, in order.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    /// Handed to the kernel, or next to be.
    sending: Vec<u8>,
    /// How much of `sending` is sent.
    sent: usize,
    /// Comes after `sending`.
    waiting: Vec<u8>,
    /// Whether the kernel reads `sending` now (rule 1).
    in_flight: bool,
    /// What comes after all of it, from histories; the first one first.
    pub(crate) behind: Vec<Behind>,
    /// Subscriptions of which messages were dropped, and how many, since the subscriber was last told.
    pub(crate) losses: Vec<(u32, u64)>,
}

impl SendQueue {
    /// Bytes not sent yet.
    pub(crate) fn len(&self) -> usize {
        self.sending.len() - self.sent + self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing comes any more, so that nobody needs this queue.
    pub(crate) fn is_done(&self) -> bool {
        self.is_empty() && self.behind.is_empty() && self.losses.is_empty()
    }

    /// Counts messages that a subscriber is to be told that it lost.
    pub(crate) fn add_loss(&mut self, topic: u32, count: u64) {
        match self.losses.iter_mut().find(|(known, _)| *known == topic) {
            Some((_, sum)) => *sum += count,
            None => self.losses.push((topic, count)),
        }
    }

    /// Adds bytes at the end.
    pub(crate) fn push(&mut self, head: &[u8], body: &[u8]) {
        self.waiting.extend_from_slice(head);
        self.waiting.extend_from_slice(body);
    }

    /// Puts bytes before all others: those of the arena that were not sent. Nothing of this queue may be in flight.
    pub(crate) fn push_front(&mut self, older: &[u8], newer: &[u8]) {
        assert!(!self.in_flight, "one send in flight per connection (rule 2)");
        let newest = self.sending.split_off(self.sent);
        self.sending.clear();
        self.sending.extend_from_slice(older);
        self.sending.extend_from_slice(newer);
        self.sending.extend_from_slice(&newest);
        self.sent = 0;
    }

    /// What to send next; in flight until [`SendQueue::complete`].
    pub(crate) fn take(&mut self) -> &[u8] {
        assert!(!self.in_flight, "one send in flight per connection (rule 2)");
        if self.sent == self.sending.len() {
            self.sending.clear();
            self.sent = 0;
            std::mem::swap(&mut self.sending, &mut self.waiting);
        }
        self.in_flight = true;
        // An op's length has 32 bits, and the kernel sends at most 2 GiB at once.
        let end = self.sending.len().min(self.sent + (1 << 30));
        &self.sending[self.sent..end]
    }

    /// The send of what [`SendQueue::take`] returned is over: `sent` bytes of it are out.
    pub(crate) fn complete(&mut self, sent: usize) {
        assert!(self.in_flight && self.sent + sent <= self.sending.len(), "a completion without its send");
        self.in_flight = false;
        self.sent += sent;
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_order_through_short_sends() {
        let mut queue = SendQueue::default();
        queue.push(b"h", b"ello ");
        assert_eq!(queue.take(), b"hello ");
        queue.push(b"", b"world");
        queue.complete(2);
        assert_eq!(queue.take(), b"llo ");
        queue.complete(4);
        assert_eq!(queue.len(), 5);
        assert_eq!(queue.take(), b"world");
        queue.complete(5);
        assert!(queue.is_empty());
    }

    #[test]
    fn the_rest_of_a_short_send_goes_first() {
        let mut queue = SendQueue::default();
        queue.push(b"", b"newest");
        queue.push_front(b"", b"newer ");
        queue.push_front(b"older ", b"");
        assert_eq!(queue.take(), b"older newer ");
        queue.complete(12);
        assert_eq!(queue.take(), b"newest");
    }
}
