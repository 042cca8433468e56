//! The `ringwire-load` binary: reads its command line, makes the run, tells what came of it.

use std::process::ExitCode;

use clap::Parser;
use ringwire_load::cli::{Cli, Plan};
use ringwire_load::commands;
use ringwire_load::objective::Outcome;
use ringwire_load::report::{self, Report};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let made = Cli::parse().into_plan().map_err(anyhow::Error::from).and_then(|plan| perform(&plan));
    let outcome = made.as_ref().map_or_else(commands::outcome, Outcome::of);
    if let Err(error) = made {
        eprintln!("ringwire-load: {error:#}");
    }
    ExitCode::from(outcome.code())
}

fn perform(plan: &Plan) -> anyhow::Result<Report> {
    plan.common.outputs.check()?;
    let report = commands::run(plan)?;
    print!("{}", report::table(&report));
    plan.common.outputs.write(&report)?;
    Ok(report)
}
