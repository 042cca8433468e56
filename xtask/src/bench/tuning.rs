//! Profiles as contenders: the machine is set before a run as one of them wants it, and put back after.
//!
//! `lowlat` is a profile with all that it sets, Ringwire's own part included; `lowlat:ringwire` that part alone, and
//! `lowlat:net.ipv4.tcp_autocorking` one setting of the machine alone.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::artifact;

/// Nothing of anybody's.
pub(crate) const UNTUNED: &str = "untuned";

/// What is set of the machine for a contender.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    program: PathBuf,
    profile: String,
    /// One part of the profile, if not all.
    only: Option<String>,
}

/// Puts the machine back when it goes.
pub(crate) struct Tuned<'a>(&'a Tuning);

impl Drop for Tuned<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.run(&["revert"]) {
            println!("THE MACHINE IS NOT AS IT WAS: {error:#}");
        }
    }
}

impl Tuning {
    /// As it is typed, and the options of Ringwire that belong to it.
    pub(crate) fn parse(typed: &str) -> Result<(Option<Self>, String)> {
        if typed == UNTUNED {
            return Ok((None, String::new()));
        }
        let program = artifact::release("ringwire-tune", "ringwire-tune")?;
        let (profile, only) = typed.split_once(':').map_or((typed, None), |(profile, only)| (profile, Some(only)));
        let tuning = Self { program, profile: profile.to_owned(), only: only.map(str::to_owned) };
        let own = format!(" --profile={profile}");
        match only {
            None => Ok((Some(tuning), own)),
            Some("ringwire") => Ok((None, own)),
            Some(_) => Ok((Some(tuning), String::new())),
        }
    }

    /// Sets the machine. One that was left by a run that was killed is put back first.
    pub(crate) fn apply(&self) -> Result<Tuned<'_>> {
        self.run(&["revert"])?;
        let only = self.only.as_ref().map(|only| format!("--only={only}"));
        let mut words = vec!["apply", &self.profile, "--allow-risk=bench-only"];
        words.extend(only.as_deref());
        let tuned = Tuned(self);
        let said = self.run(&words)?;
        ensure!(!said.contains("nothing to change"), "{} changes nothing on this machine:\n{said}", words.join(" "));
        Ok(tuned)
    }

    fn run(&self, words: &[&str]) -> Result<String> {
        let state = artifact::target().join("bench-tuning.json");
        let output = Command::new(&self.program).args(words).arg("--state").arg(&state).output();
        let output = output.with_context(|| format!("cannot run {}", self.program.display()))?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            bail!("ringwire-tune {}: {said}", words.join(" "));
        }
        Ok(said)
    }
}
