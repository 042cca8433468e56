//! A Ringwire node in a process of its own: this test binary, started once more.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use ringwire::edge;

/// Tells the second process what to run, a word in each line.
const WORDS: &str = "RINGWIRE_TEST_NODE";
const PATIENCE: Duration = Duration::from_secs(20);

/// Topics with and without a history, and one that nobody may publish to.
const RULES: &str = r#"
[[topics]]
pattern = "closed"
publish = "nobody"

[[topics]]
pattern = "bare.>"

[[topics]]
pattern = "short"
history_count = 2

[[topics]]
pattern = ">"
history_count = 1000
"#;

/// Those that measure have the machine alone; for all others it is shared.
static MACHINE: RwLock<()> = RwLock::new(());

/// A process that is killed when dropped.
pub(crate) struct Node {
    child: Child,
    _machine: Turn,
    pub(crate) addr: SocketAddr,
    config: String,
}

/// Held as long as the node is there.
#[expect(dead_code, reason = "held, not read")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

impl Node {
    /// `ringwire serve` with [`RULES`], while no other test has a node.
    #[track_caller]
    pub(crate) fn alone() -> Self {
        Self::start("serve", Turn::Alone(MACHINE.write().unwrap_or_else(PoisonError::into_inner)))
    }

    /// `ringwire serve` with [`RULES`].
    #[track_caller]
    pub(crate) fn serve() -> Self {
        Self::start("serve", shared())
    }

    /// `ringwire broadcast`.
    #[track_caller]
    pub(crate) fn broadcast() -> Self {
        Self::start("broadcast", shared())
    }

    #[track_caller]
    fn start(command: &str, machine: Turn) -> Self {
        // The port is free again when the node binds it.
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr()).expect("a free port");
        let config = format!("{}/node-{}.toml", env!("CARGO_TARGET_TMPDIR"), addr.port());
        fs::write(&config, RULES).expect("cargo made the folder");
        let mut node = Self { child: spawn(command, addr, &config), _machine: machine, addr, config };
        node.wait_until_it_answers();
        node
    }

    #[track_caller]
    fn wait_until_it_answers(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !answers(self.addr) {
            let ended = self.child.try_wait().expect("our own child");
            assert!(ended.is_none() && Instant::now() < deadline, "the node does not answer: {ended:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops its process from running, and lets it run again.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.expect("the program kill is there").success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.config);
    }
}

/// A test that failed leaves nothing behind in the lock.
fn shared() -> Turn {
    Turn::Shared(MACHINE.read().unwrap_or_else(PoisonError::into_inner))
}

/// Whether a server of HTTP is there.
///
/// That somebody listens does not say so: a process that another test has begun meanwhile inherits the listener that the port was
/// found with, and has it until its `exec`.
fn answers(addr: SocketAddr) -> bool {
    let asked = TcpStream::connect(addr).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        stream.read_exact(&mut [0; b"HTTP/1.1".len()])
    });
    asked.is_ok()
}

fn spawn(command: &str, addr: SocketAddr, config: &str) -> Child {
    let mut words = vec![command.to_owned(), format!("--listen={addr}"), "--shards=2".into(), "--pin=none".into()];
    words.push(format!("--config={config}"));
    words.push("--admin-listen=none".into());
    Command::new(env::current_exe().expect("this test runs"))
        .args(["--exact", "node::runs_when_it_is_asked_to", "--nocapture"])
        .env(WORDS, words.join("\n"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("this test runs once more")
}

/// The second process's `main`. In the first there is nothing to run.
#[test]
fn runs_when_it_is_asked_to() {
    let Ok(words) = env::var(WORDS) else { return };
    let typed = edge::Cli::parse_from(["ringwire"].into_iter().chain(words.lines()));
    // Its exit code is this process's business alone.
    let _ = edge::run(typed);
}

#[test]
fn a_listener_that_nobody_accepts_from_is_no_node() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let asked = thread::spawn(move || answers(addr));
    thread::sleep(Duration::from_millis(50));
    drop(listener);
    assert!(!asked.join().expect("no panic"));
    assert!(answers(Node::serve().addr) && answers(Node::broadcast().addr));
}
