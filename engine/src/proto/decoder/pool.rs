//! Where connections borrow reassembly state from, one pool per shard.
//!
//! It keeps a bounded number of returned states, and buffers of bounded size together, and counts those that are lent, so that
//! a test can ask for zero. Large buffers are worth keeping: one that grows anew is copied as it doubles. It does not bound how
//! many are lent: a connection borrows at most one.

#![forbid(unsafe_code)]

use super::assembly::Assembly;
use super::partial::Partial;

/// Reassembly state that connections borrow while a frame or a message spans recv buffers.
#[derive(Debug)]
pub struct Pool {
    #[expect(clippy::vec_box, reason = "the boxes go to the connections as they are")]
    kept: Vec<Box<Partial>>,
    kept_count_max: usize,
    /// Buffers that came back without a state, for those that have none.
    buffers: Vec<Assembly>,
    /// Memory of these, and of those that the kept states have.
    buffer_bytes: usize,
    buffer_bytes_max: usize,
    /// The least that this memory was since the last [trim](Pool::trim): so much nobody needed.
    buffer_bytes_least: usize,
    lent_count: usize,
}

impl Pool {
    /// A pool that keeps up to `kept_count_max` returned states, and buffers of up to `buffer_bytes_max` bytes together: about what
    /// an idle pool may hold.
    pub const fn new(kept_count_max: usize, buffer_bytes_max: usize) -> Self {
        Self {
            kept: Vec::new(),
            kept_count_max,
            buffers: Vec::new(),
            buffer_bytes: 0,
            buffer_bytes_max,
            buffer_bytes_least: 0,
            lent_count: 0,
        }
    }

    /// States that are with connections now: each has a frame or a message under way, or has ended.
    pub const fn lent_count(&self) -> usize {
        self.lent_count
    }

    /// States that wait to be lent again.
    pub const fn kept_count(&self) -> usize {
        self.kept.len()
    }

    /// Bytes of memory that it keeps.
    pub fn kept_bytes(&self) -> usize {
        self.kept.len() * size_of::<Partial>() + self.buffer_bytes
    }

    pub(super) fn lend(&mut self) -> Box<Partial> {
        self.lent_count += 1;
        let mut partial = self.kept.pop().unwrap_or_default();
        if partial.buffer_bytes() > 0 {
            self.buffer_bytes -= partial.buffer_bytes();
        } else if let Some(buffer) = self.buffers.pop() {
            self.buffer_bytes -= buffer.capacity();
            partial.put_buffer(buffer);
        }
        self.buffer_bytes_least = self.buffer_bytes_least.min(self.buffer_bytes);
        partial
    }

    pub(super) fn take_back(&mut self, mut partial: Box<Partial>) {
        debug_assert!(self.lent_count > 0, "a state came back to a pool that lent none");
        self.lent_count -= 1;
        if self.kept.len() < self.kept_count_max {
            partial.reset(self.buffer_bytes_max - self.buffer_bytes);
            self.buffer_bytes += partial.buffer_bytes();
            self.kept.push(partial);
        } else {
            self.take_buffer(partial.take_assembly());
        }
    }

    /// Keeps the buffer of a message that nobody needs any more, if there is room for it.
    pub(crate) fn take_buffer(&mut self, mut buffer: Assembly) {
        if buffer.capacity() > 0 && buffer.capacity() <= self.buffer_bytes_max - self.buffer_bytes {
            self.buffer_bytes += buffer.capacity();
            buffer.clear();
            self.buffers.push(buffer);
        }
    }

    /// Bytes of the buffers that it keeps.
    pub(crate) const fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// Lets go of what nobody needed since the last call, but for `kept_bytes`. Called now and then, it keeps what a load needs while
    /// it lasts.
    pub(crate) fn trim(&mut self, kept_bytes: usize) {
        let unused = self.buffer_bytes_least.min(self.buffer_bytes.saturating_sub(kept_bytes));
        let mut freed = 0;
        while freed < unused
            && let Some(buffer) = self.buffers.pop().or_else(|| self.kept_buffer())
        {
            freed += buffer.capacity();
            self.buffer_bytes -= buffer.capacity();
        }
        self.buffer_bytes_least = self.buffer_bytes;
    }

    /// A buffer of one of the kept states.
    fn kept_buffer(&mut self) -> Option<Assembly> {
        let partial = self.kept.iter_mut().find(|partial| partial.buffer_bytes() > 0)?;
        Some(partial.take_assembly())
    }
}

impl Default for Pool {
    /// Keeps 64 states, with buffers of 16 MiB together.
    fn default() -> Self {
        Self::new(64, 16 * 1024 * 1024)
    }
}
