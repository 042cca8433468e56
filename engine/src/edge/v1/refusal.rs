//! Why a request is refused: a code for programs, from a closed list, and a sentence for people.

use std::borrow::Cow;

use crate::topic::format::Code;

/// A request that is answered with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The request's, if it could be read.
    pub(crate) id: Option<u64>,
    /// For programs.
    pub(crate) code: Code,
    /// For people: what is wrong and what would be right.
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(id: Option<u64>, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { id, code, message: message.into() }
    }
}
