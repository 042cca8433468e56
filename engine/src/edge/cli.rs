//! The command line: subcommands, and help that an operator can work from.
//!
//! This is what was typed; `options` makes of it what it means.

use clap::{Parser, Subcommand};

use super::options::Options;

const EXAMPLES: &str = "\
Examples:
  ringwire                                         the demo node at http://127.0.0.1:9001
  ringwire check --connections-max=100000          can this machine hold so many?
  ringwire echo --listen=0.0.0.0:9001 --shards=4   a benchmark target on four cores
  ringwire --config=node.toml --shards=2           a file, with one setting overridden
  ringwire --profile=lowlat                        Ringwire's part of a tuning profile (see ringwire-tune)
  ringwire health --config=node.toml               is it well? for probes
  ringwire --print-config > node.toml              a complete file to start from

Sizes are bytes, or have a unit: 65536, 64KiB, 1MiB, 1GiB. Durations have a unit: 50us, 250ms, 10s, 2m, 1h.
The command line overrides the file, and the file overrides the defaults; a file has the same names with `_`
for `-`.";

/// A WebSocket edge node on io_uring: one thread, one ring and one set of connections per shard.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "ringwire", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

impl Cli {
    /// The subcommand; `serve` when none was typed.
    pub(super) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.options))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(super) enum Command {
    /// Serve the node: topics, and the demos with their pages at / (the default)
    #[command(after_help = EXAMPLES)]
    Serve(Options),
    /// Echo every message on every path, and serve nothing else: a benchmark target
    #[command(after_help = EXAMPLES)]
    Echo(Options),
    /// Send every message to every connection of the same path, its sender included: a benchmark target
    #[command(after_help = EXAMPLES)]
    Broadcast(Options),
    /// Ask the node of this configuration how it is; exit 1 if it is not well, or does not answer
    Health {
        #[command(flatten)]
        options: Options,
        /// Whether it takes connections, and not only whether it works
        #[arg(long)]
        ready: bool,
    },
    /// Tell what this machine offers, what is missing and which command mends it; exit 1 if it cannot run
    #[command(after_help = EXAMPLES)]
    Check {
        #[command(flatten)]
        options: Options,
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
    },
}
