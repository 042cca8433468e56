//! The uWebSockets peer: its library installed, our program compiled against it.
//!
//! Python's package index has uWebSockets as a shared library of the package socketify; nothing of Python runs in the peer. That
//! library has libuv for its loop, which Debian brings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{artifact, child, install};

const FOLDER: &str = "bench/peers/uwebsockets-echo";
const LIBRARY: &str = "socketify/libsocketify_linux_amd64.so";
const COMPILE_MAX: Duration = Duration::from_secs(60);

/// Installs and compiles what is not there yet; returns the program.
pub(super) fn program() -> Result<PathBuf> {
    ensure!(cfg!(target_arch = "x86_64"), "the uWebSockets library comes for x86-64 alone");
    let packages =
        install::python_packages(Path::new("python3"), &format!("{FOLDER}/requirements.txt"), "uwebsockets")?;
    let library = packages.join(LIBRARY);
    ensure!(library.is_file(), "the package has no {LIBRARY}");
    let program = packages.join("uwebsockets-echo");
    let mut command = Command::new("cc");
    command.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program);
    command.arg(artifact::root().join(FOLDER).join("main.c")).arg(&library).arg("-l:libuv.so.1");
    command.arg(format!("-Wl,-rpath,{}", packages.join("socketify").display()));
    child::run(&mut command, COMPILE_MAX).context("compiling the peer needs: apt-get install gcc libc6-dev libuv1")?;
    Ok(program)
}
