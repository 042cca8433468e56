//! Which tests run beside each other: all, but for those that measure.

use std::sync::{Condvar, Mutex, MutexGuard};

/// How many share the machine; `ALONE` while a test that measures has it.
static SHARERS: Mutex<i32> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

const ALONE: i32 = -1;

/// Keeps tests that measure from running meanwhile. A test may hold several.
pub(crate) struct Shared(());

/// Keeps all other tests from running meanwhile.
pub(crate) struct Alone(());

impl Shared {
    pub(crate) fn wait() -> Self {
        let mut sharers = CHANGED.wait_while(lock(), |sharers| *sharers == ALONE).expect("no panic under the lock");
        *sharers += 1;
        Self(())
    }
}

impl Alone {
    pub(crate) fn wait() -> Self {
        *CHANGED.wait_while(lock(), |sharers| *sharers != 0).expect("no panic under the lock") = ALONE;
        Self(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        *lock() -= 1;
        CHANGED.notify_all();
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        *lock() = 0;
        CHANGED.notify_all();
    }
}

fn lock() -> MutexGuard<'static, i32> {
    SHARERS.lock().expect("no panic under the lock")
}
