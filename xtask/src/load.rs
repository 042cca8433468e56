//! `cargo xtask load`: the load generator against servers of others, and against very many connections of our own.
//!
//! Its own tests (`cargo test --package ringwire-load`) have servers that do wrong; here nothing may be wrong.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::server::{Server, ServerCommand};
use crate::{artifact, child, install};

const PEERS: &str = "loadgen/tests/peers";

/// One run of the generator, connecting and closing included.
const RUN_MAX: Duration = Duration::from_secs(300);

/// Connections that are held, of CI and with `--full`. One ring holds what the limit on open files says: several are needed.
const IDLE_COUNT: u32 = 30_000;
const IDLE_COUNT_FULL: u32 = 100_000;
const SHARDS: u32 = 7;

/// Run the load generator against servers of others, and with very many connections.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Hold 100,000 connections rather than 30,000.
    #[arg(long)]
    full: bool,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let load = artifact::debug("ringwire-load", "ringwire-load")?;
    interoperate(&load)?;
    hold(&load, if options.full { IDLE_COUNT_FULL } else { IDLE_COUNT })
}

/// Each message comes back from each peer, whole and in order.
fn interoperate(load: &Path) -> Result<()> {
    let python = install::python_packages(Path::new("python3"), &format!("{PEERS}/requirements.txt"), "load/python")?;
    let node = install::node_packages(PEERS)?;
    let script = |name: &str| node.join(name).display().to_string();
    let python = format!("PYTHONPATH={}", python.display());
    let peers = [
        ("Node ws", vec!["node".to_owned(), script("echo.mjs"), "{port}".to_owned()]),
        ("Python websockets", ["env", &python, "python3", &script("echo.py"), "{port}"].map(str::to_owned).to_vec()),
    ];
    for (name, words) in peers {
        println!("{name}");
        let server = ServerCommand::parse(&words.join(" "))?.start(None)?;
        for more in [&["--rate=500", "--size=list:64*9,70000*1"][..], &["--depth=4", "--form=text"]] {
            let rest = ["--connections=20", "--duration=2s", "--warm-up=500ms", "--offer-lag-max=1s", "--quiet"];
            run(load, "echo", &server, &[&rest, more].concat())?;
        }
        run(load, "connect", &server, &["--rate=100", "--duration=1s", "--offer-lag-max=1s", "--quiet"])?;
        server.stop()?;
    }
    Ok(())
}

/// Every connection that is held answers at the end.
fn hold(load: &Path, count: u32) -> Result<()> {
    println!("{count} connections");
    let program = artifact::debug("ringwire", "ringwire")?;
    let arguments = [&format!("--connections-max={}", count + count / 5), &format!("--shards={SHARDS}"), "--pin=none"];
    let server = ServerCommand::listening(&program, &[&["echo"][..], &arguments].concat()).start(None)?;
    let (count, pid) = (format!("--connections={count}"), format!("--server-pid={}", server.pid()));
    run(load, "idle", &server, &[&count, &pid, "--duration=1s", "--quiet"])?;
    server.stop().map(drop)
}

fn run(load: &Path, command: &str, server: &Server, arguments: &[&str]) -> Result<()> {
    let mut run = Command::new(load);
    run.arg(command).arg(format!("ws://{}/", server.address)).args(arguments);
    child::run(&mut run, RUN_MAX)
}
