//! `ringwire serve`: the node: pages, echo at `/ws` and chat at `/chat`.

use super::StartError;
use crate::config::ValidConfig;

/// Serves until the process is told to stop.
///
/// # Errors
///
/// [`StartError`] when the server cannot start.
pub(super) fn run(_config: ValidConfig) -> Result<(), StartError> {
    Err(StartError::NotBuilt("serve"))
}
