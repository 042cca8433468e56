//! How exactly a thread's waits end.

/// Has the waits of this thread end when they are to, where the kernel would let them take up to 50 µs longer to save wake-ups.
pub(crate) fn wait_precisely() {
    // SAFETY: the call takes no pointers; it changes this thread's timer slack alone.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}
