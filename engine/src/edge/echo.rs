//! `ringwire echo`: every path echoes, and nothing else is served.

use super::StartError;
use crate::config::ValidConfig;

/// Serves until the process is told to stop.
///
/// # Errors
///
/// [`StartError`] when the server cannot start.
pub(super) fn run(_config: ValidConfig) -> Result<(), StartError> {
    Err(StartError::NotBuilt("echo"))
}
