//! The project's own commands: `cargo xtask COMMAND`.
//!
//! One file or folder per command; `child` and `server` guard the processes that they start, `sys` holds the system
//! calls. Everything works on loopback alone, within bounded time, and without input.

mod artifact;
mod child;
mod generator;
mod measure;
mod server;
mod sys;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure a server beside another one, interleaved, and print the ratios.
    Measure(measure::Options),
    /// One run of the load generator, as `measure` starts it.
    #[command(hide = true)]
    Generator(generator::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Measure(options) => measure::main(&options),
        Command::Generator(options) => generator::main(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}
