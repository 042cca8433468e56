//! User-space instructions per message, counted by valgrind's callgrind: works where there are no hardware counters.
//!
//! The server runs under valgrind; its counts are zeroed and dumped through valgrind's own debug door (`vgdb`) while nothing
//! is under way, so they belong to the window's messages alone. Kernel instructions are not seen, valgrind shows the
//! server no AVX-512, and times mean nothing. The server is killed, not stopped: valgrind 3.19 holds its lock over
//! io_uring_enter, so no other thread of the server would hear the signal. For the same reason it can count one shard
//! alone; several are stepped through (`sys::stepping`).

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::json;

use super::drive::{Generator, Window};
use super::pairs::Workload;
use super::profile::Profile;
use super::subject::Subject;
use super::{Common, InstructionOptions, report};
use crate::generator::{Opcode, Pattern};
use crate::sys::stepping::Stepping;
use crate::{artifact, child};

/// How long one word with a process under valgrind may take.
const WORD_MAX: Duration = Duration::from_secs(30);

/// What the subjects ran for the same messages.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Counts {
    workload: String,
    counts: Vec<Count>,
}

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
    let (mode, beside) = match options.pattern {
        Pattern::Echo => ("echo", "fastwebsockets"),
        Pattern::Broadcast => ("broadcast", "none"),
        Pattern::Fanout => ("broadcast", "floor"),
        _ => bail!("instructions are counted for echo, broadcast and fanout"),
    };
    let workload = Workload {
        pattern: options.pattern,
        connections: options.connections,
        bytes: options.bytes,
        depth: options.depth,
        opcode: Opcode::Binary,
    };
    let subjects = super::subjects(mode, beside, &options.common)?;
    let counts = count(&workload, &subjects, options.messages, options.functions, &options.common)?;
    let table = counts.table();
    print!("{table}");
    let raw = json!({ "counts": [counts] });
    report::keep(options.common.out.as_deref(), "instructions", "valgrind --tool=callgrind", &table, raw)
}

/// Counts each subject's instructions over `messages` that the clients send.
pub(super) fn count(
    workload: &Workload,
    subjects: &[Subject],
    messages: u64,
    functions: usize,
    common: &Common,
) -> Result<Counts> {
    if !child::is_installed("valgrind") {
        bail!("valgrind not found: apt-get install valgrind");
    }
    let mut counts = Vec::new();
    for (number, subject) in subjects.iter().enumerate() {
        let valgrind = Valgrind::new(number)?;
        let (messages, profile) = valgrind.profile(workload, subject, Window::Messages(messages), common)?;
        counts.push(Count::new(subject, messages, &profile, functions));
    }
    Ok(Counts { workload: workload.name(), counts })
}

/// The same by single steps, which sees all threads as they run, and no functions.
pub(super) fn step(workload: &Workload, subjects: &[Subject], messages: u64, common: &Common) -> Result<Counts> {
    let mut counts = Vec::new();
    for subject in subjects {
        let window = Window::Messages(messages);
        let server = subject.command.start(Some(common.server_core))?;
        let mut generator = Generator::start(workload, subject, &server, window, common)?;
        let stepping = Stepping::begin(server.pid(), common.server_core).context("stepping through the server")?;
        let report = generator.run(window)?;
        let instructions = stepping.finish().context("stepping through the server")?;
        generator.finish()?;
        counts.push(Count::of_total(subject, report.messages, instructions));
    }
    Ok(Counts { workload: workload.name(), counts })
}

impl Counts {
    /// The figures, and where they come from.
    pub(super) fn table(&self) -> String {
        format!("{}, counted\n{}", self.workload, self.counts.iter().map(Count::lines).collect::<String>())
    }
}

impl Count {
    fn new(subject: &Subject, messages: u64, profile: &Profile, functions: usize) -> Self {
        let each = |cost: u64| cost as f64 / messages.max(1) as f64;
        let first = profile.functions.iter().take(functions);
        let functions = first.map(|(name, cost)| (name.clone(), each(*cost))).collect();
        Self { functions, ..Self::of_total(subject, messages, profile.total()) }
    }

    fn of_total(subject: &Subject, messages: u64, instructions: u64) -> Self {
        let per_message = instructions as f64 / messages.max(1) as f64;
        Self { server: subject.name.clone(), messages, instructions, per_message, functions: Vec::new() }
    }

    fn lines(&self) -> String {
        let mut text = format!("{}: {:.1} user instructions per message\n", self.server, self.per_message);
        for (function, per_message) in &self.functions {
            text += &format!("  {per_message:>8.1}  {function}\n");
        }
        text
    }
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

    /// The messages of one window, and what the server ran for them.
    fn profile(
        &self,
        workload: &Workload,
        subject: &Subject,
        window: Window,
        common: &Common,
    ) -> Result<(u64, Profile)> {
        let server = subject.command.under(&self.words()).start(Some(common.server_core))?;
        let mut generator = Generator::start(workload, subject, &server, window, common)?;
        self.say(server.pid(), "zero")?;
        let report = generator.run(window)?;
        self.say(server.pid(), "dump")?;
        generator.finish()?;
        drop(server);
        Ok((report.messages, self.dumped()?))
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
