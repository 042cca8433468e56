//! Who takes part: Ringwire, and the peers that were asked for.

use anyhow::{Context, Result};

use super::FIRST;
use super::cell::Mode;
use super::tuning::{Tuned, Tuning};
use crate::measure::subject::Subject;
use crate::peers::{Manifest, Peer, Transport};
use crate::server::ServerCommand;

/// Ringwire where there are publishers beside 10,000 subscribers, which is what it takes by default.
const ROOMY: &str = "ringwire --connections-max=11000";

/// A server that can be started any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    pub(crate) name: String,
    echo: Option<ServerCommand>,
    broadcast: Option<ServerCommand>,
    /// How a broadcast is followed and fed.
    pub(crate) transport: Transport,
    /// What is set of the machine for it.
    tuning: Option<Tuning>,
}

impl Contender {
    /// Builds or installs what it needs. A peer takes part in what it can do.
    ///
    /// # Errors
    /// If it cannot be had, or is to run on several cores and cannot.
    pub(crate) fn named(name: &str, cores: Option<usize>) -> Result<Self> {
        let peer = (name != FIRST).then(|| Manifest::read()?.find(name)).transpose()?;
        let spread = cores.map(|cores| spread(peer.as_ref(), cores)).transpose()?.unwrap_or_default();
        let spread: Vec<&str> = spread.iter().map(String::as_str).collect();
        let command = |mode| {
            let can = peer.as_ref().is_none_or(|peer| peer.modes.iter().any(|known| known == mode));
            let typed = if name == FIRST && mode == "broadcast" { ROOMY } else { name };
            let typed = if name == FIRST { format!("{typed} {}", spread.join(" ")) } else { typed.to_owned() };
            let command = can.then(|| Subject::parse(&typed, mode)).transpose()?;
            let more = if name == FIRST { &[][..] } else { &spread };
            anyhow::Ok(command.map(|subject| subject.command.with(more)))
        };
        Ok(Self {
            name: name.to_owned(),
            echo: command("echo")?,
            broadcast: command("broadcast")?,
            transport: peer.as_ref().map_or_else(Transport::default, |peer| peer.transport),
            tuning: None,
        })
    }

    /// Ringwire under a profile.
    pub(crate) fn tuned(name: &str) -> Result<Self> {
        let (tuning, own) = Tuning::parse(name)?;
        let command =
            |typed: &str, mode| Subject::parse(&format!("{typed}{own}"), mode).map(|subject| Some(subject.command));
        Ok(Self {
            name: name.to_owned(),
            echo: command(FIRST, "echo")?,
            broadcast: command(ROOMY, "broadcast")?,
            transport: Transport::default(),
            tuning,
        })
    }

    /// Sets the machine for it, until what is returned goes.
    pub(crate) fn tune(&self) -> Result<Option<Tuned<'_>>> {
        self.tuning.as_ref().map(Tuning::apply).transpose()
    }

    /// Whether it does what the load is about.
    pub(crate) const fn can(&self, mode: Mode) -> bool {
        self.of(mode).is_some()
    }

    pub(crate) fn command(&self, mode: Mode) -> Result<&ServerCommand> {
        self.of(mode).with_context(|| format!("{} has no such mode", self.name))
    }

    const fn of(&self, mode: Mode) -> Option<&ServerCommand> {
        match mode {
            Mode::Echo => self.echo.as_ref(),
            Mode::Broadcast => self.broadcast.as_ref(),
        }
    }
}

/// The arguments with which it runs on so many cores.
fn spread(peer: Option<&Peer>, cores: usize) -> Result<Vec<String>> {
    let Some(peer) = peer else { return Ok(vec![format!("--shards={cores}"), "--pin=auto".to_owned()]) };
    peer.on_cores(cores).with_context(|| format!("{} has one thread", peer.name))
}
