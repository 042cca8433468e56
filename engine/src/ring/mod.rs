//! The io_uring boundary: everything that touches the ring or its memory.

pub mod probe;
