//! User-space instructions per message, counted by valgrind's callgrind: works where there are no hardware counters.
//!
//! The server runs under valgrind; its counts are zeroed and dumped through valgrind's own debug door (`vgdb`) while nothing
//! is under way, so they belong to the window's messages alone. Kernel instructions are not seen, valgrind shows the
//! server no AVX-512, and times mean nothing. The server is killed, not stopped: valgrind 3.19 holds its lock over
//! io_uring_enter, so no other thread of the server would hear the signal.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::drive::{Generator, Window};
use super::pairs::Workload;
use super::profile::Profile;
use super::subject::Subject;
use super::{InstructionOptions, report};
use crate::generator::{Opcode, Pattern};
use crate::{artifact, child};

/// How long one word with a process under valgrind may take.
const WORD_MAX: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Serialize)]
struct Count {
    server: String,
    messages: u64,
    instructions: u64,
    per_message: f64,
    /// Instructions per message of the functions that have most, without what these call.
    functions: Vec<(String, f64)>,
}

pub(super) fn main(options: &InstructionOptions) -> Result<()> {
    if !child::is_installed("valgrind") {
        bail!("valgrind not found: apt-get install valgrind");
    }
    let (mode, beside) = match options.pattern {
        Pattern::Echo => ("echo", "fastwebsockets"),
        Pattern::Broadcast => ("broadcast", "none"),
        _ => bail!("instructions are counted for echo and broadcast"),
    };
    let workload = Workload {
        pattern: options.pattern,
        connections: options.connections,
        bytes: options.bytes,
        depth: options.depth,
        opcode: Opcode::Binary,
    };
    let (server, against) = super::subjects(mode, beside, &options.common)?;
    let mut counts = Vec::new();
    for (number, subject) in [Some(server), against].into_iter().flatten().enumerate() {
        counts.push(count(&workload, &subject, number, options)?);
    }
    let table = format!("{}\n{}", workload.name(), counts.iter().map(lines).collect::<String>());
    print!("{table}");
    report::keep(options.common.out.as_deref(), "instructions", "valgrind --tool=callgrind", &table, &counts)
}

/// The figure, and where it comes from.
fn lines(count: &Count) -> String {
    let mut text = format!("{}: {:.1} user instructions per message\n", count.server, count.per_message);
    for (function, per_message) in &count.functions {
        text += &format!("  {per_message:>8.1}  {function}\n");
    }
    text
}

fn count(workload: &Workload, subject: &Subject, number: usize, options: &InstructionOptions) -> Result<Count> {
    let valgrind = Valgrind::new(number)?;
    let server = subject.command.under(&valgrind.words()).start(Some(options.common.server_core))?;
    let window = Window::Messages(options.messages);
    let mut generator = Generator::start(workload, &server, window, &options.common)?;
    valgrind.say(server.pid(), "zero")?;
    let report = generator.run(window)?;
    valgrind.say(server.pid(), "dump")?;
    generator.finish()?;
    drop(server);
    let profile = valgrind.dumped()?;
    let each = |cost: u64| cost as f64 / report.messages as f64;
    let first = profile.functions.iter().take(options.functions);
    Ok(Count {
        server: subject.name.clone(),
        messages: report.messages,
        instructions: profile.total(),
        per_message: each(profile.total()),
        functions: first.map(|(name, cost)| (name.clone(), each(*cost))).collect(),
    })
}

/// One valgrind's folder, for its profile and for the pipes by which it is spoken to.
struct Valgrind {
    folder: PathBuf,
}

impl Valgrind {
    fn new(number: usize) -> Result<Self> {
        let folder = artifact::target().join(format!("valgrind/{number}"));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    fn words(&self) -> [String; 4] {
        [
            "valgrind".to_owned(),
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={}", self.folder.join("profile").display()),
            self.prefix(),
        ]
    }

    fn prefix(&self) -> String {
        format!("--vgdb-prefix={}", self.folder.join("pipe").display())
    }

    fn say(&self, pid: u32, word: &str) -> Result<()> {
        let mut command = Command::new("vgdb");
        command.arg(format!("--pid={pid}")).arg(self.prefix()).arg(word).stderr(Stdio::null()).stdout(Stdio::null());
        child::run(&mut command, WORD_MAX).with_context(|| format!("telling valgrind to {word}"))
    }

    fn dumped(&self) -> Result<Profile> {
        let path = self.folder.join("profile.1");
        let text = std::fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
        let profile = Profile::parse(&text);
        ensure!(profile.total() > 0, "valgrind counted nothing in {}", path.display());
        Ok(profile)
    }
}
