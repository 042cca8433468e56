//! `cargo xtask bench`: Ringwire beside its peers, in every kind of load, on one machine in one run.
//!
//! Each cell (`cell`) is put on every contender in turn, A B C B C A …, each time on a fresh server (`run`); what the load
//! generator reports (`sample`) is kept at once (`ledger`), so that it can be interrupted. Contenders are compared within a
//! round (`figures`), since machines change their speed between them.

mod cell;
mod contender;
mod figures;
pub(crate) mod instructions;
mod ledger;
mod plot;
mod readme;
mod run;
mod sample;
mod summary;
mod tuning;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::cell::{CAPACITY, Load, Rate};
use self::contender::Contender;
use self::figures::standings;
use self::ledger::{Ledger, Outcome, Run, Terms};
use self::run::Bench;
use self::summary::Title;
use self::tuning::UNTUNED;
use crate::measure::stats::median;
use crate::peers::Manifest;
use crate::{artifact, circumstances};

/// Whom the others are compared with.
const FIRST: &str = "ringwire";

/// Put Ringwire beside its peers.
#[derive(Args)]
pub(crate) struct Options {
    /// Peers to take part; by default all that can be had here. `cargo xtask peers` lists them.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Put Ringwire beside itself under tuning profiles instead of peers: lowlat for one with all that it sets, lowlat:ringwire for
    /// Ringwire's own part of it, lowlat:net.ipv4.tcp_autocorking for one setting. Needs root; the machine is put back after each run.
    #[arg(long, value_delimiter = ',', conflicts_with = "peers")]
    profile: Vec<String>,
    /// One cell of each kind and short windows, within a quarter of an hour.
    #[arg(long)]
    quick: bool,
    /// Cells whose name contains this, for example "echo 20 B"; given again, those of another name too.
    #[arg(long)]
    cells: Vec<String>,
    /// How often everything is run.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Length of a measured window in seconds: 3, or 0.5 with --quick.
    #[arg(long)]
    seconds: Option<f64>,
    /// Where it is kept. A bench that was interrupted goes on where it was.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Core of the servers.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the load generator.
    #[arg(long, default_value_t = 1)]
    generator_core: usize,
    /// Let servers run on all cores, and the load generator beside them on the same: only peers that can take part.
    #[arg(long, conflicts_with_all = ["profile", "server_core", "generator_core"])]
    all_cores: bool,
    /// Run nothing: fail if the README's table is not that of the newest results.
    #[arg(long, conflicts_with = "readme")]
    check: bool,
    /// Run nothing: put the newest results' table into the README.
    #[arg(long)]
    readme: bool,
    /// Put no load on anything: count the instructions of Ringwire's own jobs under valgrind, and fail if one has changed by more than 3 %.
    #[arg(long, conflicts_with_all = ["readme", "check"])]
    instructions: bool,
    /// Commit to what --instructions counts: write bench/instructions.toml.
    #[arg(long, requires = "instructions")]
    bless: bool,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    if options.check {
        return readme::check();
    }
    if options.readme {
        return readme::update();
    }
    if options.instructions {
        return instructions::main(options.bless);
    }
    let cells = options.cells()?;
    let cores = options.all_cores.then(|| thread::available_parallelism().map_or(1, NonZero::get));
    let contenders =
        if options.profile.is_empty() { contenders(&options.peers, cores)? } else { tuned(&options.profile)? };
    let bench = Bench {
        load: artifact::release("ringwire-load", "ringwire-load")?,
        server_core: cores.is_none().then_some(options.server_core),
        generator_core: cores.is_none().then_some(options.generator_core),
        threads: cores.unwrap_or(1),
        seconds: options.seconds.unwrap_or(if options.quick { 0.5 } else { 3.0 }),
    };
    std::fs::create_dir_all(&options.out).with_context(|| format!("cannot make {}", options.out.display()))?;
    let mut ledger = Ledger::open(&options.out.join("runs.jsonl"), &terms(&bench))?;
    for round in 0..options.rounds {
        for &load in cells.iter().filter(|load| round < load.rounds(options.rounds)) {
            run_cell(&bench, &mut ledger, &contenders, load, round)?;
        }
    }
    let title = match (options.profile.is_empty(), options.all_cores) {
        (false, _) => Title::Tuned,
        (true, false) => Title::Peers,
        (true, true) => Title::AllCores,
    };
    keep(&options.out, title, &ledger, &cells, &contenders)
}

impl Options {
    fn cells(&self) -> Result<Vec<Load>> {
        let all = if self.quick { cell::quick() } else { cell::full() };
        let is_one = |load: &Load, part: &String| load.to_string().contains(part);
        let wanted = |load: &Load| self.cells.is_empty() || self.cells.iter().any(|part| is_one(load, part));
        let cells: Vec<Load> = all.iter().copied().filter(wanted).collect();
        let names = || all.iter().map(|load| format!("\n  {load}")).collect::<String>();
        ensure!(!cells.is_empty(), "no cell's name contains what --cells says; there are{}", names());
        let shares = cells.iter().any(|load| matches!(load, Load::Open { rate: Rate::OfCapacity(_) }));
        ensure!(
            !shares || cells.contains(&CAPACITY),
            "shares of the capacity need its cell, {CAPACITY}: choose cells by another word"
        );
        Ok(cells)
    }
}

