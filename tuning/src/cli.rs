//! The command line of `ringwire-tune`.
//!
//! It exits with 0 when all is as asked, with 1 when something differs or could not be done, with 2 when it was called wrongly.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::affinity;
use crate::amount::Facts;
use crate::apply::apply;
use crate::capacity::Capacity;
use crate::export::{self, export};
use crate::machine::Machine;
use crate::plan::{Plan, Scope, Verdict};
use crate::profile::{Profile, Risk};
use crate::report;
use crate::revert::revert;
use crate::state;
use crate::system::{Real, System};

const EXAMPLES: &str = "\
Examples:
  ringwire-tune list
  ringwire-tune plan fanout --connections=1M        what would change, and does the machine hold so many?
  sudo ringwire-tune apply fanout --connections=1M  what is safe alone
  sudo ringwire-tune apply lowlat --allow-risk=trade-off --only=cpu,irq
  sudo ringwire-tune revert                         all as it was
  ringwire-tune export sysctl fanout > /etc/sysctl.d/90-ringwire.conf

A profile is the name of one that comes with the program, or the path of a file. `apply` holds until the machine
restarts; `export` makes files for what is to stay.";

/// Kernel and CPU-affinity profiles for Ringwire: check, apply, take back.
#[derive(Debug, Parser)]
#[command(name = "ringwire-tune", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Where what was before is kept
    #[arg(long, global = true, default_value = state::PATH)]
    state: PathBuf,
    /// The machine below this folder: for tests
    #[arg(long, global = true, default_value = "/", hide = true)]
    root: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the profiles that come with the program
    List,
    /// Show a profile: each setting, why, from which source, at what risk
    Show {
        /// Name or file
        profile: String,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Show what is live, what is wanted, and what stands in the way; changes nothing
    Plan {
        /// Name or file
        profile: String,
        #[command(flatten)]
        wanted: Wanted,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what differs; exit 1 if something does that the allowed risk covers
    Check {
        /// Name or file
        profile: String,
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        which: Which,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what differs: all of it, or nothing. What was before is kept first
    Apply {
        /// Name or file
        profile: String,
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        which: Which,
    },
    /// Put back exactly what was before, also after an apply that was killed
    Revert,
    /// Print a profile as a file for something else that manages machines
    Export {
        /// The form of the file
        form: export::Form,
        /// Name or file
        profile: String,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Draw cores, caches, memory nodes and interrupts, and where shards should sit
    Affinity,
}

/// What the machine is to do.
#[derive(Debug, Args)]
struct Wanted {
    /// Connections that it is to hold; k and M are thousands and millions
    #[arg(long, default_value = "100k", value_parser = connections)]
    connections: u64,
}

/// Which settings are meant.
#[derive(Debug, Args)]
struct Which {
    /// These alone: a scope (sysctl, limit, file, nic, irq, cpu, boot), a name, or its beginning (net.ipv4)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The most that a setting may cost
    #[arg(long, default_value = "safe")]
    allow_risk: Risk,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // Whoever reads, `head` say, has enough.
        Err(error)
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ringwire-tune: {error}");
            ExitCode::from(if error.is::<Usage>() || error.is::<crate::profile::LoadError>() { 2 } else { 1 })
        }
    }
}

type Outcome = Result<bool, Box<dyn std::error::Error>>;

/// It was called wrongly.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn run(cli: &Cli, out: &mut impl Write) -> Outcome {
    let mut system = Real::below(&cli.root);
    match &cli.command {
        Command::List => write!(out, "{}", report::list(Profile::shipped()))?,
        Command::Show { profile, wanted } => {
            let facts = Machine::read(&system)?.facts(wanted.connections);
            write!(out, "{}", report::show(&Profile::load(profile)?, &facts))?;
        }
        Command::Plan { profile, wanted, json } => {
            let (profile, machine) = (Profile::load(profile)?, Machine::read(&system)?);
            return show_plan(&profile, &machine, &system, &machine.facts(wanted.connections), *json, out);
        }
        Command::Check { profile, wanted, which, json } => {
            let (profile, machine) = (Profile::load(profile)?, Machine::read(&system)?);
            return check(
                &profile,
                &machine,
                &system,
                &machine.facts(wanted.connections),
                &scope(which, &profile)?,
                *json,
                out,
            );
        }
        Command::Apply { profile, wanted, which } => {
            let (profile, machine) = (Profile::load(profile)?, Machine::read(&system)?);
            let (facts, scope) = (machine.facts(wanted.connections), scope(which, &profile)?);
            return run_apply(&profile, &machine, &mut system, &facts, &scope, cli, out);
        }
        Command::Revert => return run_revert(&mut system, cli, out),
        Command::Export { form, profile, wanted } => {
            let machine = Machine::read(&system)?;
            write!(out, "{}", export(*form, &Profile::load(profile)?, &machine, &machine.facts(wanted.connections)))?;
        }
        Command::Affinity => write!(out, "{}", affinity::draw(&Machine::read(&system)?, &system))?,
    }
    Ok(true)
}

