//! A Ringwire node in a process of its own: this test binary, started once more.

use std::env;
use std::fs;
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
        node.wait_until_it_listens();
        node
    }

    #[track_caller]
    fn wait_until_it_listens(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.addr).is_err() {
            let ended = self.child.try_wait().expect("our own child");
            assert!(ended.is_none() && Instant::now() < deadline, "the node does not listen: {ended:?}");
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
