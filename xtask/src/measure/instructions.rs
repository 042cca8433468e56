//! User-space instructions per message, counted by valgrind: the server runs twice under it, the second time with
//! twice the messages, and the difference belongs to the messages alone.
//!
//! Kernel instructions are not seen, and valgrind serialises threads: the count is exact, times mean nothing.

use anyhow::{Context, Result, bail};

use super::drive::{Generator, Window};
use super::pairs::Workload;
use super::subject::Subject;
use super::{Common, InstructionOptions, report};
use crate::child;
use crate::generator::{Opcode, Pattern};

/// Cachegrind without its cache model counts instructions at the least cost.
const VALGRIND: [&str; 5] =
    ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "--fair-sched=try"];

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
    for subject in [Some(server), against].into_iter().flatten() {
        let count = per_message(&workload, &subject, options.messages, &options.common)?;
        counts.push((subject.name, count));
    }
    let line = |(name, count): &(String, f64)| format!("{name}: {count:.1} user instructions per message\n");
    let table = format!("{}\n{}", workload.name(), counts.iter().map(line).collect::<String>());
    print!("{table}");
    report::keep(options.common.out.as_deref(), "instructions", &VALGRIND.join(" "), &table, &counts)
}

fn per_message(workload: &Workload, subject: &Subject, messages: u64, common: &Common) -> Result<f64> {
    let (once, instructions_once) = counted(workload, subject, messages, common)?;
    let (twice, instructions_twice) = counted(workload, subject, 2 * messages, common)?;
    Ok((instructions_twice as f64 - instructions_once as f64) / (twice as f64 - once as f64))
}

/// Messages that came back, and all instructions of the process.
fn counted(workload: &Workload, subject: &Subject, messages: u64, common: &Common) -> Result<(u64, u64)> {
    let server = subject.command.under(&VALGRIND).start(Some(common.server_core))?;
    let window = Window::Messages(messages);
    let mut generator = Generator::start(workload, &server, window, common)?;
    let report = generator.run(window)?;
    generator.finish()?;
    let said = server.stop()?;
    let total = parse(&said).with_context(|| format!("valgrind reported no instructions: {said}"))?;
    Ok((report.messages, total))
}

/// `==PID== I   refs:      1,234,567`
fn parse(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("I") && line.contains("refs:"))?;
    line.rsplit(':').next()?.trim().replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_valgrind_says() {
        assert_eq!(parse("==12== \n==12== I   refs:      1,234,567\n"), Some(1_234_567));
        assert_eq!(parse("listening on 127.0.0.1:1\n"), None);
    }
}
