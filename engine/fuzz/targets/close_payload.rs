//! The payload of a close frame.

#![no_main]

ringwire_fuzz::target!(close_payload);
