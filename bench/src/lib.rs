//! What Ringwire is measured beside: peers in `src/bin/` and `peers/`, the floor under a fan-out in `floors/`; and `benches/`.
