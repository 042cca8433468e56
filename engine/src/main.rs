//! The `ringwire` binary.
fn main() {}
