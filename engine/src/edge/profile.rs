//! Tuning profiles, as far as they are Ringwire's affair: their `[ringwire]` part as configuration, and what the machine lacks of
//! the rest for `ringwire check`.
//!
//! Not here: applying them (`ringwire-tune`).

use ringwire_tune::plan::{Plan, Scope, Verdict};
use ringwire_tune::system::Real;
use ringwire_tune::{Machine, Profile};

use super::StartError;
use crate::config::{Config, file};

/// The profile's own part as the text of a configuration file, for so many connections on this machine.
///
/// # Errors
///
/// [`StartError::Profile`] when there is no such profile, or its file is wrong.
pub(super) fn config_text(name: &str, connections: u32) -> Result<String, StartError> {
    let profile = Profile::load(name).map_err(|error| wrong(name, error))?;
    let machine = Machine::read(&Real::below("/")).map_err(|error| wrong(name, error))?;
    Ok(profile.ringwire_config(&machine.facts(connections.into())))
}

/// That text as a configuration.
///
/// # Errors
///
/// [`StartError::Profile`] with the keys that are wrong.
pub(super) fn parse(name: &str, text: &str) -> Result<Config, StartError> {
    file::parse(text).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(|error| format!("[ringwire], key {error}")).collect();
        wrong(name, errors.join("; "))
    })
}

fn wrong(name: &str, error: impl ToString) -> StartError {
    StartError::Profile { name: name.to_owned(), error: error.to_string() }
}

/// What of a profile this machine does not have as wanted: each with what is live, and what is wanted.
///
/// # Errors
///
/// As [`config_text`].
pub(super) fn lacking(name: &str, connections: u32) -> Result<Vec<Lacking>, StartError> {
    let system = Real::below("/");
    let profile = Profile::load(name).map_err(|error| wrong(name, error))?;
    let machine = Machine::read(&system).map_err(|error| wrong(name, error))?;
    let facts = machine.facts(connections.into());
    let plan = Plan::of(&profile, &machine, &system, &facts, &Scope::everything());
    let differing = plan.lines.iter().filter(|line| !matches!(line.verdict, Verdict::Met | Verdict::Absent(_)));
    let lacking = differing.map(|line| Lacking {
        setting: line.name(),
        live: line.live.clone().unwrap_or_else(|| "not given".into()).replace('\t', " "),
        wanted: line.wanted(&facts).replace('\t', " "),
        risk: line.setting.risk.to_string(),
    });
    Ok(lacking.collect())
}

/// One thing that is not as wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lacking {
    pub(super) setting: String,
    pub(super) live: String,
    pub(super) wanted: String,
    pub(super) risk: String,
}
