//! A connection's own send queue: it exists only while the socket is behind, or a subscriber its topics.
//!
//! It is a row of pieces. The kernel reads the first one, unchanged until its send completed; what comes meanwhile is copied behind
//! it. A large message that is sent back whole is a piece by itself, in the buffer that it was received in.

use std::collections::VecDeque;

use super::behind::Behind;
use crate::proto::{Assembly, EncodedHeader};

/// Bytes that wait for the socket, in order.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    /// The first one is handed to the kernel, or next to be.
    pieces: VecDeque<Piece>,
    /// Memory of a piece that is sent, for the next.
    spare: Vec<u8>,
    /// Bytes not sent yet.
    bytes: usize,
    /// Whether the kernel reads the first piece now (rule 1).
    in_flight: bool,
    /// What comes after all of it, from histories; the first one first.
    pub(crate) behind: Vec<Behind>,
    /// Subscriptions of which messages were dropped, and how many, since the subscriber was last told.
    pub(crate) losses: Vec<(u32, u64)>,
}

#[derive(Debug)]
struct Piece {
    body: Body,
    /// How much of it is sent, or was never to be.
    begin: usize,
}

#[derive(Debug)]
enum Body {
    Copies(Vec<u8>),
    /// A message with its header.
    Message(Assembly),
    /// The place of one that the application still reads.
    Promised(EncodedHeader),
}

impl SendQueue {
    /// Bytes not sent yet.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
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
        if head.is_empty() && body.is_empty() {
            return;
        }
        self.bytes += head.len() + body.len();
        let copies = self.last_copies();
        copies.extend_from_slice(head);
        copies.extend_from_slice(body);
    }

    /// Adds a message of which [`SendQueue::keep_promise`] brings the bytes before anything is sent.
    pub(crate) fn promise(&mut self, header: EncodedHeader, payload_bytes: usize) {
        self.bytes += header.as_bytes().len() + payload_bytes;
        self.pieces.push_back(Piece { body: Body::Promised(header), begin: 0 });
    }

    /// Puts the message in its place; gives it back when there is no place for it any more.
    pub(crate) fn keep_promise(&mut self, mut message: Assembly) -> Option<Assembly> {
        for piece in &mut self.pieces {
            if let Body::Promised(header) = piece.body {
                let begin = message.put_header(&header);
                *piece = Piece { body: Body::Message(message), begin };
                return None;
            }
        }
        Some(message)
    }

    /// Puts bytes before all others: those of the arena that were not sent. Nothing of this queue may be in flight.
    pub(crate) fn push_front(&mut self, older: &[u8], newer: &[u8]) {
        assert!(!self.in_flight, "one send in flight per connection (rule 2)");
        let bytes = [older, newer].concat();
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.pieces.push_front(Piece { body: Body::Copies(bytes), begin: 0 });
        }
    }

    /// What to send next; in flight until [`SendQueue::complete`].
    pub(crate) fn take(&mut self) -> &[u8] {
        assert!(!self.in_flight, "one send in flight per connection (rule 2)");
        self.in_flight = true;
        let bytes = self.pieces.front().map_or(&[][..], Piece::rest);
        // An op's length has 32 bits, and the kernel sends at most 2 GiB at once.
        &bytes[..bytes.len().min(1 << 30)]
    }

    /// The send of what [`SendQueue::take`] returned is over: `sent` bytes of it are out. Gives back a message that is out whole.
    pub(crate) fn complete(&mut self, sent: usize) -> Option<Assembly> {
        let piece = self.pieces.front_mut().filter(|piece| self.in_flight && sent <= piece.rest().len());
        let piece = piece.expect("a completion has its send");
        self.in_flight = false;
        self.bytes -= sent;
        piece.begin += sent;
        if !piece.rest().is_empty() {
            return None;
        }
        match self.pieces.pop_front()?.body {
            Body::Message(message) => Some(message),
            Body::Copies(mut copies) => {
                copies.clear();
                self.spare = copies;
                None
            }
            Body::Promised(_) => None,
        }
    }

    /// The copies at the end, unless the kernel reads them.
    fn last_copies(&mut self) -> &mut Vec<u8> {
        let are_read = self.in_flight && self.pieces.len() == 1;
        if are_read || !matches!(self.pieces.back(), Some(Piece { body: Body::Copies(_), .. })) {
            let spare = std::mem::take(&mut self.spare);
            self.pieces.push_back(Piece { body: Body::Copies(spare), begin: 0 });
        }
        match self.pieces.back_mut() {
            Some(Piece { body: Body::Copies(copies), .. }) => copies,
            _ => unreachable!("it was just put there"),
        }
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight
    }
}

impl Piece {
    fn rest(&self) -> &[u8] {
        match &self.body {
            Body::Copies(copies) => &copies[self.begin..],
            Body::Message(message) => message.frame(self.begin),
            Body::Promised(_) => unreachable!("a promise is kept before anything is sent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Opcode;

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
        assert_eq!(queue.take(), b"older ");
        queue.complete(6);
        assert_eq!(queue.take(), b"newer ");
        queue.complete(6);
        assert_eq!(queue.take(), b"newest");
    }

    fn message(payload: &[u8]) -> Assembly {
        let mut message = Assembly::default();
        message.reserve(payload.len());
        message.push(payload);
        message
    }

    #[test]
    fn a_message_goes_out_from_its_own_buffer_in_its_place() {
        let mut queue = SendQueue::default();
        queue.push(b"", b"before");
        queue.promise(EncodedHeader::server(Opcode::Binary, 4), 4);
        queue.push(b"", b"after");
        assert!(queue.keep_promise(message(b"data")).is_none());
        assert_eq!(queue.len(), 6 + 6 + 5);
        assert_eq!(queue.take(), b"before");
        assert!(queue.complete(6).is_none());
        assert_eq!(queue.take(), b"\x82\x04data");
        assert!(queue.complete(1).is_none());
        assert_eq!(queue.take(), b"\x04data");
        queue.push(b"", b" all");
        assert_eq!(queue.complete(5).expect("it is out").payload(), b"data");
        assert_eq!(queue.take(), b"after all");
        assert!(queue.complete(9).is_none() && queue.is_empty());
    }

    #[test]
    fn a_message_without_a_place_is_given_back() {
        assert_eq!(SendQueue::default().keep_promise(message(b"data")).expect("no place").payload(), b"data");
    }
}
