//! `ringwire broadcast`: every message goes to every connection of the same path.

use super::StartError;
use crate::config::ValidConfig;

/// Serves until the process is told to stop.
///
/// # Errors
///
/// [`StartError`] when the server cannot start.
pub(super) fn run(_config: ValidConfig) -> Result<(), StartError> {
    Err(StartError::NotBuilt("broadcast"))
}
