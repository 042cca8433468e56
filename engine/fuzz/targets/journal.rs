//! The journal's segments, broken.

#![no_main]

ringwire_fuzz::target!(journal);
