//! The `ringwire-load` binary: reads its command line, makes the run, tells what came of it.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ringwire_load::cli::{Cli, Outputs, Plan};
use ringwire_load::commands;
use ringwire_load::objective::Outcome;
use ringwire_load::report::{self, Report};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let plan = match Cli::parse().into_plan() {
        Ok(plan) => plan,
        Err(error) => return fail(Outcome::Usage, &error.into()),
    };
    match perform(&plan) {
        Ok(report) => ExitCode::from(Outcome::of(&report).code()),
        Err(error) => fail(Outcome::Invalid, &error),
    }
}

fn perform(plan: &Plan) -> anyhow::Result<Report> {
    let report = commands::run(plan)?;
    print!("{}", report::table(&report));
    write(&plan.common.outputs, &report)?;
    Ok(report)
}

fn write(outputs: &Outputs, report: &Report) -> anyhow::Result<()> {
    let files = [
        (&outputs.json, Report::to_json as fn(&Report) -> String),
        (&outputs.csv, report::rows),
        (&outputs.html, report::page),
    ];
    for (path, render) in files {
        if let Some(path) = path {
            std::fs::write(path, render(report)).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if let Some(folder) = &outputs.svg {
        report::plot::write(report, folder).with_context(|| format!("cannot write plots to {}", folder.display()))?;
    }
    Ok(())
}

fn fail(outcome: Outcome, error: &anyhow::Error) -> ExitCode {
    eprintln!("ringwire-load: {error:#}");
    ExitCode::from(outcome.code())
}
