//! The quick check while editing: the same case files on a newer runner, eight at a time.
//!
//! It sees less than `wstest`: no valid 3- and 4-byte UTF-8, not a 1-byte close payload, not a server that keeps the TCP
//! connection.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use super::verdicts::Verdicts;
use crate::child::Guard;
use crate::{artifact, install};

const RUN_MAX: Duration = Duration::from_secs(300);

pub(super) fn run(address: SocketAddr, patterns: &[String]) -> Result<Verdicts> {
    let library = install::python_packages(
        Path::new("python3"),
        "engine/tests/autobahn/quick-requirements.txt",
        "autobahn/quick",
    )?;
    let reports = artifact::target().join("autobahn/quick-reports");
    if reports.exists() {
        std::fs::remove_dir_all(&reports)?;
    }
    let mut command = Command::new("python3");
    command.args(["-c", "import sys; sys.argv[0] = 'kosoku'; from kosoku._cli import main; main()", "-p", "8"]);
    command.arg("-o").arg(&reports).env("PYTHONPATH", &library);
    for pattern in patterns {
        command.arg("-i").arg(pattern);
    }
    command.arg(address.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Its exit code says whether any case failed; what is expected is judged from its report.
    Guard::spawn(&mut command, None)?.wait(RUN_MAX).context("kosoku")?;
    Verdicts::read_report(&reports.join("index.json"))
}
