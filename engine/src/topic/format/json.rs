//! Writes JSON into a buffer of the caller's: one object, field after field.
//!
//! Strings are escaped by simd-json; numbers, and texts that need no escaping, are written as they are.

use std::fmt::Display;
use std::io::Write;

use super::{Publication, Subscribed};
use crate::topic::history::MessageKind;

/// An object being written; [`Object::end`] closes it. Keys need no escaping.
pub(crate) struct Object<'out> {
    out: &'out mut Vec<u8>,
    is_empty: bool,
}

impl<'out> Object<'out> {
    pub(crate) fn begin(out: &'out mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// A string that may hold anything.
    pub(crate) fn string(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        simd_json::serde::to_writer(&mut *self.out, value).expect("a string into memory");
        self
    }

    /// What is displayed without anything to escape, in quotes; nothing for `None`.
    pub(crate) fn plain(mut self, key: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.key(key);
            write!(self.out, "\"{value}\"").expect("memory takes all");
        }
        self
    }

    /// A number or boolean; nothing for `None`.
    pub(crate) fn bare(mut self, key: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.key(key);
            write!(self.out, "{value}").expect("memory takes all");
        }
        self
    }

    /// The payload of a message: `data` if it is text, `data64` if it is binary.
    pub(super) fn payload(mut self, publication: &Publication<'_>) -> Self {
        match publication.kind {
            MessageKind::Text => self.string("data", publication.text()),
            MessageKind::Binary => {
                self.key("data64");
                self.out.push(b'"');
                super::base64(self.out, publication.payload);
                self.out.push(b'"');
                self
            }
        }
    }

    /// An array of what `parts` hold when they stand behind one another: JSON values, a comma behind each.
    pub(super) fn array<'a>(mut self, key: &str, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.key(key);
        self.out.push(b'[');
        parts.into_iter().for_each(|part| self.out.extend_from_slice(part));
        self.out.pop_if(|last| *last == b',');
        self.out.push(b']');
        self
    }

    /// How a subscription begins.
    pub(crate) fn subscribed(self, subscribed: &Subscribed) -> Self {
        self.plain("position", subscribed.position)
            .bare("replayed", Some(subscribed.replayed))
            .bare("gap", Some(subscribed.gap))
            .bare("time", Some(subscribed.time_ms))
    }

    /// Closes the object, and gives the buffer back.
    pub(crate) fn end(self) -> &'out mut Vec<u8> {
        self.out.push(b'}');
        self.out
    }

    /// Gives the buffer back; more fields come, and an end.
    pub(super) fn leave_open(self) -> &'out mut Vec<u8> {
        self.out
    }

    fn key(&mut self, key: &str) {
        let before = if self.is_empty { "" } else { "," };
        self.is_empty = false;
        write!(self.out, "{before}\"{key}\":").expect("memory takes all");
    }
}
