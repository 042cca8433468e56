//! Writes JSON into a buffer of the caller's: one object, field after field.
//!
//! Strings are escaped by simd-json; numbers, and texts that need no escaping, are written as they are.

use std::fmt::Display;
use std::io::Write;

/// An object being written; [`Object::end`] closes it.
pub(super) struct Object<'out> {
    out: &'out mut Vec<u8>,
}

impl<'out> Object<'out> {
    /// Begins with `key`, a plain string field.
    pub(super) fn begin(out: &'out mut Vec<u8>, key: &str, value: &str) -> Self {
        let mut object = Self { out };
        object.out.push(b'{');
        object.key(key);
        object.quoted(value);
        object
    }

    /// A string that may hold anything.
    pub(super) fn string(mut self, key: &str, value: &str) -> Self {
        self.next(key);
        simd_json::serde::to_writer(&mut *self.out, value).expect("a string into memory");
        self
    }

    /// What is displayed without anything to escape, in quotes; nothing for `None`.
    pub(super) fn plain(mut self, key: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.next(key);
            self.quoted(value);
        }
        self
    }

    /// A number or boolean; nothing for `None`.
    pub(super) fn bare(mut self, key: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.next(key);
            self.display(value);
        }
        self
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    fn next(&mut self, key: &str) {
        self.out.push(b',');
        self.key(key);
    }

    fn key(&mut self, key: &str) {
        self.quoted(key);
        self.out.push(b':');
    }

    fn quoted(&mut self, value: impl Display) {
        self.out.push(b'"');
        self.display(value);
        self.out.push(b'"');
    }

    fn display(&mut self, value: impl Display) {
        write!(self.out, "{value}").expect("memory takes all");
    }
}
