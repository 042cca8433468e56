//! What is measured: from what was typed to a command line with its address still open.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::artifact;
use crate::server::ServerCommand;

/// A server that can be started any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) command: ServerCommand,
}

impl Subject {
    /// `mode` is the subcommand that a ringwire binary gets: `echo` or `broadcast`.
    pub(crate) fn parse(typed: &str, mode: &str) -> Result<Self> {
        if typed.contains("{listen}") || typed.contains("{port}") {
            let command = ServerCommand::parse(typed)?;
            return Ok(Self { name: short_name(typed), command });
        }
        let mut words = typed.split_whitespace();
        let first = words.next().unwrap_or_default();
        let extra: Vec<&str> = words.collect();
        if first == "fastwebsockets" {
            ensure!(mode == "echo", "the fastwebsockets peer can only echo");
            let program = artifact::release("ringwire-bench", "fastwebsockets-echo")?;
            return Ok(Self { name: first.to_owned(), command: ServerCommand::listening(&program, &[]) });
        }
        let program = match first {
            "ringwire" => artifact::release("ringwire", "ringwire")?,
            path => PathBuf::from(path),
        };
        ensure!(program.is_file(), "no such server: {typed} (give ringwire, fastwebsockets, or a path to a binary)");
        let arguments = [&[mode, "--shards=1", "--pin=0"][..], &extra].concat();
        Ok(Self { name: short_name(typed), command: ServerCommand::listening(&program, &arguments) })
    }
}

/// The program's own name, with its options.
fn short_name(typed: &str) -> String {
    let (program, options) = typed.split_once(' ').unwrap_or((typed, ""));
    let program = program.rsplit('/').next().unwrap_or(program);
    format!("{program} {options}").trim().to_owned()
}
