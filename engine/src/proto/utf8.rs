//! UTF-8 checked in bulk, failing at the first impossible byte.
