//! A request's fields, found in one pass over simd-json's tape, before it is known what they mean together.

use std::borrow::Cow;

use simd_json::{Node, StaticNode};

use super::Refusal;
use crate::topic::format::{Code, excerpt};

/// Largest integer of the protocol: JavaScript holds no larger ones exactly.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// A field of any operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Op,
    Id,
    Topic,
    After,
    Since,
    Data,
    Data64,
    Durable,
}

impl Field {
    const ALL: [Self; 8] =
        [Self::Op, Self::Id, Self::Topic, Self::After, Self::Since, Self::Data, Self::Data64, Self::Durable];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Op => "op",
            Self::Id => "id",
            Self::Topic => "topic",
            Self::After => "after",
            Self::Since => "since",
            Self::Data => "data",
            Self::Data64 => "data64",
            Self::Durable => "durable",
        }
    }
}

/// A value's nodes: one, or an array's or object's with all that is in it.
pub(super) type Value<'tape, 'a> = &'tape [Node<'a>];

/// Where each field's value is. Fields that are wrong in themselves wait as `problem`, so that the id is known when it is told.
pub(super) struct Fields<'tape, 'a> {
    values: [Option<Value<'tape, 'a>>; Field::ALL.len()],
    problem: Option<String>,
}

impl<'tape, 'a> Fields<'tape, 'a> {
    /// # Errors
    /// `bad_json` if the tape's root is no object.
    pub(super) fn of(tape: Value<'tape, 'a>) -> Result<Self, Refusal> {
        let Some(entries) = entries(tape) else {
            return Err(Refusal::new(None, Code::BadJson, "not one JSON object: send {\"op\":…}"));
        };
        let mut fields = Self { values: [None; Field::ALL.len()], problem: None };
        for (name, value) in entries {
            fields.put(name, value);
        }
        Ok(fields)
    }

    /// Its id, if there is a good one.
    pub(super) fn id(&self) -> Option<u64> {
        self.value(Field::Id).and_then(integer)
    }

    /// Refuses what is wrong whatever the operation: unknown names, repeated ones, a bad id.
    pub(super) fn check(&mut self) -> Result<(), Refusal> {
        if let Some(problem) = self.problem.take() {
            return Err(self.refuse(problem));
        }
        self.integer(Field::Id).map(drop)
    }

    /// Refuses fields that are not among `taken` (`op` and `id` always are).
    pub(super) fn only(&self, op: &str, taken: &[Field]) -> Result<(), Refusal> {
        let is_foreign = |field: &&Field| !matches!(field, Field::Op | Field::Id) && !taken.contains(field);
        let given = Field::ALL.iter().filter(|field| self.value(**field).is_some());
        match given.filter(is_foreign).map(|field| field.name()).next() {
            Some(name) => Err(self.refuse(format!("{op} here takes no field {name}"))),
            None => Ok(()),
        }
    }

    pub(super) fn required_string(&self, field: Field) -> Result<&'a str, Refusal> {
        self.string(field)?.ok_or_else(|| self.refuse(format!("{} is missing", field.name())))
    }

    pub(super) fn string(&self, field: Field) -> Result<Option<&'a str>, Refusal> {
        self.typed(field, string, "a string")
    }

    pub(super) fn integer(&self, field: Field) -> Result<Option<u64>, Refusal> {
        self.typed(field, integer, "an integer from 0 to 9007199254740991")
    }

    pub(super) fn boolean(&self, field: Field) -> Result<Option<bool>, Refusal> {
        self.typed(field, boolean, "true or false")
    }

    pub(super) fn value(&self, field: Field) -> Option<Value<'tape, 'a>> {
        self.values[field as usize]
    }

    /// `bad_request` with the request's id.
    pub(super) fn refuse(&self, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(self.id(), Code::BadRequest, message)
    }

    fn typed<T>(
        &self,
        field: Field,
        read: fn(Value<'tape, 'a>) -> Option<T>,
        expected: &'static str,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.value(field) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.refuse(format!("{} must be {expected}", field.name()))),
        }
    }

    fn put(&mut self, name: &str, value: Value<'tape, 'a>) {
        let Some(field) = Field::ALL.into_iter().find(|field| field.name() == name) else {
            self.problem.get_or_insert_with(|| format!("unknown field {}", quoted(name)));
            return;
        };
        if self.values[field as usize].replace(value).is_some() {
            self.problem.get_or_insert_with(|| format!("{name} is given twice"));
            // Of two ids neither is the request's.
            if field == Field::Id {
                self.values[field as usize] = Some(&[]);
            }
        }
    }
}

/// Names and values of an object, in order, repeated ones too; `None` if it is none.
pub(super) fn entries<'tape, 'a>(value: Value<'tape, 'a>) -> Option<impl Iterator<Item = (&'a str, Value<'tape, 'a>)>> {
    let (&Node::Object { len, .. }, mut rest) = value.split_first()? else { return None };
    Some((0..len).map(move |_| {
        let (name, after) = rest.split_first().expect("the tape holds every name");
        let (value, after) = after.split_at(node_count(&after[0]));
        rest = after;
        (string(std::slice::from_ref(name)).expect("names are strings"), value)
    }))
}

pub(super) fn string<'a>(value: Value<'_, 'a>) -> Option<&'a str> {
    match value {
        [Node::String(text)] => Some(text),
        _ => None,
    }
}

/// The start of what a client wrote, for an error.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", excerpt(text))
}

fn integer(value: Value<'_, '_>) -> Option<u64> {
    match value {
        [Node::Static(StaticNode::U64(number))] => Some(*number).filter(|number| *number <= INTEGER_MAX),
        _ => None,
    }
}

fn boolean(value: Value<'_, '_>) -> Option<bool> {
    match value {
        [Node::Static(StaticNode::Bool(value))] => Some(*value),
        _ => None,
    }
}

fn node_count(first: &Node<'_>) -> usize {
    match first {
        Node::Object { count, .. } | Node::Array { count, .. } => 1 + count,
        Node::String(_) | Node::Static(_) => 1,
    }
}
