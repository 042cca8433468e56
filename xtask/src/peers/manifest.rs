//! The list of peers.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::artifact;

/// `bench/peers/peers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    #[serde(rename = "peer")]
    peers: Vec<Peer>,
}

/// A server of others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(super) language: String,
    pub(super) version: String,
    pub(super) from: From,
    /// A command line with its places still open.
    pub(super) command: String,
    /// `echo` and `broadcast`.
    pub(crate) modes: Vec<String>,
    /// How a broadcast is followed and fed, as `ringwire-load fanout --transports` has it.
    #[serde(default)]
    pub(crate) transport: Transport,
    pub(super) settings: String,
    /// What is added to the command so that it runs on all cores; absent of those that cannot.
    all_cores: Option<String>,
}

/// Where its program comes from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum From {
    Rust,
    Node,
    Python,
    UWebSockets,
    Nginx,
    Nats,
}

/// What goes through the WebSockets of a broadcast.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    /// Payloads as they are.
    #[default]
    Broadcast,
    /// The protocol of NATS.
    Nats,
}

impl Transport {
    /// As it is typed.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::Nats => "nats",
        }
    }
}

impl Manifest {
    pub(crate) fn read() -> Result<Self> {
        let file = artifact::root().join("bench/peers/peers.toml");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        toml::from_str(&text).with_context(|| file.display().to_string())
    }

    /// The peers of these names; all of them if there are none.
    pub(crate) fn choose(&self, names: &[String]) -> Result<Vec<Peer>> {
        if names.is_empty() {
            return Ok(self.peers.clone());
        }
        names.iter().map(|name| self.find(name)).collect()
    }

    pub(crate) fn find(&self, name: &str) -> Result<Peer> {
        let found = self.peers.iter().find(|peer| peer.name == name).cloned();
        found.with_context(|| format!("no peer {name}; there are {}", self.names()))
    }

    pub(crate) fn names(&self) -> String {
        self.peers.iter().map(|peer| &*peer.name).collect::<Vec<_>>().join(", ")
    }
}

impl Peer {
    /// The arguments with which it runs on so many cores, if it can.
    pub(crate) fn on_cores(&self, cores: usize) -> Option<Vec<String>> {
        let arguments = self.all_cores.as_ref()?.replace("{threads}", &cores.to_string());
        Some(arguments.split_whitespace().map(str::to_owned).collect())
    }

    /// Fails, and says what it can do, if it has no such mode.
    pub(crate) fn check_mode(&self, mode: &str) -> Result<()> {
        let can = self.modes.iter().any(|known| known == mode);
        ensure!(can, "the peer {} can only {}", self.name, self.modes.join(", "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_as_the_tool_reads_it() {
        let manifest = Manifest::read().expect("a list");
        for (index, peer) in manifest.peers.iter().enumerate() {
            let has = |place: &str| peer.command.contains(place);
            assert!(has("{listen}") || has("{port}"), "{}", peer.name);
            assert!(has("{mode}") || has("{broadcast}") || peer.modes.len() == 1, "{}", peer.name);
            assert!(!peer.modes.is_empty() && peer.modes.iter().all(|mode| ["echo", "broadcast"].contains(&&**mode)));
            assert!(
                !manifest.peers[..index].iter().any(|other| other.name == peer.name),
                "{} is there twice",
                peer.name
            );
        }
    }

    #[test]
    fn versions_are_those_that_are_installed() {
        let read = |name: &str| std::fs::read_to_string(artifact::root().join("bench/peers").join(name)).expect(name);
        let (rust, node, python) =
            (read("rust/Cargo.toml"), read("node/package.json"), read("python/requirements.txt"));
        for peer in Manifest::read().expect("a list").peers {
            let version = peer.version.split([',', ' ']).next().expect("a word");
            let pinned = match peer.from {
                From::Rust => {
                    rust.contains(&format!("{} = \"={version}\"", peer.name))
                        || rust.contains(&format!("{} = {{ version = \"={version}\"", peer.name))
                }
                From::Node => node.contains(&format!("\"{version}\"")),
                From::Python => python.contains(&format!("{}=={version}\n", peer.name)),
                From::UWebSockets | From::Nginx | From::Nats => true,
            };
            assert!(pinned, "{} {version}", peer.name);
        }
    }

    #[test]
    fn an_unknown_peer_is_told_who_there_is() {
        let error = Manifest::read().expect("a list").find("ws").expect_err("none").to_string();
        assert!(error.contains("node-ws") && error.contains("uwebsockets"), "{error}");
    }
}
