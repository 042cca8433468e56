//! What all of these tests stand on: a server on a free port, clients for it, and conditions that are awaited.
//!
//! [`TestServer`] is the server in this process, [`Node`] the `ringwire` binary in a process of its own, [`Raw`] a client that
//! may break every rule, and `tungstenite` the one that breaks none. A test ends with [`TestServer::finish`], which
//! asserts that nothing is left of its clients.

pub(crate) mod node;
pub(crate) mod probe;
pub(crate) mod raw;
pub(crate) mod turns;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Deref;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use ringwire::config::{Pin, Shards};
use ringwire::http::Routes;
use ringwire::{Config, Gauges, Handler, Server, ServerBuilder, ServerHandle};

pub(crate) use node::Node;
pub(crate) use probe::{Log, Probe};
pub(crate) use raw::{Frame, Raw};
pub(crate) use turns::{Alone, Shared};

/// How long a condition is awaited. Only a failing test, or a starved machine, ever waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds; panics with `what` when it does not within [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(PATIENCE, condition), "not within {PATIENCE:?}: {what}");
}

/// Whether `condition` came to hold within `patience`.
pub(crate) fn holds_within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A configuration for a test: a free port of the loopback interface, `shards` threads, none pinned.
pub(crate) fn config(shards: usize) -> Config {
    Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        shards: Shards::Count(shards),
        pin: Pin::None,
        ..Config::default()
    }
}

/// A server in this process.
pub(crate) struct TestServer {
    server: Server,
    _machine: Option<Shared>,
}

impl TestServer {
    /// Starts one that takes WebSockets on every path. A machine without io_uring fails here, with the reason.
    pub(crate) fn start<H: Handler>(config: Config, handler: impl Fn() -> H + Send + Sync + 'static) -> Self {
        Self::launch(Server::builder(config), handler)
    }

    /// Starts one for a test that has the machine alone.
    pub(crate) fn alone<H: Handler>(
        _machine: &Alone,
        config: Config,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> Self {
        let server = Server::builder(config).start(move |_shard| handler());
        Self { server: server.unwrap_or_else(|error| panic!("no server: {error}")), _machine: None }
    }

    /// Starts one with routes of its own.
    pub(crate) fn with_routes<H: Handler>(
        config: Config,
        routes: Routes,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> Self {
        Self::launch(Server::builder(config).routes(routes), handler)
    }

    fn launch<H: Handler>(builder: ServerBuilder, handler: impl Fn() -> H + Send + Sync + 'static) -> Self {
        let machine = Shared::wait();
        let server = builder.start(move |_shard| handler()).unwrap_or_else(|error| panic!("no server: {error}"));
        Self { server, _machine: Some(machine) }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// What the server holds now.
    pub(crate) fn gauges(&self) -> Gauges {
        self.handle().stats().expect("it runs").gauges
    }

    /// Waits until nothing is held: no descriptor, no connection, no segment, no reassembly, no recv buffer, no byte.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let mut last = Gauges::default();
        let settled = holds_within(PATIENCE, || {
            last = self.gauges();
            // Those stay.
            (last.histories, last.history_bytes) = (0, 0);
            last == Gauges::default()
        });
        assert!(settled, "left behind: {last:?}");
    }

    /// The leak check: all clients must be gone, then nothing is held, and the server ends at once.
    #[track_caller]
    pub(crate) fn finish(self) {
        self.settle();
        self.stop(Duration::ZERO, Duration::from_secs(5));
    }

    /// Shuts down with `grace`, and panics when the end takes longer than `most`. Returns how long it took.
    #[track_caller]
    pub(crate) fn stop(self, grace: Duration, most: Duration) -> Duration {
        let begin = Instant::now();
        self.handle().shutdown(grace);
        self.wait_for_end(most);
        begin.elapsed()
    }

    /// Waits for the end of a server that was told to shut down.
    #[track_caller]
    pub(crate) fn wait_for_end(self, most: Duration) {
        let handle = self.handle();
        let (ended, end) = channel();
        let server = self.server;
        let joiner = thread::spawn(move || {
            server.join();
            let _ = ended.send(());
        });
        if end.recv_timeout(most).is_err() {
            assert!(!joiner.is_finished(), "a shard panicked");
            panic!("not ended {most:?} after the shutdown; still there: {:?}", handle.connections());
        }
    }
}

/// A well-behaved client.
pub(crate) type Polite = tungstenite::WebSocket<Patient>;

/// Opens a WebSocket with tungstenite; `path` may have a query.
#[track_caller]
pub(crate) fn polite(addr: SocketAddr, path: &str) -> Polite {
    let stream = Patient(connect(addr));
    let config = tungstenite::protocol::WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let (client, _) = tungstenite::client::client_with_config(format!("ws://{addr}{path}"), stream, Some(config))
        .unwrap_or_else(|error| panic!("no WebSocket at {path}: {error}"));
    client
}

/// A TCP connection that goes on when a system call is interrupted. With a time limit the kernel does not begin it again by itself,
/// and a machine that was paused for a moment interrupts all of them.
#[derive(Debug)]
pub(crate) struct Patient(TcpStream);

impl Deref for Patient {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.0
    }
}

impl Read for Patient {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.read(bytes))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// A TCP connection whose reads and writes give up after [`PATIENCE`].
#[track_caller]
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, PATIENCE).expect("the server accepts");
    stream.set_nodelay(true).expect("a TCP socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
    stream
}
