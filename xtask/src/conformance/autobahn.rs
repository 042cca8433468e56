//! Autobahn's own `wstest`, from pinned packages: a fuzzing client of our server, or a fuzzing server of our client.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::verdicts::Verdicts;
use crate::child::Guard;
use crate::server::free_port;
use crate::{artifact, install};

const REQUIREMENTS: &str = "engine/tests/autobahn/requirements.txt";
/// The usual set takes 15 s on two cores, a debug build four times as long.
const RUN_MAX: Duration = Duration::from_secs(400);
/// All cases with compression take 9 minutes.
const FULL_RUN_MAX: Duration = Duration::from_secs(1800);
/// Python 2 and its packages, from a cold disk.
const START_MAX: Duration = Duration::from_secs(30);

pub(super) fn run(address: SocketAddr, patterns: &[String], full: bool) -> Result<Verdicts> {
    let wstest = Wstest::prepare("run")?;
    wstest.write_spec(json!({
        "servers": [{ "agent": "server", "url": format!("ws://{address}") }],
        "cases": patterns,
    }))?;
    let status = wstest.spawn("fuzzingclient")?.wait(if full { FULL_RUN_MAX } else { RUN_MAX }).context("wstest")?;
    let said = wstest.said()?;
    ensure!(status.success(), "wstest ended with {status}:\n{said}");
    let announced = announced(&said).with_context(|| format!("wstest did not say how many cases it runs:\n{said}"))?;
    wstest.verdicts(announced)
}

/// The other way round: the suite is the server, and `client` mirrors what it sends.
pub(super) fn run_client(client: &Path, patterns: &[String], full: bool) -> Result<Verdicts> {
    let wstest = Wstest::prepare("client")?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    wstest.write_spec(json!({ "url": format!("ws://{address}"), "cases": patterns }))?;
    let suite = wstest.spawn("fuzzingserver")?;
    await_listener(address).with_context(|| wstest.said().unwrap_or_default())?;
    let output = wstest.folder.join("client.txt");
    let mut command = Command::new(client);
    command.arg(address.to_string()).stdin(Stdio::null()).stdout(std::fs::File::create(&output)?);
    let status =
        Guard::spawn(&mut command, None)?.wait(if full { FULL_RUN_MAX } else { RUN_MAX }).context("the client")?;
    drop(suite);
    ensure!(status.success(), "the client ended with {status}; the suite said\n{}", wstest.said()?);
    let said = std::fs::read_to_string(output)?;
    let count = said.split_whitespace().next().and_then(|count| count.parse().ok());
    wstest.verdicts(count.with_context(|| format!("the client did not say how many cases there are:\n{said}"))?)
}

/// The suite, installed, and a folder for one run of it.
struct Wstest {
    python: PathBuf,
    packages: PathBuf,
    folder: PathBuf,
}

impl Wstest {
    fn prepare(folder: &str) -> Result<Self> {
        let python = install::python27()?;
        let packages = install::python_packages(&python, REQUIREMENTS, "autobahn/lib")?;
        let folder = artifact::target().join("autobahn").join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Self { python, packages, folder })
    }

    fn write_spec(&self, mut spec: Value) -> Result<()> {
        spec["outdir"] = json!(self.folder.join("reports"));
        spec["exclude-cases"] = json!([]);
        spec["exclude-agent-cases"] = json!({});
        Ok(std::fs::write(self.folder.join("spec.json"), spec.to_string())?)
    }

    /// As a server it would listen on every interface, and serve a page: neither happens here.
    fn spawn(&self, mode: &str) -> Result<Guard> {
        let start = "import site, sys; site.addsitedir(sys.argv.pop(1)); sys.argv[0] = 'wstest'\n\
                     from twisted.internet import reactor; listen = reactor.listenTCP\n\
                     reactor.listenTCP = lambda port, factory, backlog=50, interface='': \
                     listen(port, factory, backlog, '127.0.0.1')\n\
                     from autobahntestsuite.wstest import run; run()";
        let output = std::fs::File::create(self.folder.join("output.txt"))?;
        let mut command = Command::new(&self.python);
        command.args(["-E", "-s", "-u", "-W", "ignore", "-c", start]).arg(&self.packages);
        command.args(["-m", mode, "-u", "0", "-s"]).arg(self.folder.join("spec.json")).current_dir(&self.folder);
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        Guard::spawn(&mut command, None)
    }

    fn said(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.join("output.txt"))?)
    }

    /// The verdicts, of which there must be `count`.
    fn verdicts(&self, count: usize) -> Result<Verdicts> {
        let verdicts = Verdicts::read_report(&self.folder.join("reports/index.json"))?;
        let found = verdicts.len();
        ensure!(found == count, "{found} verdicts for {count} cases: one of both ended half-way\n{}", self.said()?);
        Ok(verdicts)
    }
}

fn await_listener(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + START_MAX;
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < deadline, "wstest does not listen on {address} after {START_MAX:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// `Ok, will run N test cases for any servers connected`
fn announced(said: &str) -> Option<usize> {
    said.split("will run ").nth(1)?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::announced;

    #[test]
    fn the_number_of_cases_is_read() {
        assert_eq!(announced("Ok, will run 301 test cases for any servers connected\n"), Some(301));
        assert_eq!(announced("Traceback"), None);
    }
}
