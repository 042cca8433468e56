//! `cargo xtask measure`: one server beside another, interleaved, judged by ratios.
//!
//! Machines are noisy and run in more than one speed mode, so no single time means anything here: each workload runs
//! as pairs A B A B, or with several peers A B C A B C, each run on a fresh port with a fresh server, the server alone on its
//! core and the generator on another; the figure is the median of the pairs' ratios of CPU time per message, and pairs in which
//! the machine changed its speed are dropped (`stats`). The load itself is in `generator/`; here it is driven (`drive`), its
//! server chosen (`subject`), counters read (`perf`), and the result printed and kept (`report`).

mod drive;
mod fanout;
mod idle;
mod instructions;
mod pairs;
mod perf;
mod profile;
mod report;
mod shards;
pub(crate) mod stats;
pub(crate) mod subject;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::generator::{Opcode, Pattern};
use crate::sys;
use pairs::Workload;
use perf::Counters;
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
    /// CPU time and user-space instructions per delivered message: one sends to everybody; beside a bare loop of ring sends.
    Fanout(FanoutOptions),
    /// The same deliveries by several shards on one core, beside one shard.
    Shards(ShardOptions),
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
    /// The server measured: `ringwire [OPTIONS]`, a path to another build of it, a peer's name (`cargo xtask peers` lists them), `floor`, `epoll-floor`, `tokio-uring-floor`, or any command that says {listen} or {port}.
    #[arg(long, default_value = "ringwire")]
    server: String,
    /// What it is measured beside, in the same forms, or `none`; several with commas between.
    #[arg(long, visible_alias = "peer", value_delimiter = ',')]
    against: Vec<String>,
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
struct FanoutOptions {
    /// Connections; all of them subscribe, and the first publishes.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    subscribers: Vec<usize>,
    /// Payload bytes of a message.
    #[arg(long, value_delimiter = ',', default_value = "100")]
    bytes: Vec<usize>,
    /// Publications under way.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    depth: Vec<usize>,
    /// Publications over which instructions are counted; 0 counts none.
    #[arg(long, default_value_t = 100)]
    counted: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct ShardOptions {
    /// The load: `fanout` or `broadcast`.
    #[arg(default_value = "fanout")]
    pattern: Pattern,
    /// How many shards are measured beside one.
    #[arg(long, default_value_t = 2)]
    shards: usize,
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Payload bytes of a message.
    #[arg(long, default_value_t = 100)]
    bytes: usize,
    /// Publications, or rounds of a broadcast, over which instructions are counted; 0 counts none.
    #[arg(long, default_value_t = 5)]
    counted: u64,
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
    /// The load: `echo`, `broadcast` or `fanout`.
    #[arg(default_value = "echo")]
    pattern: Pattern,
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Payload bytes of a message.
    #[arg(long, default_value_t = 20)]
    bytes: usize,
    #[arg(long, default_value_t = 1)]
    depth: usize,
    /// Messages that the clients send; deliveries in a broadcast or a fan-out are this times the connections.
    #[arg(long, default_value_t = 20_000)]
    messages: u64,
    /// How many functions are listed.
    #[arg(long, default_value_t = 12)]
    functions: usize,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    sys::raise_open_files()?;
    match &options.what {
        What::Echo(echo) => {
            compare("echo", &subjects("echo", "fastwebsockets", &echo.common)?, &echo.common, &echo.workloads())
        }
        What::Broadcast(broadcast) => {
            let common = &broadcast.common;
            compare("broadcast", &subjects("broadcast", "none", common)?, common, &broadcast.workloads())
        }
        What::Fanout(fanout) => fanout::main(fanout),
        What::Shards(shards) => shards::main(shards),
        What::Lone(lone) => {
            compare("lone", &subjects("echo", "fastwebsockets", &lone.common)?, &lone.common, &[lone.workload()])
        }
        What::Idle(idle) => idle::main(&idle.common, idle.connections),
        What::Instructions(counted) => instructions::main(counted),
    }
}

/// Runs the pairs of each workload, prints each table row as it is known, and keeps all if asked to.
fn compare(what: &str, subjects: &[Subject], common: &Common, workloads: &[Workload]) -> Result<()> {
    let mut record = Record::new(what, subjects, None);
    println!("{}", record.legend());
    let counters = Counters::probe();
    for workload in workloads {
        run_pairs(&mut record, workload, subjects, common, &counters)?;
    }
    record.keep(common.out.as_deref())
}

fn run_pairs(
    record: &mut Record,
    workload: &Workload,
    subjects: &[Subject],
    common: &Common,
    counters: &Counters,
) -> Result<()> {
    for comparison in pairs::run(workload, subjects, common, counters)? {
        print!("{}", report::table(&comparison));
        record.add(comparison);
    }
    Ok(())
}

/// The server first. `beside` is what it is measured beside unless something else was typed.
fn subjects(mode: &str, beside: &str, common: &Common) -> Result<Vec<Subject>> {
    let against = common.against.iter().map(String::as_str);
    let against: Vec<&str> = if common.against.is_empty() { vec![beside] } else { against.collect() };
    let against = against.into_iter().filter(|typed| *typed != "none");
    std::iter::once(common.server.as_str()).chain(against).map(|typed| Subject::parse(typed, mode)).collect()
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
