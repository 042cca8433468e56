//! The `ringwire` binary, or an example, in a process of its own: for signals, kills, and memory that is its alone.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::{PATIENCE, holds_within};

/// A process that listens. It is killed when dropped.
pub(crate) struct Node {
    child: Child,
    lines: Receiver<String>,
    pub(crate) addr: SocketAddr,
    /// What it said before it listened.
    said: Vec<String>,
}

impl Node {
    /// Starts `ringwire` with `arguments` on a free port, one shard and no admin interface unless `arguments` say otherwise.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(Self::command(arguments))
    }

    /// Starts `ringwire` as [`Node::start`] does, with a configuration file of this text.
    #[track_caller]
    pub(crate) fn configured(text: &str, arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = format!("{}/{}-{number}.toml", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        fs::write(&path, text).expect("cargo made the folder");
        let node = Self::start(&[&["serve", &format!("--config={path}")], arguments].concat());
        fs::remove_file(&path).expect("it was just written");
        node
    }

    /// Starts `ringwire` as [`Node::start`] does, and waits until it says `words` instead of until it listens.
    #[track_caller]
    pub(crate) fn waiting(arguments: &[&str], words: &str) -> Self {
        Self::spawn_until(Self::command(arguments), |line| line.contains(words).then_some(([0, 0, 0, 0], 0).into()))
    }

    fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwire"));
        command.args(arguments).arg("--pin=none");
        let defaults = [
            ("--listen", "--listen=127.0.0.1:0"),
            ("--shards", "--shards=1"),
            ("--admin-listen", "--admin-listen=none"),
        ];
        for (option, default) in defaults {
            if !arguments.iter().any(|argument| argument.starts_with(option)) {
                command.arg(default);
            }
        }
        command
    }

    /// Starts an example on a free port.
    #[track_caller]
    pub(crate) fn example(path: &Path) -> Self {
        let mut command = Command::new(path);
        command.arg("127.0.0.1:0");
        Self::spawn(command)
    }

    /// Starts what is, in the end, a node.
    #[track_caller]
    pub(crate) fn spawned(command: Command) -> Self {
        Self::spawn(command)
    }

    #[track_caller]
    fn spawn(command: Command) -> Self {
        Self::spawn_until(command, address)
    }

    /// Spawns it and waits for the line in which `address` finds where it listens.
    #[track_caller]
    fn spawn_until(mut command: Command, address: impl Fn(&str) -> Option<SocketAddr>) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (tell, lines) = channel();
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        for stream in [Box::new(out) as Box<dyn Read + Send>, Box::new(err)] {
            let tell = tell.clone();
            // A node that says more than a pipe holds must not wait for us.
            thread::spawn(move || {
                BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
            });
        }
        // The last senders go with the process.
        drop(tell);
        let mut node = Self { child, lines, addr: ([0, 0, 0, 0], 0).into(), said: Vec::new() };
        while let Ok(line) = node.lines.recv_timeout(PATIENCE) {
            if let Some(addr) = address(&line) {
                node.addr = addr;
                return node;
            }
            node.said.push(line);
        }
        panic!("{command:?} does not say what it should; it said:\n{}", node.said.join("\n"));
    }

    /// Where its admin interface listens.
    #[track_caller]
    pub(crate) fn admin_addr(&self) -> SocketAddr {
        let found = self.said.iter().find_map(|line| line.split_once("admin interface at http://"));
        let (_, rest) = found.unwrap_or_else(|| panic!("no admin interface: {:?}", self.said));
        rest[..rest.find('/').expect("it ends so")].parse().expect("an address")
    }

    /// What it said before it listened.
    pub(crate) fn said(&self) -> String {
        self.said.join("\n")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process with memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.expect("the program kill is there").success());
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn wait(&mut self, most: Duration) -> ExitStatus {
        let mut status = None;
        let ended = holds_within(most, || {
            status = self.child.try_wait().expect("our own child");
            status.is_some()
        });
        assert!(ended, "not ended after {most:?}");
        status.expect("it ended")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let status = self.child.wait();
        if thread::panicking() {
            let rest: Vec<_> = self.lines.iter().collect();
            println!("the node ended with {status:?}; it said:\n{}\n{}", self.said.join("\n"), rest.join("\n"));
        }
    }
}

/// The address in a line such as `… listening on 127.0.0.1:9001` or `echo on ws://127.0.0.1:9001/`.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ").or_else(|| line.split_once("ws://"))?;
    let end = rest.find(|letter: char| !(letter.is_ascii_hexdigit() || ".:[]".contains(letter)));
    rest[..end.unwrap_or(rest.len())].parse().ok()
}
