//! A profile: what is wanted of a machine, setting by setting, each with its reason.
//!
//! Shipped profiles are compiled in; anybody's own are files of the same form. `file` reads them, and says of what is
//! wrong the line, the key and what is allowed.
//!
//! Not here: what a setting means on a certain machine (`target`).

mod file;
mod knob;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use file::{Error, Errors};
pub use knob::{CpuKnob, Knob, Limit, NicKnob};

use crate::amount::{Amount, Facts, Unit};

/// The profiles that come with the program, in the order in which they are listed.
const SHIPPED: [(&str, &str); 5] = [
    ("fanout", include_str!("../../profiles/fanout.toml")),
    ("lowlat", include_str!("../../profiles/lowlat.toml")),
    ("throughput", include_str!("../../profiles/throughput.toml")),
    ("laptop", include_str!("../../profiles/laptop.toml")),
    ("bench", include_str!("../../profiles/bench.toml")),
];

/// What is wanted of a machine.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name, a word.
    pub name: String,
    /// What it is for, in a sentence.
    pub about: String,
    /// What must be known before it is applied, if anything.
    pub warning: Option<String>,
    /// In the order in which they are applied.
    pub settings: Vec<Setting>,
    /// Keys of Ringwire's own configuration, in the order of the file.
    pub ringwire: Vec<(String, Amount)>,
}

/// One thing that is wanted, and why.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What is set.
    pub knob: Knob,
    /// To what.
    pub value: Amount,
    /// What the value counts.
    pub unit: Unit,
    /// When a live value is good enough.
    pub compare: Compare,
    /// One sentence.
    pub why: String,
    /// Where that is said: an address.
    pub source: String,
    /// What it may cost.
    pub risk: Risk,
    /// Whether it holds only after a restart of the machine.
    pub reboot: bool,
    /// What it brings, in figures; whose they are stands in it.
    pub effect: Option<String>,
}

/// What a setting may cost.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Nothing that anybody would miss.
    #[default]
    Safe,
    /// Something else gets worse for it: memory, power, fairness to other programs.
    TradeOff,
    /// Not for machines that serve anybody.
    BenchOnly,
}

impl std::fmt::Display for Risk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Safe => "safe",
            Self::TradeOff => "trade-off",
            Self::BenchOnly => "bench-only",
        })
    }
}

/// When a live value is good enough.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// When it is the one that is wanted.
    #[default]
    Exactly,
    /// When none of its numbers is below the one that is wanted.
    AtLeast,
}

/// There is no such profile.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Neither a shipped profile's name nor a path.
    #[error("no profile `{name}`; there are {}, or give the path of a file: ./{name}.toml", names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no profile.
    #[error(transparent)]
    Text(#[from] Errors),
}

impl Profile {
    /// The shipped profile of that name, or the file at that path: whatever has a `/` or a `.` in it is a path.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; of a file that is wrong all that is wrong with it.
    pub fn load(name: &str) -> Result<Self, LoadError> {
        if let Some((name, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Ok(file::parse(text, Path::new(&format!("{name}.toml")))?);
        }
        if !name.contains(['/', '.']) {
            return Err(LoadError::Unknown { name: name.to_owned() });
        }
        let path = Path::new(name);
        let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.into(), source })?;
        Ok(file::parse(&text, path)?)
    }

    /// The profiles that come with the program.
    ///
    /// # Panics
    ///
    /// If one of them is wrong, which the tests rule out.
    pub fn shipped() -> impl Iterator<Item = Self> {
        SHIPPED.iter().map(|(name, _)| Self::load(name).unwrap_or_else(|error| panic!("{error}")))
    }

    /// The `[ringwire]` part on a machine, as lines of Ringwire's configuration file.
    pub fn ringwire_config(&self, facts: &Facts) -> String {
        let line = |(key, amount): &(String, Amount)| format!("{key} = {}\n", config_value(amount, facts));
        self.ringwire.iter().map(line).collect()
    }
}

fn names() -> String {
    SHIPPED.map(|(name, _)| name).join(", ")
}

/// As a configuration file writes it: a list for cores, quotes around words.
fn config_value(amount: &Amount, facts: &Facts) -> String {
    match amount {
        // As many rings as it takes for their tables to hold all connections, with a fifth to spare: the kernel deals
        // connections out by a hash.
        Amount::Word(word) if word == "by-descriptors" => {
            let share = (facts.descriptors.saturating_sub(1_000)).max(1);
            (facts.connections * 6 / 5).div_ceil(share).max(facts.cores.len() as u64).to_string()
        }
        Amount::Word(word) if matches!(word.as_str(), "true" | "false") => word.clone(),
        Amount::Word(word) => format!("{word:?}"),
        Amount::Cores(cores) => format!("{:?}", cores.of(&facts.cores, 0)),
        Amount::List(items) => {
            format!("[{}]", items.iter().map(|item| config_value(item, facts)).collect::<Vec<_>>().join(", "))
        }
        number => number.text(facts, Unit::None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_profiles_are_complete() {
        for profile in Profile::shipped() {
            assert!(profile.about.ends_with('.'), "{}", profile.name);
            for setting in &profile.settings {
                let name = format!("{}: {}", profile.name, setting.knob);
                assert!(
                    setting.why.ends_with('.') && !setting.why.contains(". "),
                    "{name}: one sentence: {}",
                    setting.why
                );
                assert!(setting.source.starts_with("https://"), "{name}: {}", setting.source);
            }
        }
    }

    #[test]
    fn only_bench_has_settings_for_benches_and_it_says_so() {
        for profile in Profile::shipped() {
            let has = profile.settings.iter().any(|setting| setting.risk == Risk::BenchOnly);
            assert_eq!(has, profile.name == "bench", "{}", profile.name);
            assert_eq!(profile.warning.is_some(), profile.name == "bench", "{}", profile.name);
        }
    }

    #[test]
    fn the_laptops_profile_is_harmless() {
        let laptop = Profile::load("laptop").unwrap();
        assert!(laptop.settings.iter().all(|setting| setting.risk == Risk::Safe && !setting.reboot));
    }

    #[test]
    fn rings_are_as_many_as_their_tables_demand() {
        let facts = |connections, descriptors| Facts {
            connections,
            cores: vec![0, 1],
            memory_bytes: 1 << 30,
            page_bytes: 4096,
            descriptors,
        };
        let shards = |facts| config_value(&Amount::Word("by-descriptors".into()), &facts);
        assert_eq!(shards(facts(1_000_000, 20_000)), "64");
        assert_eq!(shards(facts(10_000, 1 << 20)), "2");
    }

    #[test]
    fn an_unknown_name_is_told_with_those_there_are() {
        let error = Profile::load("fast").unwrap_err().to_string();
        assert!(error.contains("fanout, lowlat, throughput, laptop, bench"), "{error}");
    }
}
