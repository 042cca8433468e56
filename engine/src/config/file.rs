//! The configuration as TOML: the same names as the fields of [`Config`], at the top level, each at most once; those of
//! [`Admin`](super::Admin) in the section `[admin]`.
//!
//! What a file leaves out keeps its default. A key that does not exist is an error that names the nearest one that
//! does. [`print()`] writes every field, so that its output is a complete file with the same meaning.
//!
//! Not here: ranges and contradictions, which hold whatever the values came from (`limits`).

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;

/// A configuration file that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file could be read, and its text is wrong.
    #[error("{path}:{source}")]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TextError,
    },
}

/// What is wrong with the text of a configuration, and in which line (from 1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is not TOML, a key stands twice, and the like.
    #[error("{line}: {message}")]
    Syntax {
        /// Line.
        line: usize,
        /// The parser's words.
        message: String,
    },
    /// A key that no field has.
    #[error("{line}: unknown key `{key}`; the nearest known one is `{nearest}`")]
    UnknownKey {
        /// Line.
        line: usize,
        /// The key as typed.
        key: String,
        /// The field whose name is most like it.
        nearest: String,
    },
    /// A section that there is not.
    #[error("{line}: unknown section [{key}]: there is [admin], and all other keys stand at the top level")]
    Section {
        /// Line.
        line: usize,
        /// The section's name.
        key: String,
    },
    /// A value that its field cannot have.
    #[error("{line}: {key}: {message}")]
    Value {
        /// Line.
        line: usize,
        /// The field.
        key: String,
        /// What is expected.
        message: String,
    },
}

/// Reads a configuration file over the defaults.
///
/// # Errors
///
/// [`FileError`] when it cannot be read or its text is wrong. Ranges are checked by [`Config::validated`].
pub fn read(path: &Path) -> Result<Config, FileError> {
    let text = std::fs::read_to_string(path).map_err(|source| FileError::Read { path: path.into(), source })?;
    parse(&text).map_err(|source| FileError::Text { path: path.into(), source })
}

/// Reads the text of a configuration file over the defaults.
///
/// # Errors
///
/// [`TextError`] for the first thing that is wrong.
pub fn parse(text: &str) -> Result<Config, TextError> {
    let syntax = |error: toml::de::Error| TextError::Syntax {
        line: line_of(text, error.span().unwrap_or_default()),
        message: error.message().to_owned(),
    };
    let table = DeTable::parse(text).map_err(syntax)?;
    check_keys(text, table.get_ref())?;
    toml::from_str(text).map_err(|error| match error.span().and_then(|span| key_at(table.get_ref(), &span)) {
        Some((key, line_at)) => {
            TextError::Value { line: line_of(text, line_at), key, message: error.message().to_owned() }
        }
        None => syntax(error),
    })
}

/// Writes every field as TOML; [`parse`] reads it back to the same configuration.
pub fn print(config: &Config) -> String {
    toml::to_string(config).expect("every field has a TOML form")
}

/// Before the values, so that a mistyped key is not reported as a missing or wrong value.
fn check_keys(text: &str, table: &DeTable<'_>) -> Result<(), TextError> {
    let known = known_keys();
    let mut typed = typed_keys(table);
    typed.sort_by_key(|typed| typed.at);
    for Typed { key, at, is_section } in typed {
        let line = line_of(text, at..at);
        let is_known =
            |name: &String| *name == key || name.strip_prefix(&*key).is_some_and(|rest| rest.starts_with('.'));
        if known.iter().any(is_known) {
            continue;
        }
        if is_section {
            return Err(TextError::Section { line, key });
        }
        return Err(TextError::UnknownKey { line, nearest: nearest(&key, &known), key });
    }
    Ok(())
}

/// A key of a file, with its section's name before a dot, and its place.
struct Typed {
    key: String,
    at: usize,
    is_section: bool,
}

/// Keys of the file and of its sections.
fn typed_keys(table: &DeTable<'_>) -> Vec<Typed> {
    let mut typed = Vec::new();
    for (key, value) in table {
        let (name, at) = (key.get_ref(), key.span().start);
        let section = value.get_ref().as_table();
        typed.push(Typed { key: name.to_string(), at, is_section: section.is_some() });
        for (key, value) in section.into_iter().flatten() {
            let is_section = value.get_ref().is_table();
            typed.push(Typed { key: format!("{name}.{}", key.get_ref()), at: key.span().start, is_section });
        }
    }
    typed
}

fn known_keys() -> Vec<String> {
    let all = toml::Table::try_from(Config::default()).expect("every field has a TOML form");
    let names = all.into_iter().flat_map(|(key, value)| match value {
        toml::Value::Table(section) => section.into_iter().map(|(name, _)| format!("{key}.{name}")).collect(),
        _ => vec![key],
    });
    names.collect()
}

/// The name most like `key`. Parts in another order (`max_connections`) weigh less than other letters do.
fn nearest(key: &str, known: &[String]) -> String {
    let sorted = |name: &str| {
        let name = name.replace('-', "_").to_lowercase();
        let mut parts: Vec<_> = name.split('_').collect();
        parts.sort_unstable();
        parts.join("_")
    };
    let likeness = |name: &&String| strsim::jaro_winkler(key, name).max(strsim::jaro(&sorted(key), &sorted(name)));
    known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).expect("there are fields").clone()
}

/// Key whose value lies where the parser met a wrong one, and that value's place.
fn key_at(table: &DeTable<'_>, error: &Range<usize>) -> Option<(String, Range<usize>)> {
    let holds = |value: &Spanned<DeValue<'_>>| value.span().contains(&error.start);
    for (key, value) in table {
        // A section's span is its head alone.
        let inner = value.get_ref().as_table().and_then(|section| section.iter().find(|(_, value)| holds(value)));
        if let Some((inner, value)) = inner {
            return Some((format!("{}.{}", key.get_ref(), inner.get_ref()), value.span()));
        }
        if holds(value) {
            return Some((key.get_ref().to_string(), value.span()));
        }
    }
    None
}

fn line_of(text: &str, span: Range<usize>) -> usize {
    1 + text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count()
}
