//! The configuration as TOML: the same names as the fields of [`Config`], at the top level, each at most once; those of
//! [`Admin`](super::Admin) in the section `[admin]`, of [`JournalConfig`](super::JournalConfig) in `[journal]`.
//!
//! What a file leaves out keeps its default. A key that does not exist is an error that names the nearest one that
//! does. Each key is checked by itself, so that all that is wrong is told at once. [`print()`] writes every field, so that
//! its output is a complete file with the same meaning.
//!
//! Not here: ranges and contradictions, which hold whatever the values came from (`limits`).

use std::io;
use std::ops::{Deref, Range};
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
    #[error("{}", lines(errors, |error| format!("{}:{error}", path.display())))]
    Text {
        /// The file.
        path: PathBuf,
        /// All that is wrong with it.
        errors: TextErrors,
    },
}

/// All that is wrong with the text of a configuration, in the order of its lines; one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(self, TextError::to_string))]
pub struct TextErrors(Vec<TextError>);

impl Deref for TextErrors {
    type Target = [TextError];

    /// Never empty.
    fn deref(&self) -> &[TextError] {
        &self.0
    }
}

fn lines(errors: &TextErrors, print: impl Fn(&TextError) -> String) -> String {
    errors.iter().map(print).collect::<Vec<_>>().join("\n")
}

/// One thing that is wrong with the text of a configuration, and in which line (from 1).
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
    #[error("{line}: unknown section [{key}]: there are [admin] and [journal], and all other keys stand at the top level")]
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
    parse(&text).map_err(|errors| FileError::Text { path: path.into(), errors })
}

/// Reads the text of a configuration file over the defaults.
///
/// # Errors
///
/// [`TextErrors`]: the first thing that keeps the text from being TOML, or else every key and every value that is wrong.
pub fn parse(text: &str) -> Result<Config, TextErrors> {
    let syntax = |error: toml::de::Error| {
        let line = line_of(text, &error.span().unwrap_or_default());
        TextErrors(vec![TextError::Syntax { line, message: error.message().to_owned() }])
    };
    let table = DeTable::parse(text).map_err(syntax)?;
    let known = known_fields();
    let entries = Entry::all(table.get_ref(), &known);
    let errors: Vec<_> = entries.iter().filter_map(|entry| entry.check(text, &known).err()).collect();
    if errors.is_empty() { toml::from_str(text).map_err(syntax) } else { Err(TextErrors(errors)) }
}

/// Writes every field as TOML; [`parse`] reads it back to the same configuration.
pub fn print(config: &Config) -> String {
    toml::to_string(config).expect("every field has a TOML form")
}

/// Every field with its default; one of a section has the section's name before it.
fn known_fields() -> toml::Table {
    let all = toml::Table::try_from(Config::default()).expect("every field has a TOML form");
    let fields = all.into_iter().flat_map(|(key, value)| match value {
        toml::Value::Table(section) => {
            section.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)).collect()
        }
        value => vec![(key, value)],
    });
    fields.collect()
}

/// A key of a text, named as in [`known_fields`], and its value.
struct Entry<'t> {
    key: String,
    span: Range<usize>,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Entry<'t> {
    /// All of a text, in the order of its lines.
    fn all(table: &'t DeTable<'t>, known: &toml::Table) -> Vec<Self> {
        let is_section = |name: &str| known.keys().any(|known| known.split_once('.').is_some_and(|(of, _)| of == name));
        let mut entries = Vec::new();
        for (key, value) in table {
            let name = key.get_ref();
            match value.get_ref() {
                DeValue::Table(section) if is_section(name) => {
                    entries.extend(section.iter().map(|(key, value)| Self {
                        key: format!("{name}.{}", key.get_ref()),
                        span: key.span(),
                        value,
                    }))
                }
                _ => entries.push(Self { key: name.to_string(), span: key.span(), value }),
            }
        }
        entries.sort_by_key(|entry| entry.span.start);
        entries
    }

    /// Checks the key and its value, as if they stood alone.
    fn check(&self, text: &str, known: &toml::Table) -> Result<(), TextError> {
        let (line, key, found) = (line_of(text, &self.span), self.key.clone(), &text[self.value.span()]);
        // An inline table is a value.
        let is_section = self.value.get_ref().is_table() && !found.starts_with('{');
        let default = match known.get(&key) {
            _ if is_section => return Err(TextError::Section { line, key }),
            None => return Err(TextError::UnknownKey { line, nearest: nearest(&key, known), key }),
            Some(default) => default,
        };
        let Err(error) = toml::from_str::<Config>(&format!("{key} = {found}")) else { return Ok(()) };
        let message = match expected(default) {
            Some(expected) => format!("`{}` is not {expected}", found.lines().next().unwrap_or_default()),
            None => error.message().to_owned(),
        };
        Err(TextError::Value { line: line_of(text, &self.value.span()), key, message })
    }
}

/// What to write for a field of which no parser of ours (`text`) says so.
fn expected(default: &toml::Value) -> Option<String> {
    match default {
        toml::Value::Integer(number) => Some(format!("a whole number such as {number}")),
        toml::Value::Boolean(_) => Some("`true` or `false`".into()),
        _ => None,
    }
}

/// The name most like `key`. Parts in another order (`max_connections`) weigh less than other letters do.
fn nearest(key: &str, known: &toml::Table) -> String {
    let sorted = |name: &str| {
        let name = name.replace('-', "_").to_lowercase();
        let mut parts: Vec<_> = name.split('_').collect();
        parts.sort_unstable();
        parts.join("_")
    };
    let likeness = |name: &&String| strsim::jaro_winkler(key, name).max(strsim::jaro(&sorted(key), &sorted(name)));
    known.keys().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).expect("there are fields").clone()
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    1 + text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count()
}
