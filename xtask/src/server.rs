//! A server under test or measurement: how its command line is made, and the guard around the running process.
//!
//! Every server listens on loopback alone and on a port of its own, so that no run meets the TIME_WAITs of another.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::child::Guard;

/// What a server prints when it is ready.
const READY: &str = "listening on ";
/// How long it may take to say so; a server under valgrind is slow.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a graceful stop may take.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How many of its last lines are shown when it fails.
const LINES_MAX: usize = 20;

/// A command line with `{listen}` (ADDR:PORT) and `{port}` still open.
#[derive(Clone, Debug)]
pub(crate) struct ServerCommand {
    words: Vec<String>,
}

impl ServerCommand {
    /// Splits at blanks; a word with blanks in it cannot be given.
    pub(crate) fn parse(line: &str) -> Result<Self> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            bail!("the server's command is empty");
        }
        if !words.iter().any(|word| word.contains("{listen}") || word.contains("{port}")) {
            bail!("the server's command must say {{listen}} or {{port}} where its address goes: {line}");
        }
        Ok(Self { words })
    }

    /// A program that takes `--listen=ADDR`.
    pub(crate) fn listening(program: &Path, arguments: &[&str]) -> Self {
        Self::with_address(program, arguments, "--listen={listen}")
    }

    /// A program that takes its address in a last argument of this form.
    pub(crate) fn with_address(program: &Path, arguments: &[&str], address: &str) -> Self {
        let program = program.to_string_lossy().into_owned();
        let arguments = arguments.iter().copied().chain([address]).map(str::to_owned);
        Self { words: std::iter::once(program).chain(arguments).collect() }
    }

    /// The same command with more behind it.
    pub(crate) fn with(mut self, more: &[&str]) -> Self {
        self.words.extend(more.iter().map(|&word| word.to_owned()));
        self
    }

    /// The same command run by another program, for example valgrind.
    pub(crate) fn under(&self, wrapper: &[String]) -> Self {
        Self { words: [wrapper, &self.words].concat() }
    }

    /// The command as a person would type it.
    /// As one types it in the workspace: results name no folder of the machine that made them.
    pub(crate) fn line(&self) -> String {
        let here = std::env::current_dir().map(|folder| format!("{}/", folder.display())).unwrap_or_default();
        self.words.join(" ").replace(&here, "")
    }

    /// Starts it, on `core` if given, and waits until it listens.
    pub(crate) fn start(&self, core: Option<usize>) -> Result<Server> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let fill =
            |word: &String| word.replace("{listen}", &listen.to_string()).replace("{port}", &listen.port().to_string());
        let words: Vec<String> = self.words.iter().map(fill).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut guard = Guard::spawn(&mut command, core)?;
        let lines = lines_of(&mut guard);
        let mut server = Server { guard, address: listen, lines, last: VecDeque::new() };
        server.await_ready().with_context(|| format!("the server did not start: {}", words.join(" ")))?;
        Ok(server)
    }
}

/// A running server; dropping it kills it.
pub(crate) struct Server {
    guard: Guard,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    lines: Receiver<String>,
    last: VecDeque<String>,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.guard.pid()
    }

    /// Asks it to stop with SIGTERM and waits; what it printed last is returned.
    pub(crate) fn stop(mut self) -> Result<String> {
        let status = self.guard.terminate(STOP_MAX);
        self.drain();
        let said = self.said();
        let status = status.with_context(|| said.clone())?;
        // A peer without a handler for SIGTERM ends by the signal itself, which is no exit code.
        if status.code().is_some_and(|code| code != 0) {
            bail!("the server ended with {status}\n{said}");
        }
        Ok(said)
    }

    /// An error if it has ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.guard.child().try_wait()? {
            None => Ok(()),
            Some(status) => {
                self.drain();
                bail!("the server ended by itself with {status}\n{}", self.said())
            }
        }
    }

    /// Ready is a line that says so, or, for a server that does not, a connection that is accepted.
    fn await_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    let address = line.split(READY).nth(1).and_then(|rest| rest.split_whitespace().next());
                    let address = address.and_then(|word| word.parse().ok());
                    self.keep(line);
                    if let Some(address) = address {
                        self.address = address;
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) if TcpStream::connect(self.address).is_ok() => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.check_alive()?;
        }
        Err(anyhow!("not ready within {START_MAX:?}\n{}", self.said()))
    }

    fn drain(&mut self) {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) {
            self.keep(line);
        }
    }

    fn keep(&mut self, line: String) {
        if self.last.len() == LINES_MAX {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn said(&self) -> String {
        self.last.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Its two outputs, line by line; both threads end when the process does.
fn lines_of(guard: &mut Guard) -> Receiver<String> {
    let (sender, receiver) = channel();
    let child = guard.child();
    child.stdout.take().into_iter().for_each(|output| forward(output, sender.clone()));
    child.stderr.take().into_iter().for_each(|output| forward(output, sender.clone()));
    receiver
}

fn forward(output: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Read on when nobody listens any more: a full pipe would stop the server.
            let _ = sender.send(line);
        }
    });
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
