//! Starts a server and keeps it until the process is told to stop.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::StartError;
use super::control::Control;
use super::flipbook::Flipbook;
use super::ticker::Ticker;
use crate::config::ValidConfig;
use crate::handler::Handler;
use crate::http::Routes;
use crate::server::{Server, ServerHandle, ShardInfo};
use crate::sys::activation;
use crate::topic::journal::Kept;

/// `timeout(1)` and some supervisors signal a process and its group: what comes so soon again is the same wish.
const REPEATED_SIGNAL: Duration = Duration::from_millis(100);

/// What a node has beside its server.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Is told how far the server is, and ends after the shards.
    pub(super) control: Option<Control>,
    /// What the server goes on with.
    pub(super) kept: Option<Kept>,
    /// Is started when the server listens, and ends after the shards.
    pub(super) ticker: Option<Ticker>,
    /// The same.
    pub(super) flipbook: Option<Flipbook>,
}

impl Beside {
    /// Nothing: a server alone. It cannot fail, but stands where others can.
    pub(super) fn nothing(_: &ValidConfig) -> Result<Self, StartError> {
        Ok(Self::default())
    }
}

/// Serves until SIGTERM or Ctrl-C, then shuts down gracefully; a second signal cuts. One that comes before the server listens
/// ends the process at once: a start may wait seconds for its port, and so may `prepare`, which is called once signals are caught.
///
/// # Errors
/// [`StartError`] when the server, or what `prepare` makes, cannot start.
pub(super) fn run<H, F>(
    config: &ValidConfig,
    routes: Routes,
    prepare: impl FnOnce(&ValidConfig) -> Result<Beside, StartError>,
    handler: F,
) -> Result<(), StartError>
where
    H: Handler,
    F: Fn(ShardInfo) -> H + Send + Sync + 'static,
{
    // Caught from the beginning: the first process of a container has no signals but those that it catches.
    let signals = Signals::new([SIGTERM, SIGINT]).map_err(StartError::Signals)?;
    let listener = signals.handle();
    let running = Arc::new(OnceLock::new());
    let stopper = {
        let (running, grace) = (Arc::clone(&running), config.shutdown_grace);
        thread::spawn(move || stop_on(signals, &running, grace))
    };
    let Beside { control, kept, mut ticker, mut flipbook } = prepare(config)?;
    let listeners = activation::listeners().map_err(StartError::Passed)?;
    let are_passed = !listeners.is_empty();
    let server = Server::builder((**config).clone()).routes(routes).kept(kept).listeners(listeners).start(handler)?;
    if let Some(control) = &control {
        control.running(server.handle());
    }
    running.get_or_init(|| Running { server: server.handle(), tell_control: control.as_ref().map(Control::on_drain) });
    if let Some(ticker) = &mut ticker {
        ticker.start(server.handle());
    }
    if let Some(flipbook) = &mut flipbook {
        flipbook.start(server.handle());
    }
    tracing::info!(
        "listening on {}{}",
        server.local_addr(),
        if are_passed { ", a socket that was passed on" } else { "" }
    );
    // Where no service manager asked for it, nothing is told.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    server.join();
    drop((ticker, flipbook));
    drop(control);
    listener.close();
    // It only forwards signals, and has nothing to report.
    let _ = stopper.join();
    tracing::info!("stopped");
    Ok(())
}

/// What a signal is told to.
struct Running<F> {
    server: ServerHandle,
    tell_control: Option<F>,
}

/// Turns signals into shutdowns, until the server has ended.
fn stop_on<F: Fn()>(mut signals: Signals, running: &OnceLock<Running<F>>, grace: Duration) {
    let mut first = None;
    for _signal in signals.forever() {
        let Some(running) = running.get() else {
            tracing::info!("stopped before it listened");
            std::process::exit(0);
        };
        let since = first.get_or_insert_with(Instant::now).elapsed();
        let grace = if since < REPEATED_SIGNAL { grace } else { Duration::ZERO };
        tracing::info!(?grace, "shutting down; another signal cuts");
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        running.tell_control.iter().for_each(|tell| tell());
        running.server.shutdown(grace);
    }
}