fn scope(which: &Which, profile: &Profile) -> Result<Scope, Usage> {
    let scope = Scope { only: which.only.clone(), risk_max: which.allow_risk };
    match scope.unknown(profile) {
        Some(word) => Err(Usage(format!(
            "--only={word}: nothing in the profile `{}` is called so, or begins with it",
            profile.name
        ))),
        None => Ok(scope),
    }
}

fn show_plan(
    profile: &Profile,
    machine: &Machine,
    system: &impl System,
    facts: &Facts,
    json: bool,
    out: &mut impl Write,
) -> Outcome {
    let plan = Plan::of(profile, machine, system, facts, &Scope::everything());
    let capacity = Capacity::of(profile, machine, system, facts);
    if json {
        writeln!(out, "{:#}", report::json(&plan, facts, &capacity))?;
        return Ok(true);
    }
    if let Some(warning) = &profile.warning {
        writeln!(out, "{warning}\n")?;
    }
    write!(out, "{}\n{}", report::plan(&plan, facts), report::capacity(&capacity, machine.memory_bytes))?;
    if let Some(boot) = report::boot(&plan, facts) {
        write!(out, "\n{boot}")?;
    }
    let own = profile.ringwire_config(facts);
    writeln!(out, "\nringwire serve --profile={} --connections-max={} takes:", profile.name, facts.connections)?;
    own.lines().try_for_each(|line| writeln!(out, "  {line}"))?;
    Ok(true)
}

fn check(
    profile: &Profile,
    machine: &Machine,
    system: &impl System,
    facts: &Facts,
    scope: &Scope,
    json: bool,
    out: &mut impl Write,
) -> Outcome {
    let plan = Plan::of(profile, machine, system, facts, scope);
    if json {
        writeln!(out, "{:#}", report::json(&plan, facts, &Capacity::of(profile, machine, system, facts)))?;
    } else {
        write!(out, "{}", report::plan(&plan, facts))?;
        if let Some(left_out) = report::not_allowed(&plan) {
            writeln!(out, "\n{left_out}")?;
        }
    }
    let count = plan.unmet().count();
    if count > 0 && !json {
        writeln!(out, "\n{count} of {} are not as the profile `{}` wants them", plan.lines.len(), profile.name)?;
    }
    Ok(count == 0)
}

