//! The journal's part of the configuration: the section `[journal]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::{self, ParseError, deserialize_with, parse_duration, print_duration};
use super::{KIB, MIB};

const GIB: usize = 1024 * MIB;

/// Where topics with history are kept over restarts, and how surely. A server that is embedded has no journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// Directory of the journal's files, of one node alone, made if need be; default none: histories end with the process.
    #[serde(with = "text::path_or_none")]
    pub dir: Option<PathBuf>,

    /// When written messages are synced to the disk, and so when a publication counts as durable. Default `always`.
    pub fsync: Fsync,

    /// Bytes of one file, before the next one is begun; a larger message has one of its own. 1 MiB to 1 GiB, default
    /// 64 MiB. A start reads one file at a time into memory.
    #[serde(with = "text::bytes")]
    pub segment_bytes_max: usize,

    /// Bytes of all files; when there are more, the oldest go, even if histories still hold what is in them. At least
    /// 2 × `segment_bytes_max`, at most 16 TiB, default 4 GiB. Files with something that is not served because of a problem at the
    /// start count, and do not go.
    #[serde(with = "text::bytes")]
    pub journal_bytes_max: usize,

    /// For so long after a start no file that it found goes, unless `journal_bytes_max` needs the room: a rule that became smaller by
    /// mistake costs nothing until then. 0 to 1 year, default 24 h.
    #[serde(with = "text::duration")]
    pub retention_grace: Duration,

    /// Messages that wait to be written; more are refused as busy. 16 to 1,048,576, default 16,384.
    pub queue_count: u32,

    /// Bytes of the messages that wait; one is taken whatever its size when it is alone. 64 KiB to 4 GiB, default 16 MiB.
    #[serde(with = "text::bytes")]
    pub queue_bytes_max: usize,
}

/// When written messages are synced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// After each write; messages that come meanwhile share the next one. What is acknowledged survives a power failure.
    Always,
    /// So long after the first message that is not synced; acknowledgements wait for it. 1 ms to 1 h. What is
    /// acknowledged survives a power failure.
    Every(Duration),
    /// When the system pleases; a message is acknowledged when it is written. It survives the end of the process, however
    /// that ends, and maybe not a power failure.
    Never,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            dir: None,
            fsync: Fsync::Always,
            segment_bytes_max: 64 * MIB,
            journal_bytes_max: 4 * GIB,
            retention_grace: Duration::from_secs(24 * 3600),
            queue_count: 16_384,
            queue_bytes_max: 16 * MIB,
        }
    }
}

impl JournalConfig {
    /// Largest `segment_bytes_max`.
    pub(crate) const SEGMENT_BYTES_MAX: usize = GIB;
    pub(super) const SEGMENT_BYTES_MIN: usize = MIB;
    pub(super) const JOURNAL_BYTES_MAX: usize = 16 * 1024 * GIB;
    pub(super) const QUEUE_BYTES_MIN: usize = 64 * KIB;
    pub(super) const QUEUE_BYTES_MAX: usize = 4 * GIB;
}

#[cfg(any(test, feature = "node"))]
impl Fsync {
    /// Time from the first write to the sync that it waits for; `None` if it waits for none.
    pub(crate) fn delay(self) -> Option<Duration> {
        match self {
            Self::Always => Some(Duration::ZERO),
            Self::Every(delay) => Some(delay),
            Self::Never => None,
        }
    }
}

const FSYNC_EXPECTED: &str = "`always`, `never` or a duration such as 100ms";

impl FromStr for Fsync {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        match typed {
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            delay => parse_duration(delay)
                .map(Self::Every)
                .map_err(|_| ParseError { typed: typed.into(), expected: FSYNC_EXPECTED }),
        }
    }
}

impl fmt::Display for Fsync {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => out.write_str("always"),
            Self::Never => out.write_str("never"),
            Self::Every(delay) => out.write_str(&print_duration(*delay)),
        }
    }
}

impl Serialize for Fsync {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        self.to_string().serialize(output)
    }
}

impl<'de> Deserialize<'de> for Fsync {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        deserialize_with(input, Self::from_str)
    }
}
