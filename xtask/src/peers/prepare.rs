//! What a peer needs is installed and built, pinned, below `target/` or beside its script; what is there is not done again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::manifest::{From, Peer};
use super::uwebsockets;
use crate::server::ServerCommand;
use crate::{artifact, child, install};

/// All Rust peers with fat LTO, from nothing.
const BUILD_MAX: Duration = Duration::from_secs(900);

/// What goes into the places of a peer's command.
#[derive(Default)]
struct Places {
    program: PathBuf,
    folder: PathBuf,
    /// In front of the command.
    before: String,
}

/// The command that starts a peer in this mode.
pub(crate) fn command(peer: &Peer, mode: &str) -> Result<ServerCommand> {
    peer.check_mode(mode)?;
    let places = prepare(peer.from).with_context(|| format!("the peer {} cannot be had", peer.name))?;
    let broadcast = if mode == "broadcast" { "--broadcast" } else { "" };
    let line = peer.command.replace("{program}", &places.program.to_string_lossy());
    let line = line.replace("{folder}", &places.folder.to_string_lossy());
    ServerCommand::parse(&(places.before + &line.replace("{mode}", mode).replace("{broadcast}", broadcast)))
}

fn prepare(from: From) -> Result<Places> {
    let peers = Path::new("bench/peers");
    Ok(match from {
        From::Rust => Places { program: rust()?, ..Places::default() },
        From::Node => Places { folder: install::node_packages("bench/peers/node")?, ..Places::default() },
        From::Python => {
            let packages =
                install::python_packages(Path::new("python3"), "bench/peers/python/requirements.txt", "peers/python")?;
            let before = format!("env PYTHONPATH={} PYTHONDONTWRITEBYTECODE=1 ", packages.display());
            Places { folder: artifact::root().join(peers).join("python"), before, ..Places::default() }
        }
        From::UWebSockets => Places { program: uwebsockets::program()?, ..Places::default() },
        From::Nginx => {
            install::package("nginx", &["nginx-light", "libnginx-mod-nchan"])?;
            let program = artifact::target().join("peers/nginx");
            Places { program, folder: artifact::root().join(peers).join("nginx"), ..Places::default() }
        }
        From::Nats => {
            install::package("nats-server", &["nats-server"])?;
            let program = artifact::target().join("peers/nats");
            Places { program, folder: artifact::root().join(peers).join("nats"), ..Places::default() }
        }
    })
}

/// The crate of all Rust peers, which is no member of the workspace.
fn rust() -> Result<PathBuf> {
    let target = artifact::target().join("peers");
    let mut command: Command = artifact::cargo(&["build", "--release", "--locked", "--quiet"]);
    command.args(["--manifest-path", "bench/peers/rust/Cargo.toml", "--target-dir"]).arg(&target);
    child::run(&mut command, BUILD_MAX)?;
    Ok(target.join("release/ringwire-peers"))
}
