//! The `ringwire` binary: the command line, logs to standard error, the allocator. All else is in the library.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use ringwire::edge::{self, Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let typed = Cli::parse();
    let colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(colour).with_target(false).init();
    edge::run(typed)
}
