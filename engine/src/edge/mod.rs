//! What makes the engine a node that an operator runs: the command line and what each subcommand does.
//!
//! [`run`] turns what was typed into a checked configuration, announces it, and hands it to the subcommand.
//!
//! Not here: the server itself, which an embedder uses without any of this.

mod announce;
mod audience;
mod broadcast;
mod chat;
mod check;
pub mod cli;
mod client;
mod clock;
mod connect;
mod control;
mod demo;
mod denial;
mod echo;
mod flipbook;
mod health;
mod home;
pub(crate) mod journal;
mod node;
mod options;
mod pages;
mod profile;
mod serve;
#[cfg(test)]
mod tests;
mod ticker;
mod topics;
pub(crate) mod v1;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::{ConfigError, FileError, ValidConfig, file};
use crate::http::{OriginRulesError, RouteError};
use crate::server;
use crate::sys::limits;

pub use cli::Cli;
pub use control::ControlError;
pub use journal::JournalError;

use cli::Command;
use options::Options;

/// Exit code for what was typed wrong, on the command line or in the file; `clap` uses the same.
const EXIT_USAGE: u8 = 2;

/// Why a server does not start. Displays what an operator needs to mend it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration breaks a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A tuning profile cannot be used.
    #[error("--profile={name}: {error}")]
    Profile {
        /// What was typed.
        name: String,
        /// What is wrong with it.
        error: String,
    },
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] server::StartError),
    /// A route is wrong.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A rule for origins is none.
    #[error("origins: {0}")]
    Origins(#[from] OriginRulesError),
    /// A journal for a server that has no topics to keep.
    #[error(
        "--journal…: `ringwire echo` and `ringwire broadcast` keep nothing; `ringwire serve` has topics and a journal"
    )]
    NothingToKeep,
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no admin interface.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// What the service manager passed on is no listener.
    #[error("the sockets that the service manager passed on cannot be used: {0}")]
    Passed(io::Error),
    /// There is no admin interface that could be asked.
    #[error(
        "the node has no admin interface to ask: --admin-listen=ADDR:PORT, or the file of --config, says where it is"
    )]
    NothingToAsk,
    /// The signals cannot be caught.
    #[error("cannot catch SIGTERM and SIGINT: {0}")]
    Signals(io::Error),
}

/// Does what was typed, until it is done or the process is told to stop.
pub fn run(typed: Cli) -> ExitCode {
    let outcome = match typed.into_command() {
        Command::Serve(options) => start(&options, options.node_config(), &options.warnings(), serve::run),
        Command::Echo(options) => start(&options, options.bare_config(), &[], echo::run),
        Command::Broadcast(options) => start(&options, options.bare_config(), &[], broadcast::run),
        Command::Health { options, ready } => {
            with_config(&options, options.node_config(), |config| health::run(&config, ready))
        }
        Command::Check { options, json } => {
            announce::warn(&options.warnings());
            with_config(&options, options.node_config(), |config| check::run(&config, options.profile.as_deref(), json))
        }
    };
    outcome.unwrap_or_else(|error| {
        tell(&error);
        match error {
            StartError::File(_)
            | StartError::Config(_)
            | StartError::Origins(_)
            | StartError::Profile { .. }
            | StartError::NothingToAsk
            | StartError::NothingToKeep => ExitCode::from(EXIT_USAGE),
            _ => ExitCode::FAILURE,
        }
    })
}

fn start(
    options: &Options,
    config: Result<ValidConfig, StartError>,
    warnings: &[String],
    server: fn(&ValidConfig) -> Result<(), StartError>,
) -> Result<ExitCode, StartError> {
    if options.print_config {
        announce::warn(warnings);
    }
    with_config(options, config, |config| {
        // As far as it goes without privilege. If that is not enough, the probe says what is.
        let _ = limits::raise_nofile();
        announce::announce(&config, warnings);
        server(&config).map(|()| ExitCode::SUCCESS)
    })
}

/// Prints the configuration if that was asked for, and does `action` with it otherwise.
fn with_config(
    options: &Options,
    config: Result<ValidConfig, StartError>,
    action: impl FnOnce(ValidConfig) -> Result<ExitCode, StartError>,
) -> Result<ExitCode, StartError> {
    let config = config?;
    if options.print_config {
        print(&file::print(&config));
        return Ok(ExitCode::SUCCESS);
    }
    action(config)
}

/// To standard output. A reader that went away, as `| head` does, is no error.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// An error to standard error; lines that belong to the one above are indented.
fn tell(error: &StartError) {
    for line in error.to_string().lines() {
        match line.strip_prefix("  ") {
            Some(rest) => eprintln!("       {rest}"),
            None => eprintln!("error: {line}"),
        }
    }
}
