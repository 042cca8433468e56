//! Decoder
