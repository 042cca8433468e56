//! The project's own commands: `cargo xtask COMMAND`.
//!
//! One file or folder per command; `child` and `server` guard the processes that they start, `sys` holds the system
//! calls. Everything works on loopback alone, within bounded time, and without input.

mod artifact;
mod bench;
mod child;
mod ci;
mod circumstances;
mod clients;
mod conformance;
mod deploy;
mod fuzz;
mod generator;
mod install;
mod load;
mod measure;
mod peers;
mod server;
mod step;
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
    /// Run the whole gate: format, lints, tests, docs, conformance, clients, browser, fuzzing.
    Ci(ci::Options),
    /// Run Autobahn's cases, and compare with the expected verdicts.
    Conformance(conformance::Options),
    /// Drive the node with Python's websockets and Node's ws.
    Clients,
    /// Drive the node's pages with Chromium.
    Browser,
    /// Check the deployment files with the tools that read them.
    Deploy,
    /// Try all interleavings of the lock-free parts that are ours.
    Loom,
    /// Run the fuzz targets for a while.
    Fuzz(fuzz::Options),
    /// Run the load generator against servers of others, and with very many connections.
    Load(load::Options),
    /// Put Ringwire beside its peers in every kind of load.
    Bench(bench::Options),
    /// List the peers, or check that each really echoes and broadcasts.
    Peers(peers::Options),
    /// Measure a server beside another one, interleaved, and print the ratios.
    Measure(measure::Options),
    /// One run of the load generator, as `measure` starts it.
    #[command(hide = true)]
    Generator(generator::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Conformance(options) => conformance::main(&options),
        Command::Ci(options) => return ci::main(&options),
        Command::Clients => clients::main(),
        Command::Browser => clients::browser(),
        Command::Deploy => deploy::main(),
        Command::Loom => ci::loom(),
        Command::Fuzz(options) => fuzz::main(&options),
        Command::Load(options) => load::main(&options),
        Command::Bench(options) => bench::main(&options),
        Command::Peers(options) => peers::main(&options),
        Command::Measure(options) => measure::main(&options),
        Command::Generator(options) => generator::main(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
