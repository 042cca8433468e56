//! Masking at any length and offset.

#![no_main]

ringwire_fuzz::target!(mask);
