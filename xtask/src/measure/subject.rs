//! What is measured: from what was typed to a command line with its address still open.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::artifact;
use crate::peers::{self, Manifest};
use crate::server::ServerCommand;

/// A server that can be started any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) command: ServerCommand,
    /// It knows no WebSockets: what it is sent goes out as it is.
    pub(crate) bare: bool,
}

impl Subject {
    /// `mode` is the subcommand that a ringwire binary gets: `echo` or `broadcast`.
    pub(crate) fn parse(typed: &str, mode: &str) -> Result<Self> {
        let name = short_name(typed);
        if typed.contains("{listen}") || typed.contains("{port}") {
            return Ok(Self { name, command: ServerCommand::parse(typed)?, bare: false });
        }
        let mut words = typed.split_whitespace();
        let first = words.next().unwrap_or_default();
        let extra: Vec<&str> = words.collect();
        let command = match first {
            "floor" | "epoll-floor" | "tokio-uring-floor" => {
                ServerCommand::listening(&artifact::release("ringwire-bench", floor(first, mode)?)?, &extra)
            }
            "ringwire" => of_ringwire(&artifact::release("ringwire", "ringwire")?, mode, &extra),
            path if Path::new(path).is_file() => of_ringwire(Path::new(path), mode, &extra),
            peer => {
                let manifest = Manifest::read()?;
                let found = manifest.find(peer).with_context(|| {
                    format!("no such server: {typed}; give ringwire, a floor, a path to a binary, or a peer")
                })?;
                peers::command(&found, mode)?.with(&extra)
            }
        };
        Ok(Self { name, command, bare: first.ends_with("floor") })
    }
}

/// The program of a floor.
fn floor(name: &str, mode: &str) -> Result<&'static str> {
    match (name, mode) {
        ("floor", "echo") => Ok("ring-echo"),
        ("epoll-floor", "echo") => Ok("epoll-echo"),
        ("tokio-uring-floor", "echo") => Ok("tokio-uring-echo"),
        ("floor", "broadcast") => Ok("ring-sends"),
        ("epoll-floor", "broadcast") => Ok("epoll-sends"),
        ("tokio-uring-floor", "broadcast") => Ok("tokio-uring-sends"),
        _ => bail!("the {name} has no {mode}"),
    }
}

/// One shard on the server's core, unless other options say otherwise.
fn of_ringwire(program: &Path, mode: &str, extra: &[&str]) -> ServerCommand {
    let is_open = |option: &&str| {
        let name = option.split('=').next().unwrap_or_default();
        !extra.iter().any(|word| word.split('=').next() == Some(name))
    };
    let defaults = ["--shards=1", "--pin=0"].into_iter().filter(is_open);
    let arguments: Vec<&str> = std::iter::once(mode).chain(defaults).chain(extra.iter().copied()).collect();
    ServerCommand::listening(program, &arguments)
}

/// The program's own name, with its options.
fn short_name(typed: &str) -> String {
    let (program, options) = typed.split_once(' ').unwrap_or((typed, ""));
    let program = program.rsplit('/').next().unwrap_or(program);
    format!("{program} {options}").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_goes_before_the_defaults() {
        let line = |extra: &[&str]| of_ringwire(Path::new("ringwire"), "echo", extra).line();
        assert_eq!(line(&[]), "ringwire echo --shards=1 --pin=0 --listen={listen}");
        assert_eq!(line(&["--pin=none"]), "ringwire echo --shards=1 --pin=none --listen={listen}");
        assert_eq!(line(&["--shards=2", "--pin", "1"]), "ringwire echo --shards=2 --pin 1 --listen={listen}");
    }
}