fn run_apply(
    profile: &Profile,
    machine: &Machine,
    system: &mut Real,
    facts: &Facts,
    scope: &Scope,
    cli: &Cli,
    out: &mut impl Write,
) -> Outcome {
    let plan = Plan::of(profile, machine, system, facts, scope);
    if let Some(warning) = &profile.warning {
        writeln!(out, "{warning}\n")?;
    }
    if cli.root == Path::new("/") && !rustix::process::geteuid().is_root() {
        return needs_root(&plan, facts, out);
    }
    let _lock = lock(cli)?;
    let applied = apply(&plan, machine, system, &cli.state, |line, change| {
        let before = change.before.as_deref().unwrap_or("not there").replace('\t', " ");
        let now = line.wanted(facts).replace('\t', " ");
        let before = if before.contains('\n') { "another file" } else { &before };
        // Told at once: what a killed process had said is all that one knows. That nobody listens is no reason to stop half-way.
        let _ = writeln!(out, "{}: {before} -> {now}", line.name());
    })?;
    for line in &plan.lines {
        match &line.verdict {
            Verdict::Absent(reason) => writeln!(out, "skipped {}: {reason}", line.name())?,
            Verdict::Locked => writeln!(out, "skipped {}: it cannot be written here", line.name())?,
            _ => {}
        }
    }
    for said in [report::not_allowed(&plan), report::boot(&plan, facts)].into_iter().flatten() {
        writeln!(out, "{said}")?;
    }
    match applied.changes.len() {
        0 => writeln!(out, "nothing to change")?,
        count => writeln!(out, "{count} changed, until the machine restarts; `ringwire-tune revert` takes it back")?,
    }
    Ok(true)
}

fn needs_root(plan: &Plan<'_>, facts: &Facts, out: &mut impl Write) -> Outcome {
    let locked = plan.lines.iter().filter(|line| matches!(line.verdict, Verdict::Locked | Verdict::Differs));
    let mut count = 0;
    for line in locked {
        count += 1;
        let live = line.live.as_deref().unwrap_or("not there").replace('\t', " ");
        writeln!(out, "{}: {live} -> {}", line.name(), line.wanted(facts).replace('\t', " "))?;
    }
    if count == 0 {
        writeln!(out, "nothing to change")?;
        return Ok(true);
    }
    Err(format!("these {count} changes need root (in a container CAP_SYS_ADMIN and a writable /proc/sys): run it with sudo; nothing was changed").into())
}

fn run_revert(system: &mut Real, cli: &Cli, out: &mut impl Write) -> Outcome {
    let _lock = lock(cli)?;
    let machine = Machine::read(system)?;
    let reverted = revert(&machine, system, &cli.state)?;
    if reverted.profiles.is_empty() {
        writeln!(out, "nothing was applied")?;
        return Ok(true);
    }
    for (place, value) in &reverted.restored {
        let value = value.as_deref().unwrap_or("removed");
        writeln!(
            out,
            "{place}: {}",
            if value.contains('\n') { "the file as it was".into() } else { value.replace('\t', " ") }
        )?;
    }
    for place in &reverted.gone {
        writeln!(out, "{place}: the machine does not have it any more")?;
    }
    if reverted.restarted {
        writeln!(out, "the machine was restarted since, which put back what the kernel keeps")?;
    }
    writeln!(out, "as it was before {}", reverted.profiles.join(", "))?;
    Ok(true)
}

/// Two at a time would each keep what the other had written.
fn lock(cli: &Cli) -> Result<File, String> {
    let path = cli.root.join(cli.state.strip_prefix("/").unwrap_or(&cli.state)).with_extension("lock");
    let said = |error: io::Error| format!("cannot lock {}: {error}; is this root?", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(said)?;
    let file = File::create(&path).map_err(said)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err("another ringwire-tune is changing this machine: wait for it".into())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(said(error)),
    }
}

fn connections(text: &str) -> Result<u64, String> {
    const MOST: u64 = 16_777_216;
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let number = digits.replace('_', "").parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    number
        .filter(|number| (1..=MOST).contains(number))
        .ok_or_else(|| format!("a number from 1 to {MOST} is wanted, as 250000, 250k or 1M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_written_as_people_say_them() {
        assert_eq!(
            (connections("1M"), connections("250k"), connections("10_000")),
            (Ok(1_000_000), Ok(250_000), Ok(10_000))
        );
        for wrong in ["", "0", "1G", "17M", "-1", "1.5M"] {
            assert!(connections(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
