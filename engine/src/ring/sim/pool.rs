//! Provided buffers. Memory that was given back is overwritten, so that whoever still reads it is found out.

use std::collections::VecDeque;

/// What a buffer holds while it is the kernel's.
const POISON: u8 = 0xDD;

/// The recv buffers of one ring.
#[derive(Debug)]
pub(crate) struct Pool {
    memory: Vec<u8>,
    buffer_bytes: usize,
    /// The kernel's, in the order in which they were given.
    free: VecDeque<u16>,
    /// Named by a completion that was reaped.
    lent: Vec<bool>,
}

impl Pool {
    pub(crate) fn new(count: u16, buffer_bytes: usize) -> Self {
        Self {
            memory: vec![POISON; usize::from(count) * buffer_bytes],
            buffer_bytes,
            free: (0..count).collect(),
            lent: vec![false; usize::from(count)],
        }
    }

    pub(crate) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// The kernel fills a buffer; `None` is `ENOBUFS`.
    pub(crate) fn fill(&mut self, bytes: impl ExactSizeIterator<Item = u8>) -> Option<u16> {
        let bid = self.free.pop_front()?;
        assert!(bytes.len() <= self.buffer_bytes, "a recv is no longer than its buffer");
        let start = usize::from(bid) * self.buffer_bytes;
        for (byte, room) in bytes.zip(&mut self.memory[start..]) {
            *room = byte;
        }
        Some(bid)
    }

    /// A completion with this buffer was reaped.
    pub(crate) fn lend(&mut self, bid: u16) {
        let lent = std::mem::replace(&mut self.lent[usize::from(bid)], true);
        assert!(!lent && !self.free.contains(&bid), "buffer {bid} is lent twice");
    }

    pub(crate) fn lent_count(&self) -> u32 {
        self.lent.iter().filter(|lent| **lent).count() as u32
    }

    pub(crate) fn slice(&mut self, bid: u16, len: usize) -> &mut [u8] {
        assert!(self.lent[usize::from(bid)], "buffer {bid} is read but not lent");
        let start = usize::from(bid) * self.buffer_bytes;
        &mut self.memory[start..start + len]
    }

    pub(crate) fn give_back(&mut self, bid: u16) {
        assert!(self.lent[usize::from(bid)], "buffer {bid} is given back but not lent");
        self.lent[usize::from(bid)] = false;
        let start = usize::from(bid) * self.buffer_bytes;
        self.memory[start..start + self.buffer_bytes].fill(POISON);
        self.free.push_back(bid);
    }
}
