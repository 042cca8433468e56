//! What is typed: the options of each command, in groups that commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ringwire::config::text::parse_duration;

use super::plan::Transport;
use crate::schedule::Rate;
use crate::sizes::Sizes;
use crate::target::Target;

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct Echo {
    /// Connections, each of which sends and gets back
    #[arg(long, value_name = "COUNT", default_value = "50", value_parser = count)]
    pub(super) connections: u32,
    /// Messages per second, sent whether or not answers are missing [default: 1000]
    #[arg(long, value_name = "RATE", conflicts_with = "depth")]
    pub(super) rate: Option<Rate>,
    /// Messages that each connection has in flight: a closed loop instead of a rate
    #[arg(long, value_name = "COUNT", conflicts_with = "ramp", value_parser = count)]
    pub(super) depth: Option<u32>,
    /// Time in which the rate grows from nothing; part of the warm-up
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) ramp: Option<Duration>,
    #[command(flatten)]
    pub(super) window: Window,
    #[command(flatten)]
    pub(super) messages: Messages,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct Fanout {
    /// Subscribers by each transport, spread over the topics
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = count)]
    pub(super) subscribers: u32,
    /// Topics that are published to in turn
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = count)]
    pub(super) topics: u32,
    /// Connections that publish in turn
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = count)]
    pub(super) publishers: u32,
    /// Publications per second
    #[arg(long, value_name = "RATE", default_value = "10")]
    pub(super) rate: Rate,
    /// Transports, one after the other
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',', default_value = "websocket")]
    pub(super) transports: Vec<Transport>,
    /// How often each subscriber by short-poll asks
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub(super) poll_interval: Duration,
    #[command(flatten)]
    pub(super) window: Window,
    #[command(flatten)]
    pub(super) messages: Messages,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct Idle {
    /// Connections to hold
    #[arg(long, value_name = "COUNT", default_value = "10k", value_parser = count)]
    pub(super) connections: u32,
    /// How long all of them are held
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub(super) duration: Duration,
    /// Whether each connection has to answer an echo at the end
    #[arg(long, value_name = "true|false", default_value = "true", hide_possible_values = true, action = clap::ArgAction::Set)]
    pub(super) verify: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct Connect {
    /// Connections to begin per second
    #[arg(long, value_name = "RATE", default_value = "100")]
    pub(super) rate: Rate,
    /// How long each is kept open
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = parse_duration)]
    pub(super) hold: Duration,
    #[command(flatten)]
    pub(super) window: Window,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct Compare {
    /// Viewers by each transport and interval
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = count)]
    pub(super) viewers: u32,
    /// Frames published per second
    #[arg(long, value_name = "RATE", default_value = "30")]
    pub(super) frames: Rate,
    /// Transports, all at once
    #[arg(
        long,
        value_name = "LIST",
        value_enum,
        value_delimiter = ',',
        default_value = "websocket,sse,long-poll,short-poll"
    )]
    pub(super) transports: Vec<Transport>,
    /// Intervals of short polling, each with viewers of its own
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "100ms,250ms,1s", value_parser = parse_duration)]
    pub(super) poll_intervals: Vec<Duration>,
    /// Then run each transport alone, for what it costs the server; needs --server-pid
    #[arg(long, requires = "server_pid")]
    pub(super) apart: bool,
    /// Size of a frame, in bytes
    #[arg(long, value_name = "SIZE", default_value = "200")]
    pub(super) size: Sizes,
    #[command(flatten)]
    pub(super) window: Window,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What all commands have.
#[derive(Debug, Clone, PartialEq, Args)]
pub(super) struct Common {
    /// The server, such as ws://127.0.0.1:9001/path?query
    #[arg(value_name = "URL", help_heading = None::<&'static str>)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) connecting: Connecting,
    #[command(flatten)]
    pub(super) judging: Judging,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Connecting")]
pub(super) struct Connecting {
    /// Threads, each with its own ring and its share of the connections
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = count)]
    pub(super) threads: u32,
    /// Connections that are begun per second before the load; not for `connect` [default: 5k]
    #[arg(long, value_name = "RATE")]
    pub(super) connect_rate: Option<Rate>,
    /// Time from the start of connecting to the end of the handshake, after which it has failed
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub(super) connect_timeout: Duration,
    /// Seed of sizes and of everything else that is drawn
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(super) seed: u64,
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Time")]
pub(super) struct Window {
    /// Time under load that is measured
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub(super) duration: Duration,
    /// Time under load before that, of which nothing is counted
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_duration)]
    pub(super) warm_up: Duration,
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Messages")]
pub(super) struct Messages {
    /// Payload sizes, from 20 bytes on, 40 in text: one, or uniform:20-2000, normal:1000/200 (mean/deviation), list:20*90,16KiB*10 (size*weight)
    #[arg(long, value_name = "SIZES", default_value = "64")]
    pub(super) size: Sizes,
    /// How payloads are written: binary, or text that is valid UTF-8 and stands in JSON as it is
    #[arg(long, value_name = "binary|text", default_value = "binary", hide_possible_values = true)]
    pub(super) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    Binary,
    Text,
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Objectives")]
pub(super) struct Judging {
    /// Longest p50 of the main latency
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) p50_max: Option<Duration>,
    /// Longest p99 of the main latency
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) p99_max: Option<Duration>,
    /// Longest p99.9 of the main latency
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) p999_max: Option<Duration>,
    /// Least share of the expected messages that came, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) reach_min: Option<f64>,
    /// Least messages received per second
    #[arg(long, value_name = "RATE")]
    pub(super) rate_min: Option<Rate>,
    /// Most messages that were wrong and connections that were lost [default: 0]
    #[arg(long, value_name = "COUNT|off", value_parser = errors)]
    pub(super) errors_max: Option<Errors>,
    /// p99 of the generator's own lag above which the run is invalid
    #[arg(long, value_name = "DURATION", default_value = "1ms", value_parser = parse_duration)]
    pub(super) offer_lag_max: Duration,
}

/// `--errors-max` as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    Off,
    Max(u64),
}

#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Output {
    /// Watch the server with this pid: CPU, memory, instructions
    #[arg(long, value_name = "PID")]
    pub(super) server_pid: Option<u32>,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write one row for each group, as CSV
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// Write a page with plots that needs nothing beside itself
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Write the plots as SVG files into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(super) svg: Option<PathBuf>,
    /// Tell no progress
    #[arg(long)]
    pub(super) quiet: bool,
}

/// A whole number above 0, also as `10k` or `1M`.
fn count(typed: &str) -> Result<u32, String> {
    let (digits, factor) = match typed.as_bytes().last() {
        Some(b'k') => (&typed[..typed.len() - 1], 1_000),
        Some(b'M') => (&typed[..typed.len() - 1], 1_000_000),
        _ => (typed, 1),
    };
    let number = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(factor)).filter(|&number| number > 0);
    number.ok_or_else(|| format!("`{typed}` is not a number above 0 such as 50, 10k or 1M"))
}

fn share(typed: &str) -> Result<f64, String> {
    let share = typed.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{typed}` is not a share from 0 to 1 such as 0.999"))
}

fn errors(typed: &str) -> Result<Errors, String> {
    match typed {
        "off" => Ok(Errors::Off),
        count => {
            count.parse().map(Errors::Max).map_err(|_| format!("`{typed}` is neither a number such as 0 nor `off`"))
        }
    }
}
