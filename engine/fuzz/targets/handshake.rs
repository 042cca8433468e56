//! The head of a request, and what is answered.

#![no_main]

ringwire_fuzz::target!(handshake);
