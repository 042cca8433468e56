//! Why a command line means nothing, with what to type instead.

use std::time::Duration;

use ringwire::config::text::print_duration;

use super::plan::TOPICS_PATH;
use crate::payload::{SENDER_MAX, TooSmall};

/// What the accounts of all subscribers may take, and what one takes of what a publisher sends to a topic.
pub(super) const ACCOUNTS_BYTES_MAX: u64 = 1 << 30;
pub(super) const ACCOUNT_BYTES: u64 = 32;

/// Why a command line means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A value is out of its range.
    #[error("--{option} is {typed}: it may be {range}")]
    Range {
        /// Which option.
        option: &'static str,
        /// Its value.
        typed: String,
        /// What it may be.
        range: String,
    },
    /// Payloads have no room for a stamp.
    #[error("--size: {0}")]
    Size(TooSmall),
    /// Publishers and topics that are too many to tell apart.
    #[error("{publishers} publishers to {topics} topics are too many to tell apart: make one a multiple of the other")]
    Streams {
        /// `--publishers`.
        publishers: u32,
        /// `--topics`.
        topics: u32,
    },
    /// Accounts of what came from whom that would not fit in memory.
    #[error(
        "{subscribers} subscribers to {streams} publishers each would need {} MiB to check what comes, above {} MiB: ask for fewer \
         --subscribers or --publishers, or make --topics a multiple of --publishers",
        (subscribers * streams * ACCOUNT_BYTES).div_ceil(1 << 20),
        ACCOUNTS_BYTES_MAX >> 20
    )]
    Accounts {
        /// `--subscribers`.
        subscribers: u64,
        /// Publishers that send to each topic.
        streams: u64,
    },
    /// More viewers in all than can be told apart.
    #[error("--viewers is {viewers}, for each of {groups} transports and intervals: it may be 1 to {most} here")]
    Viewers {
        /// `--viewers`.
        viewers: u32,
        /// Transports and intervals.
        groups: u64,
        /// What it may be.
        most: u64,
    },
    /// More connections at a time than there may be.
    #[error("--rate={rate} held for {} is too many connections at a time: at most {SENDER_MAX}, so lower --rate or --hold", print_duration(*hold))]
    Places {
        /// `--rate`.
        rate: String,
        /// `--hold`.
        hold: Duration,
    },
    /// `connect` opens at one rate.
    #[error("--connect-rate is not for `connect`, which opens at --rate: leave it out")]
    ConnectRate,
    /// A transport that this command cannot use, or one twice.
    #[error("--transports has {name}{problem}")]
    Transport {
        /// Which.
        name: String,
        /// What is wrong with it, and what to type instead.
        problem: &'static str,
    },
    /// Topics are followed at paths of their own.
    #[error(
        "{target} has a path that is no topic's: type ws://HOST for topics named load.0 and so on, ws://HOST{TOPICS_PATH}NAME for \
         others, or --transports=broadcast where the server sends to all what one sends"
    )]
    Path {
        /// As typed.
        target: String,
    },
}

pub(super) fn at_most(option: &'static str, typed: u32, most: u32) -> Result<(), UsageError> {
    let range = || format!("1 to {most} here");
    if typed <= most { Ok(()) } else { Err(UsageError::Range { option, typed: typed.to_string(), range: range() }) }
}

pub(super) fn within(option: &'static str, typed: Duration, least: Duration, most: Duration) -> Result<(), UsageError> {
    let range = || format!("{} to {}", print_duration(least), print_duration(most));
    if (least..=most).contains(&typed) {
        return Ok(());
    }
    Err(UsageError::Range { option, typed: print_duration(typed), range: range() })
}
