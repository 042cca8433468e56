//! Requests of ringwire.v1.

#![no_main]

ringwire_fuzz::target!(v1_request);
