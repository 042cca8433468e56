//! The peers that Ringwire is measured beside; see `benches/` and `src/bin/`.
