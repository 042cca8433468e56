//! Cores that this process may use, and pinning of the calling thread to one.

use core_affinity::CoreId;

/// Cores that the calling thread may run on, in ascending order. Call it before pinning: a pinned thread sees its own
/// core alone. Empty where the kernel does not tell.
pub(crate) fn allowed_cores() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect()
}

/// Pins the calling thread to `core`; false if the kernel refuses.
pub(crate) fn pin_to(core: usize) -> bool {
    // The crate's set has room for so many and indexes it unchecked by any error.
    core < libc::CPU_SETSIZE as usize && core_affinity::set_for_current(CoreId { id: core })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_pinned_to_an_allowed_core_and_to_no_other() {
        let allowed = allowed_cores();
        let last = *allowed.last().expect("at least the core that we run on");
        std::thread::spawn(move || {
            assert!(pin_to(last));
            assert_eq!(allowed_cores(), [last]);
        })
        .join()
        .expect("the thread's assertions hold");
    }

    #[test]
    fn a_core_that_does_not_exist_is_refused() {
        assert!(!pin_to(1023));
        assert!(!pin_to(usize::MAX));
    }
}
