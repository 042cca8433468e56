//! Any bytes from a peer, in any chunks.

#![no_main]

ringwire_fuzz::target!(decoder);
