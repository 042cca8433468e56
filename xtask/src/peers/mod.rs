//! `cargo xtask peers`: the servers that Ringwire is measured beside, as `bench/peers/peers.toml` lists them.
//!
//! `manifest` reads the list, `prepare` installs and builds what a peer needs, `check` sees that it does what it is there for.

mod check;
mod manifest;
mod prepare;
mod uwebsockets;

use anyhow::{Result, bail, ensure};
use clap::Args;

pub(crate) use self::manifest::{Manifest, Peer, Transport};
pub(crate) use self::prepare::command;

/// List the peers, or check them.
#[derive(Args)]
pub(crate) struct Options {
    /// Those of the list that are meant; all by default.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Install each, start it, and see that it echoes and broadcasts.
    #[arg(long)]
    check: bool,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let manifest = Manifest::read()?;
    let peers = manifest.choose(&options.peers)?;
    if !options.check {
        for peer in peers {
            println!(
                "{:18} {:10} {:24} {:15} {}",
                peer.name,
                peer.language,
                peer.version,
                peer.modes.join(", "),
                peer.settings
            );
        }
        return Ok(());
    }
    let mut failed = 0;
    for peer in &peers {
        for mode in &peer.modes {
            let outcome = command(peer, mode).and_then(|command| check::run(&command, mode, peer.transport));
            failed += u32::from(outcome.is_err());
            let said = outcome.map_or_else(|error| format!("FAILED: {error:#}"), |()| "ok".to_owned());
            println!("{:18} {mode:10} {said}", peer.name);
        }
    }
    ensure!(!peers.is_empty(), "no peers");
    if failed > 0 {
        bail!("{failed} of the checks failed");
    }
    Ok(())
}
