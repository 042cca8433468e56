//! Starts a server and keeps it until the process is told to stop.

use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::StartError;
use super::control::Control;
use crate::config::ValidConfig;
use crate::handler::Handler;
use crate::http::Routes;
use crate::server::{Server, ShardInfo};

/// `timeout(1)` and some supervisors signal a process and its group: what comes so soon again is the same wish.
const REPEATED_SIGNAL: Duration = Duration::from_millis(100);

/// Serves until SIGTERM or Ctrl-C, then shuts down gracefully; a second signal cuts. `control` is told how far it is, and
/// ends after the shards.
///
/// # Errors
/// [`StartError`] when the server cannot start.
pub(super) fn run<H, F>(
    config: &ValidConfig,
    routes: Routes,
    control: Option<Control>,
    handler: F,
) -> Result<(), StartError>
where
    H: Handler,
    F: Fn(ShardInfo) -> H + Send + Sync + 'static,
{
    // Before any thread exists: a signal that comes during the start must not kill half a server.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(StartError::Signals)?;
    let server = Server::builder((**config).clone()).routes(routes).start(handler)?;
    if let Some(control) = &control {
        control.running(server.handle());
    }
    tracing::info!("listening on {}", server.local_addr());
    let (handle, grace) = (server.handle(), config.shutdown_grace);
    let tell_control = control.as_ref().map(Control::on_drain);
    let listener = signals.handle();
    let stopper = thread::spawn(move || {
        let mut first = None;
        for _signal in signals.forever() {
            let since = first.get_or_insert_with(Instant::now).elapsed();
            let grace = if since < REPEATED_SIGNAL { grace } else { Duration::ZERO };
            tracing::info!(?grace, "shutting down; another signal cuts");
            tell_control.iter().for_each(|tell| tell());
            handle.shutdown(grace);
        }
    });
    server.join();
    drop(control);
    listener.close();
    // It only forwards signals, and has nothing to report.
    let _ = stopper.join();
    tracing::info!("stopped");
    Ok(())
}
