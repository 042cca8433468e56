//! `cargo xtask clients` and `cargo xtask browser`: other people's WebSocket stacks against the running node.
//!
//! The checks are scripts in each stack's own language, below `engine/tests/`; here their packages are installed, the
//! servers started, and the node shut down when a script waits for that. The node's own `ringwire.js` is tested beside them, alone and
//! with a node that it restarts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::child::{self, Guard};
use crate::server::{Server, ServerCommand};
use crate::{artifact, install};

const SCRIPT_MAX: Duration = Duration::from_secs(600);
const CLIENTS: &str = "engine/tests/clients";
const BROWSER: &str = "engine/tests/browser";

/// The pages are made to send 4 MiB, more than a node takes unless it is told to.
const BROWSER_MESSAGE_BYTES_MAX: &str = "--message-bytes-max=8388608";

/// What a script prints when it expects the node to go.
const WAITING: &str = "waiting";

/// Python's websockets and Node's ws.
pub(crate) fn main() -> Result<()> {
    let python =
        install::python_packages(Path::new("python3"), "engine/tests/clients/requirements.txt", "clients/python")?;
    let node = install::node_packages(CLIENTS)?;
    let mut failed = Vec::new();
    println!("ringwire.js");
    if let Err(error) =
        child::run(Command::new("node").args(["--test", "--test-reporter=spec"]).current_dir(&node), SCRIPT_MAX)
    {
        println!("ringwire.js: {error:#}");
        failed.push("ringwire.js");
    }
    println!("ringwire.js and a node");
    let program = artifact::debug("ringwire", "ringwire")?;
    let mut script = Command::new("node");
    if let Err(error) = child::run(script.arg(node.join("topics.mjs")).env("RINGWIRE_PROGRAM", program), SCRIPT_MAX) {
        println!("ringwire.js and a node: {error:#}");
        failed.push("ringwire.js and a node");
    }
    let mut in_python = Command::new("python3");
    in_python.arg(node.join("run.py")).env("PYTHONPATH", python).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut in_node = Command::new("node");
    in_node.arg(node.join("run.mjs"));
    for (name, script) in [("Python websockets", in_python), ("Node ws", in_node)] {
        println!("{name}");
        if let Err(error) = drive(script) {
            println!("{name}: {error:#}");
            failed.push(name);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

/// Chromium through playwright-core, on the node's own pages.
pub(crate) fn browser() -> Result<()> {
    let folder = install::node_packages(BROWSER)?;
    let mut server = serve(&[BROWSER_MESSAGE_BYTES_MAX])?;
    let mut script = Command::new("node");
    script.arg(folder.join("run.mjs")).env("RINGWIRE_URL", format!("http://{}", server.address));
    script.env("RINGWIRE_PROGRAM", artifact::debug("ringwire", "ringwire")?);
    let status = Guard::spawn(script.stdin(Stdio::null()), None)?.wait(SCRIPT_MAX)?;
    server.check_alive()?;
    server.stop()?;
    if status.success() { Ok(()) } else { bail!("the browser's checks ended with {status}") }
}

/// Runs one script beside a node and the example with routes of its own.
fn drive(mut script: Command) -> Result<()> {
    let config = artifact::root().join(CLIENTS).join("node.toml");
    let node = serve(&[&format!("--config={}", config.display())])?;
    let example = artifact::debug_example("ringwire", "routes")?;
    let routes = ServerCommand::with_address(&example, &[], "{listen}").start(None)?;
    script.env("RINGWIRE_URL", format!("ws://{}", node.address));
    script.env("RINGWIRE_ROUTES_URL", format!("ws://{}", routes.address));
    let mut script = Guard::spawn(script.stdin(Stdio::null()).stdout(Stdio::piped()), None)?;
    let output = script.child().stdout.take().context("no output")?;
    let stopper = std::thread::spawn(move || forward(BufReader::new(output), node));
    let status = script.wait(SCRIPT_MAX)?;
    stopper.join().map_err(|_| anyhow::anyhow!("reading the script's output panicked"))??;
    routes.stop()?;
    if status.success() { Ok(()) } else { bail!("its checks ended with {status}") }
}

/// Prints what the script says, and shuts the node down when it waits for that.
fn forward(output: impl BufRead, node: Server) -> Result<()> {
    let mut node = Some(node);
    for line in output.lines() {
        let line = line?;
        if line == WAITING {
            node.take().map(Server::stop).transpose()?;
        } else {
            println!("  {line}");
        }
    }
    node.map(Server::stop).transpose().map(drop)
}

fn serve(options: &[&str]) -> Result<Server> {
    let program = artifact::debug("ringwire", "ringwire")?;
    ServerCommand::listening(&program, &[&["serve", "--admin-listen=none"][..], options].concat()).start(None)
}
