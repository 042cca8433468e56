//! System calls that neither std nor the ring covers: listeners, wake-ups, page memory, machine facts.

pub(crate) mod pages;
pub(crate) mod socket;
pub(crate) mod waker;
