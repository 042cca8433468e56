//! Autobahn's own `wstest`, from pinned packages, as a fuzzing client.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::verdicts::Verdicts;
use crate::child::Guard;
use crate::{artifact, install};

const REQUIREMENTS: &str = "engine/tests/autobahn/requirements.txt";
/// The usual set takes 15 s on two cores, a debug build four times as long.
const RUN_MAX: Duration = Duration::from_secs(400);
/// All cases with compression take 9 minutes.
const FULL_RUN_MAX: Duration = Duration::from_secs(1800);

pub(super) fn run(address: SocketAddr, patterns: &[String], full: bool) -> Result<Verdicts> {
    let python = install::python27()?;
    let library = install::python_packages(&python, REQUIREMENTS, "autobahn/lib")?;
    let folder = artifact::target().join("autobahn/run");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let spec = json!({
        "outdir": folder.join("reports"),
        "servers": [{ "agent": "server", "url": format!("ws://{address}") }],
        "cases": patterns,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    std::fs::write(folder.join("spec.json"), spec.to_string())?;
    wstest(&python, &library, &folder, if full { FULL_RUN_MAX } else { RUN_MAX })?;
    let said = std::fs::read_to_string(folder.join("output.txt"))?;
    let announced = announced(&said).with_context(|| format!("wstest did not say how many cases it runs:\n{said}"))?;
    let verdicts = Verdicts::read_report(&folder.join("reports/index.json"))?;
    ensure!(
        verdicts.len() == announced,
        "{} verdicts for {announced} cases: the server or the suite ended half-way\n{said}",
        verdicts.len()
    );
    Ok(verdicts)
}

fn wstest(python: &Path, library: &Path, folder: &Path, limit: Duration) -> Result<()> {
    let start = "import site, sys; site.addsitedir(sys.argv.pop(1)); sys.argv[0] = 'wstest'; \
                 from autobahntestsuite.wstest import run; run()";
    let output = std::fs::File::create(folder.join("output.txt"))?;
    let mut command = Command::new(python);
    command.args(["-E", "-s", "-u", "-W", "ignore", "-c", start]).arg(library);
    command.args(["-m", "fuzzingclient", "-s"]).arg(folder.join("spec.json")).current_dir(folder);
    command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
    let status = Guard::spawn(&mut command, None)?.wait(limit).context("wstest")?;
    ensure!(status.success(), "wstest ended with {status}; see {}", folder.join("output.txt").display());
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
