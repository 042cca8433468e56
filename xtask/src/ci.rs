//! `cargo xtask ci`: the whole gate, from a fresh clone, as root or with sudo, without input.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::step::Steps;
use crate::{artifact, bench, child, clients, conformance, deploy, fuzz, install, load};

/// Everything from nothing on two cores, several times over.
const CARGO_MAX: Duration = Duration::from_secs(1800);

/// The standard library of a target, downloaded.
const TARGET_MAX: Duration = Duration::from_secs(120);

/// The build from nothing, and seconds of tests.
const LOOM_MAX: Duration = Duration::from_secs(600);

const CLIPPY_LIBRARY: [&str; 6] = ["clippy", "--package", "ringwire", "--no-default-features", "--lib", "--quiet"];

/// Run the whole gate.
#[derive(Args)]
pub(crate) struct Options {
    /// How long each fuzz target runs.
    #[arg(long, default_value_t = 60)]
    fuzz_seconds: u64,
}

pub(crate) fn main(options: &Options) -> ExitCode {
    let mut steps = Steps::default();
    steps.run("install", install::programs);
    steps.run("format", || cargo(&["fmt", "--all", "--check"]));
    steps.run("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]));
    // What embedders use: without the binary and what it alone needs.
    steps.run("library alone", library_alone);
    steps.run("aarch64", aarch64);
    steps.run("build", || cargo(&["build", "--workspace", "--all-targets", "--quiet"]));
    steps.run("test", || cargo(&["test", "--workspace", "--no-fail-fast"]));
    steps.run("loom", loom);
    steps.run("doc", doc);
    steps.run("conformance", conformance::both);
    steps.run("clients", clients::main);
    steps.run("browser", clients::browser);
    steps.run("deploy", deploy::main);
    steps.run("instructions", || bench::instructions::main(false));
    steps.run("load", || load::main(&load::Options::default()));
    // Always the same beginning: what fails here fails again. `cargo xtask fuzz` looks elsewhere each time.
    let fuzzing = fuzz::Options { seconds: options.fuzz_seconds, seed: 1, ..fuzz::Options::default() };
    steps.run("fuzz", || fuzz::main(&fuzzing));
    steps.finish()
}

fn cargo(arguments: &[&str]) -> Result<()> {
    child::run(&mut artifact::cargo(arguments), CARGO_MAX)
}

fn library_alone() -> Result<()> {
    cargo(&[&CLIPPY_LIBRARY[..], &["--examples", "--", "-D", "warnings"]].concat())?;
    cargo(&["build", "--package", "ringwire", "--no-default-features", "--lib", "--examples", "--quiet"])
}

/// The NEON kernels must compile, although they do not run here. A machine that cannot have the target's standard library says
/// so and goes on.
fn aarch64() -> Result<()> {
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    if let Err(error) = child::run(Command::new("rustup").args(["target", "add", TARGET]), TARGET_MAX) {
        println!("NOT CHECKED: `rustup target add {TARGET}` does not work here: {error:#}");
        return Ok(());
    }
    cargo(&[&CLIPPY_LIBRARY[..], &["--target", TARGET, "--", "-D", "warnings"]].concat())
}

/// All interleavings of the lock-free parts that are ours. In a folder of its own: the flag has everything built anew. The
/// library alone, of which the node would use more.
pub(crate) fn loom() -> Result<()> {
    let folder = artifact::target().join("loom");
    let mut command = artifact::cargo(&["test", "--package", "ringwire", "--no-default-features", "--lib", "--quiet"]);
    command.arg("--target-dir").arg(folder).arg("interleavings").env("RUSTFLAGS", "--cfg loom --allow dead_code");
    child::run(&mut command, LOOM_MAX)
}

fn doc() -> Result<()> {
    let mut command = artifact::cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    child::run(command.env("RUSTDOCFLAGS", "-D warnings"), CARGO_MAX)
}
