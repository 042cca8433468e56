//! Anonymous page memory for what the kernel writes into: page-aligned, zeroed, resident only once touched.

use std::io;
use std::ptr::NonNull;

/// A private anonymous mapping, unmapped on drop.
pub(crate) struct Pages {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is owned by this value alone; nothing about it is tied to a thread.
unsafe impl Send for Pages {}

impl Pages {
    /// Maps `bytes` (more than 0), rounded up to whole pages by the kernel.
    ///
    /// # Errors
    /// Those of `mmap(2)`: in practice `ENOMEM`.
    pub(crate) fn map(bytes: usize) -> io::Result<Self> {
        assert!(bytes > 0, "an empty mapping has no address");
        // SAFETY: a new private anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("mmap returned a null mapping");
        Ok(Self { start, bytes })
    }

    /// The first byte.
    #[inline]
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: `start` and `bytes` are those of a mapping made in `map` and not unmapped since.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
