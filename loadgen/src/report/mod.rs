//! What a command found out, as one type: the JSON, and what the table, the rows, the page and the plots are made of.
//!
//! `README.md` of this package documents the JSON field by field; names there are the names here. Times in it are in
//! nanoseconds unless the name says seconds, sizes in bytes, shares from 0 to 1.

mod csv;
mod group;
mod html;
pub mod plot;
mod table;
pub mod units;
mod usage;
mod validity;
mod viewers;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::csv::rows;
pub use group::{Connections, Group, Latencies};
pub use html::page;
pub use table::table;
pub use usage::{Generator, Instructions, Machine, ServerUse, ThreadUse};
pub use validity::{Bounds, Reason};

use crate::objective::Judged;

/// Number of the JSON's form; it grows when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// The result of one command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The words of the command line.
    pub command: Vec<String>,
    /// Version of `ringwire-load`.
    pub version: String,
    /// When the run began, RFC 3339, in UTC.
    pub date: String,
    /// Where the generator ran.
    pub machine: Machine,
    /// The server, as it was typed.
    pub target: String,
    /// What the command was told or took by default, by the options' names.
    pub settings: BTreeMap<String, String>,
    /// What was measured, and what was left out before it.
    pub window: Window,
    /// One plain sentence on what came out, where a command has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// One for `echo`, `idle` and `connect`, one for each transport of `fanout`, one for each transport and interval of
    /// `compare`.
    pub groups: Vec<Group>,
    /// What the server used meanwhile, if its pid was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerUse>,
    /// What the generator itself used.
    pub generator: Generator,
    /// Why this run tells nothing of the server; empty for a valid one.
    pub invalid: Vec<Reason>,
    /// What was to be reached, and whether it was.
    pub objectives: Vec<Judged>,
}

/// The part of the run that is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Load before the window, of which nothing is counted.
    pub warm_up_seconds: f64,
    /// Length of the window.
    pub seconds: f64,
}

impl Report {
    /// An empty report of the command that this process was started with, on this machine, now.
    pub fn begin(target: &str, settings: BTreeMap<String, String>) -> Self {
        Self {
            schema: SCHEMA,
            command: std::env::args().collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            machine: Machine::here(),
            target: target.to_owned(),
            settings,
            window: Window::default(),
            headline: None,
            groups: Vec::new(),
            server: None,
            generator: Generator::default(),
            invalid: Vec::new(),
            objectives: Vec::new(),
        }
    }

    /// The report as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("all keys are text") + "\n"
    }

    /// The command line as one types it.
    pub fn command_line(&self) -> String {
        let program = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
        let words = self.command.iter().enumerate();
        let words = words.map(|(index, word)| if index == 0 { program(word) } else { quoted(word) });
        words.collect::<Vec<_>>().join(" ")
    }
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
