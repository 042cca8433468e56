//! Starts a server and keeps it until the process is told to stop.

use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::StartError;
use crate::config::ValidConfig;
use crate::handler::Handler;
use crate::http::Routes;
use crate::server::{Server, ShardInfo};

/// Serves until SIGTERM or Ctrl-C, then shuts down gracefully; a second signal cuts.
///
/// # Errors
/// [`StartError`] when the server cannot start.
pub(super) fn run<H, F>(config: &ValidConfig, routes: Routes, handler: F) -> Result<(), StartError>
where
    H: Handler,
    F: Fn(ShardInfo) -> H + Send + Sync + 'static,
{
    // Before any thread exists: a signal that comes during the start must not kill half a server.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(StartError::Signals)?;
    let server = Server::builder((**config).clone()).routes(routes).start(handler)?;
    tracing::info!("listening on {}", server.local_addr());
    let (handle, grace) = (server.handle(), config.shutdown_grace);
    let listener = signals.handle();
    let stopper = thread::spawn(move || {
        for (index, _signal) in signals.forever().enumerate() {
            let grace = if index == 0 { grace } else { std::time::Duration::ZERO };
            tracing::info!(?grace, "shutting down; a second signal cuts");
            handle.shutdown(grace);
        }
    });
    server.join();
    listener.close();
    // It only forwards signals, and has nothing to report.
    let _ = stopper.join();
    tracing::info!("stopped");
    Ok(())
}