fn terms(bench: &Bench) -> Terms {
    Terms {
        commit: circumstances::commit(),
        processor: circumstances::processor(),
        kernel: circumstances::kernel(),
        seconds: bench.seconds,
        threads: bench.threads,
    }
}

/// Ringwire first, then the peers, on one thread each or on so many cores. Who was named must be there.
fn contenders(peers: &[String], cores: Option<usize>) -> Result<Vec<Contender>> {
    let mut contenders = vec![Contender::named(FIRST, cores)?];
    for peer in Manifest::read()?.choose(peers)? {
        match Contender::named(&peer.name, cores) {
            Ok(contender) => contenders.push(contender),
            Err(error) if peers.is_empty() => println!("left out: {error:#}"),
            Err(error) => return Err(error),
        }
    }
    Ok(contenders)
}

/// Ringwire as it comes, and under each profile.
fn tuned(profiles: &[String]) -> Result<Vec<Contender>> {
    let named = profiles.iter().map(String::as_str).filter(|name| *name != UNTUNED);
    std::iter::once(UNTUNED).chain(named).map(Contender::tuned).collect()
}

/// One round of one cell. Each round begins with another contender: who comes first after a pause may pay for memory that the machine has
/// to find again, and with large messages that is as much as the rest.
fn run_cell(bench: &Bench, ledger: &mut Ledger, contenders: &[Contender], load: Load, round: u32) -> Result<()> {
    let cell = load.to_string();
    let first = round as usize % contenders.len();
    let order = contenders[first..].iter().chain(&contenders[..first]);
    for contender in order.filter(|contender| contender.can(load.mode())) {
        let name = &contender.name;
        if ledger.has(&cell, name, round) || ledger.failure(&cell, name).is_some() {
            continue;
        }
        let Some(rate) = rate(ledger, load, name) else { continue };
        let outcome = match bench.run(contender, load, rate) {
            Ok(sample) => {
                println!("{} {cell}: {name} {:.0} ns CPU, {:.0}/s", round + 1, sample.cpu_ns, sample.per_second);
                Outcome::Sample(sample)
            }
            Err(error) => {
                println!("{} {cell}: {name} FAILED: {error:#}", round + 1);
                Outcome::Failure(format!("{error:#}"))
            }
        };
        ledger.add(Run { cell: cell.clone(), contender: name.clone(), round, rate, outcome })?;
    }
    Ok(())
}

/// Messages per second of an open loop, the same in every round; `Some(None)` for other loads. `None` of a contender whose
/// capacity is not known.
fn rate(ledger: &Ledger, load: Load, contender: &str) -> Option<Option<u32>> {
    let Load::Open { rate } = load else { return Some(None) };
    let percent = match rate {
        Rate::Common(rate) => return Some(Some(rate)),
        Rate::OfCapacity(percent) => percent,
    };
    let before = ledger.of(&load.to_string(), contender).find_map(|run| run.rate);
    let capacity = || {
        let cell = CAPACITY.to_string();
        let runs = ledger.of(&cell, contender);
        let capacity = median(runs.filter_map(|run| Some(run.sample()?.per_second)))?;
        Some((capacity * f64::from(percent) / 100.0) as u32)
    };
    before.or_else(capacity).map(|rate| Some(rate.max(1)))
}

/// Summary, overview, plots, and the circumstances beside the raw data.
fn keep(folder: &Path, title: Title, ledger: &Ledger, cells: &[Load], contenders: &[Contender]) -> Result<()> {
    let cells: Vec<_> = cells.iter().map(|&load| (load, standings(ledger, load, contenders))).collect();
    let first = if title == Title::Tuned { UNTUNED } else { FIRST };
    let overview = summary::overview(&cells, first);
    let context = circumstances::all("bench");
    std::fs::write(folder.join("context.json"), serde_json::to_string_pretty(&context)? + "\n")?;
    if title == Title::Peers {
        std::fs::write(folder.join(readme::OVERVIEW), &overview)?;
    }
    let mut text = summary::head(title, &context);
    for (index, (load, standings)) in cells.iter().enumerate() {
        text += &summary::table(*load, standings);
        if let Some(svg) = plot::bars(*load, standings, first) {
            let name = format!("cell-{:02}.svg", index + 1);
            std::fs::write(folder.join(&name), svg)?;
            text += &format!("![{load}]({name})\n\n");
        }
    }
    std::fs::write(folder.join("summary.md"), &text)?;
    println!("\n{}\nkept in {}", if title == Title::Tuned { &text } else { &overview }, folder.display());
    Ok(())
}
