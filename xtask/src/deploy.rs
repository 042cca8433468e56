//! `cargo xtask deploy`: the deployment files of `tuning/deploy`, each checked by a tool that reads it as its user will.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::server::{ServerCommand, free_port};
use crate::{artifact, child, install};

const FOLDER: &str = "tuning/deploy";
const TOOL_MAX: Duration = Duration::from_secs(60);
/// Of `systemd-analyze security`, in tenths: 0 is nothing, 100 all.
const EXPOSURE_MAX: &str = "20";

pub(crate) fn main() -> Result<()> {
    let packages =
        install::python_packages(Path::new("python3"), &format!("{FOLDER}/check/requirements.txt"), "deploy")?;
    let node = artifact::debug("ringwire", "ringwire")?;
    units(&node)?;
    configuration(&node)?;
    containers(&packages)?;
    seccomp(&node)
}

fn file(name: &str) -> PathBuf {
    artifact::root().join(FOLDER).join(name)
}

/// Units are read whole, with a node where they say that there is one, and judged by how much of the machine they leave open.
fn units(node: &Path) -> Result<()> {
    install::package("systemd-analyze", &["systemd"])?;
    let folder = artifact::target().join("deploy-units");
    std::fs::create_dir_all(&folder)?;
    let service = std::fs::read_to_string(file("ringwire.service"))?;
    let service = service.replace("/usr/local/bin/ringwire", &node.display().to_string());
    std::fs::write(folder.join("ringwire.service"), service)?;
    std::fs::copy(file("ringwire.socket"), folder.join("ringwire.socket"))?;
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no", "ringwire.service", "ringwire.socket"]).current_dir(&folder);
    child::run(&mut verify, TOOL_MAX)?;
    let mut security = Command::new("systemd-analyze");
    security.args([
        "security",
        "--no-pager",
        "--offline=true",
        &format!("--threshold={EXPOSURE_MAX}"),
        "ringwire.service",
    ]);
    let output = security.current_dir(&folder).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{}", said.lines().rev().find(|line| line.contains("exposure")).unwrap_or(&said).trim());
    ensure!(output.status.success(), "the unit leaves more open than {EXPOSURE_MAX} of 100: systemd-analyze security");
    Ok(())
}

/// The node's configuration, and the one within the manifest, are understood by the node.
fn configuration(node: &Path) -> Result<()> {
    let manifest = std::fs::read_to_string(file("ringwire.k8s.yaml"))?;
    let inner = manifest.split_once("node.toml: |\n").context("the manifest has no node.toml")?.1;
    let inner: Vec<&str> = inner.lines().take_while(|line| line.starts_with("    ")).map(str::trim_start).collect();
    let copy = artifact::target().join("deploy-units/k8s.toml");
    std::fs::write(&copy, inner.join("\n") + "\n")?;
    for config in [file("node.toml"), copy] {
        let output = Command::new(node)
            .args(["serve", "--print-config", "--profile=fanout"])
            .arg("--config")
            .arg(&config)
            .output()?;
        ensure!(output.status.success(), "{}: {}", config.display(), String::from_utf8_lossy(&output.stderr));
        println!("{}: understood", config.file_name().unwrap_or_default().display());
    }
    Ok(())
}

fn containers(packages: &Path) -> Result<()> {
    let mut manifest = Command::new("python3");
    manifest.arg(file("check/kubernetes.py")).arg(file("ringwire.k8s.yaml")).env("PYTHONPATH", packages);
    child::run(manifest.env("PYTHONDONTWRITEBYTECODE", "1"), TOOL_MAX)?;
    child::run(Command::new(packages.join("bin/hadolint")).arg(file("Containerfile")), TOOL_MAX)?;
    println!("Containerfile: nothing found by hadolint");
    Ok(())
}

/// A node under the container's profile does all that it does, and what the profile does not name is denied.
fn seccomp(node: &Path) -> Result<()> {
    install::library("libseccomp.so.2", "libseccomp2")?;
    let folder = artifact::target().join("deploy-journal");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let wrapper = ["python3".into(), text(&file("check/under_seccomp.py")), text(&file("ringwire-seccomp.json"))];
    let admin = format!("127.0.0.1:{}", free_port()?);
    let (config, journal) = (format!("--config={}", text(&file("node.toml"))), format!("--journal={}", text(&folder)));
    let options = [
        &*config,
        &journal,
        &format!("--admin-listen={admin}"),
        "--shards=2",
        "--connections-max=1000",
        "--pin=none",
        "--journal-fsync=always",
    ];
    // Twice: the second finds a journal.
    for _ in 0..2 {
        let command = ServerCommand::listening(node, &[&["serve"], &options[..]].concat()).under(&wrapper);
        let server = command.start(None).context("under the seccomp profile")?;
        let mut health = Command::new(node);
        child::run(health.args(["health", "--ready", &config, &format!("--admin-listen={admin}")]), TOOL_MAX)?;
        let mut publish = Command::new("curl");
        publish.args(["--silent", "--fail", "--header", "content-type: text/plain", "--data", "hello"]);
        child::run(publish.arg(format!("http://{admin}/topics/a.b?durable=true")), TOOL_MAX)?;
        let mut read = Command::new("curl");
        child::run(read.args(["--silent", "--fail"]).arg(format!("http://{}/topics/a.b", server.address)), TOOL_MAX)?;
        println!();
        server.stop().context("under the seccomp profile")?;
    }
    let denied =
        Command::new(&wrapper[0]).args(&wrapper[1..]).args(["/usr/bin/unshare", "--user", "/bin/true"]).output()?;
    let said = String::from_utf8_lossy(&denied.stderr);
    if denied.status.success() || !said.contains("not permitted") {
        bail!("a program may make namespaces under the seccomp profile: {said}");
    }
    println!("seccomp: the node serves under it, and another program is denied");
    Ok(())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
