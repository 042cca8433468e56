//! Random bytes that peers cannot foretell, as mask keys (RFC 6455 §10.3) and nonces must be: the kernel's, fetched by the page.

const POOL_BYTES: usize = 4096;

/// Random bytes, each given out once.
pub(crate) struct Entropy {
    pool: Box<[u8; POOL_BYTES]>,
    used: usize,
}

impl Entropy {
    pub(crate) fn new() -> Self {
        Self { pool: Box::new([0; POOL_BYTES]), used: POOL_BYTES }
    }

    /// A mask key.
    #[inline]
    pub(crate) fn mask_key(&mut self) -> [u8; 4] {
        self.take()
    }

    /// The nonce of a handshake.
    pub(crate) fn nonce(&mut self) -> [u8; 16] {
        self.take()
    }

    #[inline(always)]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > POOL_BYTES {
            self.refill();
        }
        let at = self.used;
        self.used += N;
        self.pool[at..at + N].try_into().expect("a range of N bytes")
    }

    #[cold]
    fn refill(&mut self) {
        let mut filled = 0;
        while filled < POOL_BYTES {
            let rest = &mut self.pool[filled..];
            // SAFETY: `rest` is writable for its length.
            let count = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
            // Interrupted at worst: a kernel with io_uring has the call.
            filled += usize::try_from(count).unwrap_or(0);
        }
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_pages_run_out() {
        let mut entropy = Entropy::new();
        let keys: std::collections::HashSet<_> = (0..5000).map(|_| entropy.nonce()).collect();
        assert_eq!(keys.len(), 5000);
    }
}
