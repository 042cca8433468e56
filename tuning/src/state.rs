//! What was before: a file that is on the disk before the first change is made, and gone after the last is taken back.
//!
//! Several profiles may be applied one after the other; of each place it keeps what was there before the first. Kernel files
//! forget when the machine restarts, so what it knows of them holds for one start of the machine alone.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::system::System;
use crate::target::{Place, replace, temporary};

/// Where it is, if nobody says otherwise.
pub const PATH: &str = "/var/lib/ringwire-tune/state.json";

const VERSION: u32 = 1;

/// What was before the first change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    /// The profiles that were applied, in order.
    pub profiles: Vec<String>,
    /// The start of the machine in which this was.
    pub boot_id: String,
    /// What each place said, in the order of the changes.
    pub before: Vec<Before>,
}

/// What a place said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Where.
    pub place: Place,
    /// What; nothing if there was no such file.
    pub value: Option<String>,
}

/// The state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not what this program writes.
    #[error("{} is not a state that this version of ringwire-tune wrote ({message}): it says what was before, so look at it before you move it away", path.display())]
    Strange {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// It could not be written.
    #[error("cannot write {}: {source}; nothing was changed", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl State {
    /// A state in which nothing was changed yet.
    pub fn new(boot_id: &str) -> Self {
        Self { version: VERSION, boot_id: boot_id.to_owned(), ..Self::default() }
    }

    /// The state that is kept at `path`, if anything was changed.
    ///
    /// # Errors
    ///
    /// [`StateError`] if there is one that cannot be used.
    pub fn load(system: &impl System, path: &Path) -> Result<Option<Self>, StateError> {
        let text = match system.read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| StateError::Read { path: path.into(), source })?,
        };
        let strange = |message: String| StateError::Strange { path: path.into(), message };
        let state: Self = serde_json::from_str(&text).map_err(|error| strange(error.to_string()))?;
        if state.version != VERSION {
            return Err(strange(format!("version {}, not {VERSION}", state.version)));
        }
        Ok(Some(state))
    }

    /// Keeps it, so that it survives whatever happens next.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`]; what was kept before is still there then.
    pub fn save(&self, system: &mut impl System, path: &Path) -> Result<(), StateError> {
        let text = serde_json::to_string_pretty(self).expect("it is plain data") + "\n";
        replace(system, path, &text).map_err(|source| StateError::Write { path: path.into(), source })
    }

    /// Forgets it, and what was left of writing it.
    ///
    /// # Errors
    ///
    /// As of the file system.
    pub fn forget(system: &mut impl System, path: &Path) -> io::Result<()> {
        system.remove(&temporary(path))?;
        system.remove(path)
    }

    /// Notes what a place said, unless it is known from an earlier time.
    pub fn note(&mut self, place: &Place, value: Option<String>) {
        if !self.before.iter().any(|before| before.place == *place) {
            self.before.push(Before { place: place.clone(), value });
        }
    }

    /// Without what a restart of the machine has put back by itself.
    pub fn on_boot(mut self, boot_id: &str) -> Self {
        if self.boot_id != boot_id {
            self.before.retain(|before| !before.place.is_volatile());
            boot_id.clone_into(&mut self.boot_id);
        }
        self
    }
}
