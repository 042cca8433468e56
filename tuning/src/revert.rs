//! Takes back all that was applied: exactly the state before, also when an apply was killed in its middle.

use std::io;
use std::path::Path;

use crate::machine::Machine;
use crate::state::{State, StateError};
use crate::system::System;
use crate::target::{Place, temporary};

/// What was done.
#[derive(Debug, Default)]
pub struct Reverted {
    /// Profiles that had been applied, in order.
    pub profiles: Vec<String>,
    /// Places that say again what they did.
    pub restored: Vec<(Place, Option<String>)>,
    /// Places that the machine does not have any more.
    pub gone: Vec<Place>,
    /// Whether the machine was restarted meanwhile, which put the kernel's own back.
    pub restarted: bool,
}

/// Something could not be taken back. What was before is kept, so that it can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum RevertError {
    /// What was before is not known.
    #[error(transparent)]
    State(#[from] StateError),
    /// A place did not take what it had said.
    #[error(
        "{place} could not be set back to {value:?}: {error}; what was before is still in {state}, so that revert can be run again"
    )]
    Refused {
        /// Where.
        place: Place,
        /// What it had said.
        value: String,
        /// Why not.
        error: io::Error,
        /// Where it is kept.
        state: String,
    },
    /// All is as before, but the file that says so could not be removed.
    #[error("all is as before, but {state} could not be removed: {error}")]
    Forget {
        /// The file.
        state: String,
        /// Why not.
        error: io::Error,
    },
}

/// Takes back all that was applied, the last first; nothing if nothing was.
///
/// # Errors
///
/// [`RevertError`]; all places are tried even so.
pub fn revert(machine: &Machine, system: &mut impl System, state_path: &Path) -> Result<Reverted, RevertError> {
    let Some(state) = State::load(system, state_path)? else {
        // An apply may have died before it had written all that was before: it had changed nothing.
        forget(system, state_path)?;
        return Ok(Reverted::default());
    };
    let restarted = state.boot_id != machine.boot_id;
    let state = state.on_boot(&machine.boot_id);
    let mut reverted = Reverted { profiles: state.profiles, restarted, ..Reverted::default() };
    let mut failed = None;
    for before in state.before.into_iter().rev() {
        let (place, value) = (before.place, before.value);
        match put_back(&place, value.as_deref(), machine, system) {
            Ok(Back::Same) => {}
            Ok(Back::Changed) => reverted.restored.push((place, value)),
            Ok(Back::Gone) => reverted.gone.push(place),
            Err(error) => {
                let (value, state) = (value.unwrap_or_default(), state_path.display().to_string());
                failed.get_or_insert(RevertError::Refused { place, value, error, state });
            }
        }
    }
    match failed {
        Some(failed) => Err(failed),
        None => forget(system, state_path).map(|()| reverted),
    }
}

enum Back {
    Same,
    Changed,
    Gone,
}

fn put_back(place: &Place, value: Option<&str>, machine: &Machine, system: &mut impl System) -> io::Result<Back> {
    let live = match place.live(machine, system) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) => {
            return Ok(Back::Gone);
        }
        live => live?,
    };
    let half_written = matches!(place, Place::Ours { path } if system.exists(&temporary(path)));
    if live.as_deref() == value && !half_written {
        return Ok(Back::Same);
    }
    place.set(system, value)?;
    Ok(Back::Changed)
}

fn forget(system: &mut impl System, state_path: &Path) -> Result<(), RevertError> {
    let forgotten = State::forget(system, state_path);
    forgotten.map_err(|error| RevertError::Forget { state: state_path.display().to_string(), error })
}
