//! `cargo xtask conformance`: Autobahn's cases against a running server, compared with the expected verdicts.
//!
//! The tool exits with 0 whatever happens, so nothing is believed that is not counted: the number of verdicts must be what
//! it announced, every expected case must have one, and both halves of each (`behavior`, `behaviorClose`) must be as committed.
//! NON-STRICT is a difference like any other. `--kosoku` runs a quicker suite of the same cases, which sees less.

mod autobahn;
mod kosoku;
mod verdicts;

use anyhow::{Result, bail};
use clap::Args;

use crate::artifact;
use crate::server::{Server, ServerCommand};
use verdicts::Verdicts;

/// 9.* sends messages of 16 MiB; the limit is above what any case sends.
const MESSAGE_BYTES_MAX: &str = "--message-bytes-max=67108864";

const EXPECTED: &str = "engine/tests/autobahn/expected.json";
const EXPECTED_OF_CLIENT: &str = "engine/tests/autobahn/expected-client.json";

/// Run Autobahn's cases, and compare with the expected verdicts.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// All but the large messages of 9.*.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Every case, compression included.
    #[arg(long)]
    full: bool,
    /// These cases, for example 6.4.*,7.*.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["quick", "full"])]
    cases: Vec<String>,
    /// The quicker suite, for use while editing.
    #[arg(long)]
    kosoku: bool,
    /// Another server, with {listen} or {port} where its address goes.
    #[arg(long)]
    server_cmd: Option<String>,
    /// The client's role: the suite is the server then, and our client sends back what it gets.
    #[arg(long, conflicts_with_all = ["kosoku", "server_cmd"])]
    client: bool,
    /// Write the verdicts down as the expected ones; refused if any is worse than INFORMATIONAL or UNIMPLEMENTED.
    #[arg(long)]
    bless: bool,
}

impl Options {
    fn patterns(&self) -> Vec<String> {
        let typed = self.cases.iter().map(String::as_str);
        let chosen: Vec<&str> = match (self.full, self.quick, self.cases.is_empty()) {
            (_, _, false) => typed.collect(),
            (true, ..) => vec!["*"],
            (_, true, _) => vec!["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"],
            _ => vec!["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"],
        };
        chosen.into_iter().map(str::to_owned).collect()
    }
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let patterns = options.patterns();
    let verdicts = if options.client { of_client(options, &patterns)? } else { of_server(options, &patterns)? };
    println!("{} cases: {}", verdicts.len(), verdicts.summary());
    let expected = if options.client { EXPECTED_OF_CLIENT } else { EXPECTED };
    let path = artifact::root().join(expected);
    if options.bless {
        return verdicts.bless(&path);
    }
    let differences = verdicts.differences(&Verdicts::read_expected(&path)?.only(&patterns));
    if differences.is_empty() {
        return Ok(());
    }
    for difference in &differences {
        println!("{difference}");
    }
    bail!("{} verdicts differ from {expected}; the reports are below target/autobahn/", differences.len())
}

/// `cargo xtask ci` runs both roles.
pub(crate) fn both() -> Result<()> {
    main(&Options::default())?;
    main(&Options { client: true, ..Options::default() })
}

fn of_client(options: &Options, patterns: &[String]) -> Result<Verdicts> {
    autobahn::run_client(&artifact::debug_example("ringwire", "autobahn_client")?, patterns, options.full)
}

fn of_server(options: &Options, patterns: &[String]) -> Result<Verdicts> {
    let mut server = start(options)?;
    let verdicts = match options.kosoku {
        true => kosoku::run(server.address, patterns),
        false => autobahn::run(server.address, patterns, options.full),
    };
    server.check_alive()?;
    let verdicts = verdicts?;
    server.stop()?;
    Ok(verdicts)
}

fn start(options: &Options) -> Result<Server> {
    let command = match &options.server_cmd {
        Some(line) => ServerCommand::parse(line)?,
        None => ServerCommand::listening(&artifact::debug("ringwire", "ringwire")?, &["echo", MESSAGE_BYTES_MAX]),
    };
    command.start(None)
}
