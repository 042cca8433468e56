//! Frame
