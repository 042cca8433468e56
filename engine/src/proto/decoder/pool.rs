//! Where connections borrow reassembly state from, one pool per shard.
//!
//! It keeps a bounded number of returned states, none with a large buffer, and counts those that are lent, so that
//! a test can ask for zero. It does not bound how many are lent: a connection borrows at most one.

#![forbid(unsafe_code)]

use super::partial::Partial;

/// Reassembly state that connections borrow while a frame or a message spans recv buffers.
#[derive(Debug)]
pub struct Pool {
    #[expect(clippy::vec_box, reason = "the boxes go to the connections as they are")]
    kept: Vec<Box<Partial>>,
    kept_count_max: usize,
    kept_buffer_bytes_max: usize,
    lent_count: usize,
}

impl Pool {
    /// A pool that keeps up to `kept_count_max` returned states, each with a buffer of up to `kept_buffer_bytes_max`
    /// bytes; their product is about what an idle pool may hold.
    pub const fn new(kept_count_max: usize, kept_buffer_bytes_max: usize) -> Self {
        Self { kept: Vec::new(), kept_count_max, kept_buffer_bytes_max, lent_count: 0 }
    }

    /// States that are with connections now: each has a frame or a message under way, or has ended.
    pub const fn lent_count(&self) -> usize {
        self.lent_count
    }

    /// States that wait to be lent again.
    pub const fn kept_count(&self) -> usize {
        self.kept.len()
    }

    /// Bytes of memory that the kept states hold.
    pub fn kept_bytes(&self) -> usize {
        self.kept.iter().map(|partial| size_of::<Partial>() + partial.buffer_bytes()).sum()
    }

    pub(super) fn lend(&mut self) -> Box<Partial> {
        self.lent_count += 1;
        self.kept.pop().unwrap_or_default()
    }

    pub(super) fn take_back(&mut self, mut partial: Box<Partial>) {
        debug_assert!(self.lent_count > 0, "a state came back to a pool that lent none");
        self.lent_count -= 1;
        if self.kept.len() < self.kept_count_max {
            partial.reset(self.kept_buffer_bytes_max);
            self.kept.push(partial);
        }
    }
}

impl Default for Pool {
    /// Keeps 64 states of up to 256 KiB.
    fn default() -> Self {
        Self::new(64, 256 * 1024)
    }
}
