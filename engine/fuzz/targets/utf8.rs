//! Text, in any chunks.

#![no_main]

ringwire_fuzz::target!(utf8);
