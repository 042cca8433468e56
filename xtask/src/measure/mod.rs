//! `cargo xtask measure`: one server beside another, interleaved, judged by ratios.
//!
//! Machines are noisy and run in more than one speed mode, so no single time means anything here: each workload runs
//! as pairs A B A B, each run on a fresh port with a fresh server, the server alone on its core and the generator on
//! another; the figure is the median of the pairs' ratios of CPU time per message, and pairs in which the machine
//! changed its speed are dropped (`stats`). The load itself is in `generator/`; here it is driven (`drive`), its server chosen
//! (`subject`), counters read (`perf`), and the result printed and kept (`report`).

mod drive;
mod idle;
mod instructions;
mod pairs;
mod perf;
mod profile;
mod report;
mod stats;
mod subject;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::generator::{Opcode, Pattern};
use pairs::Workload;
use report::Record;
use subject::Subject;

/// Measure a server beside another one.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// CPU time per echoed message.
    Echo(EchoOptions),
    /// CPU time per delivered message: everybody sends to everybody, in rounds.
    Broadcast(BroadcastOptions),
    /// Process memory per idle connection.
    Idle(IdleOptions),
    /// Round trip of one connection with one message under way.
    Lone(LoneOptions),
    /// User-space instructions per message, counted by valgrind: works without hardware counters.
    Instructions(InstructionOptions),
}

/// What every measurement takes.
#[derive(Args, Clone)]
struct Common {
    /// The server measured: `ringwire [OPTIONS]`, a path to another build of it, `fastwebsockets`, or any command that says {listen} or {port}.
    #[arg(long, default_value = "ringwire")]
    server: String,
    /// What it is measured beside, in the same forms, or `none`.
    #[arg(long)]
    against: Option<String>,
    /// Pairs of runs to keep.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Length of each measured window.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// The server's core.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The generator's core.
    #[arg(long, default_value_t = 1)]
    generator_core: usize,
    /// Let the generator sleep when it waits: the server then pays for waking it, as it does for clients on its own machine.
    #[arg(long)]
    generator_sleeps: bool,
    /// A folder for command, versions, machine, raw data and summary.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct EchoOptions {
    #[arg(long, value_delimiter = ',', default_value = "50,500")]
    connections: Vec<usize>,
    /// Payload bytes of a message.
    #[arg(long, value_delimiter = ',', default_value = "20,16384")]
    bytes: Vec<usize>,
    /// Messages that each connection has under way.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    depth: Vec<usize>,
    #[arg(long, default_value = "binary")]
    opcode: Opcode,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct BroadcastOptions {
    #[arg(long, value_delimiter = ',', default_value = "100")]
    clients: Vec<usize>,
    /// Payload bytes of a message.
    #[arg(long, value_delimiter = ',', default_value = "20")]
    bytes: Vec<usize>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct IdleOptions {
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct LoneOptions {
    /// Payload bytes of a message.
    #[arg(long, default_value_t = 20)]
    bytes: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct InstructionOptions {
    /// The load: `echo` or `broadcast`.
    #[arg(default_value = "echo")]
    pattern: Pattern,
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Payload bytes of a message.
    #[arg(long, default_value_t = 20)]
    bytes: usize,
    #[arg(long, default_value_t = 1)]
    depth: usize,
    /// Messages that the clients send; deliveries in a broadcast are this times the connections.
    #[arg(long, default_value_t = 20_000)]
    messages: u64,
    /// How many functions are listed.
    #[arg(long, default_value_t = 12)]
    functions: usize,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    match &options.what {
        What::Echo(echo) => compare("echo", "echo", "fastwebsockets", &echo.common, &echo.workloads()),
        What::Broadcast(broadcast) => {
            compare("broadcast", "broadcast", "none", &broadcast.common, &broadcast.workloads())
        }
        What::Lone(lone) => compare("lone", "echo", "fastwebsockets", &lone.common, &[lone.workload()]),
        What::Idle(idle) => idle::main(&idle.common, idle.connections),
        What::Instructions(counted) => instructions::main(counted),
    }
}

/// Runs the pairs of each workload, prints each table row as it is known, and keeps all if asked to.
fn compare(what: &str, mode: &str, beside: &str, common: &Common, workloads: &[Workload]) -> Result<()> {
    let (server, against) = subjects(mode, beside, common)?;
    let counters = perf::Counters::probe();
    let mut record = Record::new(what, &server, against.as_ref());
    println!("{}", record.legend());
    for workload in workloads {
        let comparison = pairs::run(workload, &server, against.as_ref(), common, &counters)?;
        print!("{}", report::table(&comparison));
        record.add(comparison);
    }
    record.keep(common.out.as_deref())
}

fn subjects(mode: &str, beside: &str, common: &Common) -> Result<(Subject, Option<Subject>)> {
    let server = Subject::parse(&common.server, mode)?;
    let against = match common.against.as_deref().unwrap_or(beside) {
        "none" => None,
        other => Some(Subject::parse(other, mode)?),
    };
    Ok((server, against))
}

impl EchoOptions {
    /// Every combination, small messages first.
    fn workloads(&self) -> Vec<Workload> {
        let mut all = Vec::new();
        for &bytes in &self.bytes {
            for &connections in &self.connections {
                for &depth in &self.depth {
                    all.push(Workload { pattern: Pattern::Echo, connections, bytes, depth, opcode: self.opcode });
                }
            }
        }
        all
    }
}

impl BroadcastOptions {
    fn workloads(&self) -> Vec<Workload> {
        let of = |bytes, connections| Workload {
            pattern: Pattern::Broadcast,
            connections,
            bytes,
            depth: 1,
            opcode: Opcode::Binary,
        };
        self.bytes.iter().flat_map(|&bytes| self.clients.iter().map(move |&clients| of(bytes, clients))).collect()
    }
}

impl LoneOptions {
    fn workload(&self) -> Workload {
        Workload { pattern: Pattern::Lone, connections: 1, bytes: self.bytes, depth: 1, opcode: Opcode::Binary }
    }
}
