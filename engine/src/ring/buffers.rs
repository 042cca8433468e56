//! The provided buffer ring: few recv buffers per shard, lent by the kernel at arrival and given back at once.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, types::BufRingEntry};

use crate::sys::pages::Pages;

/// The one buffer group of a shard's ring.
pub(crate) const GROUP: u16 = 0;

/// Distance between two buffers beyond their size: consecutive buffers start in different cache sets.
const STAGGER_BYTES: usize = 192;

/// Buffers and the ring that hands them to the kernel.
pub(crate) struct Buffers {
    entries: Pages,
    memory: Pages,
    count: u16,
    /// `count - 1`.
    mask: u16,
    buffer_bytes: u32,
    tail: u16,
}

impl Buffers {
    /// Maps `count` (a power of two up to 32,768) buffers of `buffer_bytes` each and registers them.
    ///
    /// # Errors
    /// Those of `mmap(2)` and of `IORING_REGISTER_PBUF_RING`.
    pub(crate) fn register(ring: &IoUring, count: u16, buffer_bytes: u32) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "the kernel wants a power of two");
        let entries = Pages::map(usize::from(count) * size_of::<BufRingEntry>())?;
        let memory = Pages::map(usize::from(count) * (buffer_bytes as usize + STAGGER_BYTES))?;
        // SAFETY: the mapping holds `count` entries, is page-aligned, and lives as long as the ring: `UringRing` drops
        // its ring first.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(entries.start().as_ptr() as u64, count, GROUP, 0)?;
        }
        let mut buffers = Self { entries, memory, count, mask: count - 1, buffer_bytes, tail: 0 };
        for bid in 0..count {
            buffers.give_back(bid);
        }
        Ok(buffers)
    }

    /// The first `len` bytes of buffer `bid`, which the kernel just lent us.
    #[inline]
    pub(crate) fn slice(&mut self, bid: u16, len: usize) -> &mut [u8] {
        assert!(bid < self.count && len <= self.buffer_bytes as usize, "the kernel lent a buffer that we never had");
        // SAFETY: by the assertion, the range lies in the mapping of `count` strides; it is zeroed memory at first, and
        // since the kernel lent it, nobody else writes to it until `give_back`.
        unsafe {
            let start = self.memory.start().as_ptr().add(usize::from(bid) * self.stride());
            std::slice::from_raw_parts_mut(start, len)
        }
    }

    /// Gives buffer `bid` back to the kernel.
    #[inline]
    pub(crate) fn give_back(&mut self, bid: u16) {
        let address = self.memory.start().as_ptr() as u64 + (usize::from(bid) * self.stride()) as u64;
        let index = usize::from(self.tail & self.mask);
        let base = self.entries.start().as_ptr().cast::<BufRingEntry>();
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `index < count`, so the entry lies in the mapping; the kernel reads entries only up to the tail that is
        // stored after them. The tail lies in the first entry's reserved field, as `BufRingEntry::tail` computes.
        unsafe {
            let entry = &mut *base.add(index);
            entry.set_addr(address);
            entry.set_len(self.buffer_bytes);
            entry.set_bid(bid);
            let tail = BufRingEntry::tail(base).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }

    fn stride(&self) -> usize {
        self.buffer_bytes as usize + STAGGER_BYTES
    }
}
