//! The configuration as TOML: the same names as the fields of [`Config`], at the top level, each at most once; those of
//! [`Admin`](super::Admin) in the section `[admin]`, of [`JournalConfig`](super::JournalConfig) in `[journal]`; and a table `[[topics]]` for each rule, with the names of the fields of
//! [`TopicConfig`].
//!
//! What a file leaves out keeps its default. A key that does not exist is an error that names the nearest one that
//! does. Each key is checked by itself, so that all that is wrong is told at once. [`print()`] writes every field, so that
//! its output is a complete file with the same meaning.
//!
//! Not here: ranges and contradictions, which hold whatever the values came from (`limits`).

use std::io;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, TopicConfig, TopicOverflow};

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
    /// A key of the server in a rule, or the other way round.
    #[error("{line}: `{key}` is a key of {owner}")]
    Misplaced {
        /// Line.
        line: usize,
        /// The key as typed.
        key: String,
        /// Whose it is, and where to write it.
        owner: &'static str,
    },
    /// A section that there is not.
    #[error(
        "{line}: unknown section [{key}]: there is [admin] and [journal], rules are [[topics]], and all other keys stand at the top \
         level"
    )]
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

impl TextError {
    fn line(&self) -> usize {
        match *self {
            Self::Syntax { line, .. }
            | Self::UnknownKey { line, .. }
            | Self::Misplaced { line, .. }
            | Self::Section { line, .. }
            | Self::Value { line, .. } => line,
        }
    }
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

/// Reads a configuration file over the text of another, of which all that is right is known: a profile.
///
/// # Errors
///
/// As [`read`].
#[cfg(feature = "node")]
pub(crate) fn read_over(below: &str, path: &Path) -> Result<Config, FileError> {
    let text = std::fs::read_to_string(path).map_err(|source| FileError::Read { path: path.into(), source })?;
    let both = parse(&text).map(|_| {
        let mut both: toml::Table = below.parse().expect("it was parsed before");
        both.extend(text.parse::<toml::Table>().expect("it was parsed just now"));
        both.try_into().expect("each of both was read, and keys do not depend on each other")
    });
    both.map_err(|errors| FileError::Text { path: path.into(), errors })
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
    let (server, rule) = (Keys::of_server(), Keys::of_rule());
    let mut errors = Vec::new();
    for (key, value) in table.get_ref() {
        match (&**key.get_ref(), value.get_ref()) {
            (RULES, _) => errors.extend(check_rules(text, &rule, &server, value)),
            (name, DeValue::Table(section)) if server.is_section(name) => {
                let entries = section.iter();
                errors.extend(entries.filter_map(|(key, value)| {
                    server.check(text, &rule, format!("{name}.{}", key.get_ref()), key.span(), value)
                }));
            }
            (name, _) => errors.extend(server.check(text, &rule, name.to_owned(), key.span(), value)),
        }
    }
    errors.sort_by_key(TextError::line);
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

/// The field of [`Config`] that holds the rules.
const RULES: &str = "topics";

/// The keys of one kind of table.
struct Keys {
    /// Each with a value that it may have.
    known: toml::Table,
    /// Reads a table that has one of them.
    read: fn(&str) -> Result<(), toml::de::Error>,
    /// Whose they are, and where they stand.
    owner: &'static str,
}

impl Keys {
    fn of_server() -> Self {
        let known = known_fields();
        let owner = "the whole server: write it above the first [[topics]]";
        Self { known, read: read_as::<Config>, owner }
    }

    fn of_rule() -> Self {
        let rule =
            TopicConfig { history_count: 100, overflow: Some(TopicOverflow::Conflate), ..TopicConfig::default() };
        let known = toml::Table::try_from(rule).expect("every field has a TOML form");
        Self { known, read: read_as::<TopicConfig>, owner: "a rule: write it below a [[topics]]" }
    }

    /// Whether keys stand in a section of this name.
    fn is_section(&self, name: &str) -> bool {
        self.known.keys().any(|known| known.split_once('.').is_some_and(|(section, _)| section == name))
    }

    /// Checks one key, of which `span` is, and its value, as if they stood alone. `others` do not belong into this table.
    fn check(
        &self,
        text: &str,
        others: &Self,
        key: String,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<TextError> {
        let (line, found) = (line_of(text, &span), &text[value.span()]);
        // An inline table is a value.
        if value.get_ref().is_table() && !found.starts_with('{') {
            return Some(TextError::Section { line, key });
        }
        let Some(known) = self.known.get(&key) else { return Some(self.unknown(line, others, key)) };
        let error = (self.read)(&format!("{key} = {found}")).err()?;
        let message = match expected(known) {
            Some(expected) => format!("`{}` is not {expected}", found.lines().next().unwrap_or_default()),
            None => error.message().to_owned(),
        };
        Some(TextError::Value { line: line_of(text, &value.span()), key, message })
    }

    fn unknown(&self, line: usize, others: &Self, key: String) -> TextError {
        if others.known.contains_key(&key) {
            return TextError::Misplaced { line, key, owner: others.owner };
        }
        TextError::UnknownKey { line, nearest: nearest(&key, &self.known), key }
    }
}

fn read_as<T: DeserializeOwned>(text: &str) -> Result<(), toml::de::Error> {
    toml::from_str::<T>(text).map(drop)
}

/// Checks each key of each rule.
fn check_rules(text: &str, rule: &Keys, server: &Keys, rules: &Spanned<DeValue<'_>>) -> Vec<TextError> {
    let wrong = |span: Range<usize>, message: &str| {
        let line = line_of(text, &span);
        vec![TextError::Value { line, key: RULES.into(), message: message.into() }]
    };
    let DeValue::Array(list) = rules.get_ref() else {
        return wrong(rules.span(), "begin each rule with [[topics]], in two pairs of brackets");
    };
    let check = |found: &Spanned<DeValue<'_>>| {
        let DeValue::Table(table) = found.get_ref() else {
            return wrong(found.span(), "a rule is a table that begins with [[topics]]");
        };
        let mut errors: Vec<_> = table
            .iter()
            .filter_map(|(key, value)| rule.check(text, server, key.get_ref().to_string(), key.span(), value))
            .collect();
        if !table.contains_key("pattern") {
            errors.extend(wrong(found.span(), "a rule needs a pattern, such as pattern = \"sport.>\""));
        }
        errors
    };
    list.iter().flat_map(check).collect()
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
