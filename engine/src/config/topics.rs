//! A rule for topics: which names it is for, how much of them is kept, and who may do what with them.
//!
//! Not here: its ranges (`limits`), and which rule is a name's (`topic::settings`).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::text::{self, ParseError, deserialize_with};
use super::{MIB, Overflow};

/// Settings of all topics whose names match a pattern, one `[[topics]]` of a file.
///
/// ```
/// use ringwire::config::{Config, TopicConfig, TopicOverflow};
///
/// let prices = TopicConfig {
///     pattern: "prices.>".into(),
///     history_count: 1,
///     overflow: Some(TopicOverflow::Conflate),
///     ..TopicConfig::default()
/// };
/// let config = Config { topics: vec![prices], ..Config::default() };
/// assert!(config.validated().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicConfig {
    /// A name (`news`) or a pattern (`sport.*.scores`, `sport.>`): what a client could subscribe to. It must not be covered by the
    /// pattern of an earlier rule, which would always win. No default.
    #[serde(deserialize_with = "deserialize_pattern")]
    pub pattern: String,

    /// Newest messages kept of each topic, for clients that come back. 0 to 16,777,216, default 0: no history, and no offsets.
    pub history_count: u32,

    /// Bytes kept of each topic, 56 B of overhead for each message included. At most 64 GiB and `history_bytes_max`, and at least
    /// one message of `message_bytes_max` with its overhead, so that the newest one is always there. Default 2 MiB.
    #[serde(with = "text::bytes")]
    pub history_bytes: usize,

    /// Age up to which a message is kept. 1 ms to 87,600 h (ten years), default 1 h.
    #[serde(with = "text::duration")]
    pub history_age: Duration,

    /// What happens when a subscriber does not take its messages as fast as they come. Default: what `overflow` says for the
    /// whole server. `drop-oldest` and `conflate` need a history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow: Option<TopicOverflow>,

    /// Who may publish. Default `anyone`.
    pub publish: Access,

    /// Who may subscribe, and read the history. Default `anyone`.
    pub subscribe: Access,

    /// Which messages may be published. Default `any`.
    pub messages: MessageTypes,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            pattern: String::new(),
            history_count: 0,
            history_bytes: 2 * MIB,
            history_age: Duration::from_secs(3600),
            overflow: None,
            publish: Access::Anyone,
            subscribe: Access::Anyone,
            messages: MessageTypes::Any,
        }
    }
}

/// Who may publish to a topic, or subscribe to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Every client.
    Anyone,
    /// No client: the server's own side alone, which is the admin interface and the code of handlers.
    Nobody,
}

/// What happens to a subscriber that is slower than its topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopicOverflow {
    /// It is closed: it comes back, and with a history it resumes where it was.
    #[default]
    Disconnect,
    /// What does not fit any more is dropped.
    DropNewest,
    /// What has waited longest is dropped: it gets the newest messages that the history still has. Needs a history.
    DropOldest,
    /// All but the newest message is dropped. Needs a history, of which one message is enough.
    Conflate,
}

/// Which messages may be published to a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageTypes {
    /// Text and binary.
    Any,
    /// Text alone.
    Text,
    /// Binary alone.
    Binary,
}

impl TopicOverflow {
    /// Whether it drops what waits, and so has to find it again in the topic's history.
    pub(crate) const fn needs_history(self) -> bool {
        matches!(self, Self::DropOldest | Self::Conflate)
    }
}

impl From<Overflow> for TopicOverflow {
    fn from(overflow: Overflow) -> Self {
        match overflow {
            Overflow::Disconnect => Self::Disconnect,
            Overflow::DropNewest => Self::DropNewest,
        }
    }
}

/// How each kind is written.
const ACCESS: [(&str, Access); 2] = [("anyone", Access::Anyone), ("nobody", Access::Nobody)];
const OVERFLOW: [(&str, TopicOverflow); 4] = [
    ("disconnect", TopicOverflow::Disconnect),
    ("drop-newest", TopicOverflow::DropNewest),
    ("drop-oldest", TopicOverflow::DropOldest),
    ("conflate", TopicOverflow::Conflate),
];
const MESSAGES: [(&str, MessageTypes); 3] =
    [("any", MessageTypes::Any), ("text", MessageTypes::Text), ("binary", MessageTypes::Binary)];

fn parse_word<T: Copy>(words: &[(&str, T)], typed: &str, expected: &'static str) -> Result<T, ParseError> {
    let found = words.iter().find(|(word, _)| *word == typed);
    found.map(|&(_, value)| value).ok_or_else(|| ParseError { typed: typed.into(), expected })
}

impl FromStr for Access {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        parse_word(&ACCESS, typed, "`anyone` or `nobody`")
    }
}

impl FromStr for TopicOverflow {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        parse_word(&OVERFLOW, typed, "`disconnect`, `drop-newest`, `drop-oldest` or `conflate`")
    }
}

impl FromStr for MessageTypes {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        parse_word(&MESSAGES, typed, "`any`, `text` or `binary`")
    }
}

impl fmt::Display for TopicOverflow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, _) = OVERFLOW.iter().find(|(_, value)| value == self).expect("all have a word");
        out.write_str(word)
    }
}

impl<'de> Deserialize<'de> for Access {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        deserialize_with(input, Self::from_str)
    }
}

impl<'de> Deserialize<'de> for TopicOverflow {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        deserialize_with(input, Self::from_str)
    }
}

impl<'de> Deserialize<'de> for MessageTypes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        deserialize_with(input, Self::from_str)
    }
}

/// Text alone: a number would read as one too.
fn deserialize_pattern<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    match toml::Value::deserialize(input)? {
        toml::Value::String(text) => Ok(text),
        other => Err(D::Error::custom(format!("`{other}` is not a name or a pattern in quotes such as \"sport.>\""))),
    }
}
