//! Applies a plan: all of it, or nothing.
//!
//! What was before is on the disk before the first change. When a change fails, those before it are taken back; when the
//! process is killed, `revert` finds what was before and does the same.

use std::io;
use std::path::Path;

use crate::machine::Machine;
use crate::plan::{Line, Plan};
use crate::state::{State, StateError};
use crate::system::System;
use crate::target::{Place, Target};

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Applied {
    /// Places that were changed: what was before, and what is now.
    pub changes: Vec<Change>,
}

/// One place that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub place: Place,
    /// What was before, nothing if there was no such file.
    pub before: Option<String>,
    /// What is now.
    pub now: String,
}

/// Nothing was changed, or all of it taken back, but where it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// What was before could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// A place did not take what it was to say.
    #[error(
        "{place}: {error}; what had been changed was taken back. Leave it out with --only, or apply the rest of its scope"
    )]
    Refused {
        /// Where.
        place: Place,
        /// What was said to that.
        error: io::Error,
    },
    /// A place did not take it, and another did not take back what it had said.
    #[error("{place}: {error}; and then {stuck}: {stuck_error}. `ringwire-tune revert` tries again")]
    Stuck {
        /// Which place refused.
        place: Place,
        /// What was said to that.
        error: io::Error,
        /// Which place does not go back.
        stuck: Place,
        /// What was said to that.
        stuck_error: io::Error,
    },
}

/// Applies what is to be changed, and says each change to `tell`. Does nothing if nothing is.
///
/// # Errors
///
/// [`ApplyError`]; except for [`ApplyError::Stuck`] the machine is then as it was before.
pub fn apply(
    plan: &Plan<'_>,
    machine: &Machine,
    system: &mut impl System,
    state_path: &Path,
    mut tell: impl FnMut(&Line<'_>, &Change),
) -> Result<Applied, ApplyError> {
    let earlier = State::load(system, state_path)?;
    let changes: Vec<(&Line<'_>, &Target)> = plan.changes().collect();
    if changes.is_empty() {
        return Ok(Applied { changes: Vec::new() });
    }
    let mut state = earlier.clone().unwrap_or_else(|| State::new(&machine.boot_id)).on_boot(&machine.boot_id);
    state.profiles.push(plan.profile.name.clone());
    for (line, target) in &changes {
        state.note(&target.place, before(line, target, machine, system));
    }
    state.save(system, state_path)?;
    let mut done: Vec<Change> = Vec::new();
    for (line, target) in changes {
        let change = Change {
            before: before(line, target, machine, system),
            place: target.place.clone(),
            now: target.wanted_text(),
        };
        done.push(change.clone());
        if let Err(error) = write(line, target, machine, system) {
            return Err(take_back(&done, earlier.as_ref(), error, system, state_path));
        }
        tell(line, &change);
    }
    Ok(Applied { changes: done })
}

/// What the place says, whatever the plan calls live.
fn before(line: &Line<'_>, target: &Target, machine: &Machine, system: &impl System) -> Option<String> {
    target.place.live(machine, system).unwrap_or_else(|_| line.live.clone())
}

/// Writes, and looks whether it was taken.
fn write(line: &Line<'_>, target: &Target, machine: &Machine, system: &mut impl System) -> io::Result<()> {
    target.place.set(system, Some(&target.wanted_text()))?;
    let live = target.place.live(machine, system)?;
    if target.is_met(live.as_deref(), line.setting.compare) {
        return Ok(());
    }
    let live = live.unwrap_or_default();
    Err(io::Error::other(format!("it was written, and yet says {live:?}, not {:?}", target.wanted_text())))
}

/// Undoes what was done, the last first, and forgets it.
fn take_back(
    done: &[Change],
    earlier: Option<&State>,
    error: io::Error,
    system: &mut impl System,
    state_path: &Path,
) -> ApplyError {
    let refused = done.last().expect("the change that failed").place.clone();
    let mut stuck = None;
    for change in done.iter().rev() {
        if let Err(error) = change.place.set(system, change.before.as_deref()) {
            // The place that refused still says what it did.
            if change.place != refused {
                stuck.get_or_insert((change.place.clone(), error));
            }
        }
    }
    if let Some((stuck, stuck_error)) = stuck {
        return ApplyError::Stuck { place: refused, error, stuck, stuck_error };
    }
    let kept = match earlier {
        Some(earlier) => earlier.save(system, state_path).map_err(io::Error::other),
        None => State::forget(system, state_path),
    };
    match kept {
        Ok(()) => ApplyError::Refused { place: refused, error },
        Err(stuck_error) => {
            let stuck = Place::Ours { path: state_path.into() };
            ApplyError::Stuck { place: refused, error, stuck, stuck_error }
        }
    }
}

#[cfg(test)]
mod tests;
