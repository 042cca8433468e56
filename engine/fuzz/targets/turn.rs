//! A simulated run.

#![no_main]

ringwire_fuzz::target!(turn);
