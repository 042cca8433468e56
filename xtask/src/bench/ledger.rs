//! The runs so far, a line of JSON each: what is there is not run again, so that a bench can be interrupted and resumed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::sample::Sample;

/// What must be the same for runs to be comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) commit: String,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    pub(crate) seconds: f64,
    /// Of the generator, and of servers that can.
    #[serde(default = "one")]
    pub(crate) threads: usize,
}

const fn one() -> usize {
    1
}

/// One run that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) cell: String,
    pub(crate) contender: String,
    pub(crate) round: u32,
    /// Messages per second of an open loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<u32>,
    /// What came of it, or why nothing did.
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Sample(Sample),
    Failure(String),
}

impl Run {
    fn is_of(&self, cell: &str, contender: &str) -> bool {
        self.cell == cell && self.contender == contender
    }

    pub(crate) const fn sample(&self) -> Option<&Sample> {
        match &self.outcome {
            Outcome::Sample(sample) => Some(sample),
            Outcome::Failure(_) => None,
        }
    }
}

/// The file and what it holds.
pub(crate) struct Ledger {
    file: File,
    pub(crate) runs: Vec<Run>,
}

impl Ledger {
    /// Opens or begins the file.
    ///
    /// # Errors
    /// If it was begun on other terms: then it must be another file.
    pub(crate) fn open(path: &Path, terms: &Terms) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        // A line that was cut by an interruption does not count, and is written over.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = text[..whole].lines();
        if let Some(first) = lines.next() {
            let begun: Terms =
                serde_json::from_str(first).with_context(|| format!("{} is no bench", path.display()))?;
            ensure!(
                begun == *terms,
                "{} was begun on other terms ({begun:?}, now {terms:?}): give another --out, or remove it",
                path.display()
            );
        }
        let runs = lines.map(serde_json::from_str).collect::<Result<Vec<_>, _>>()?;
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        file.set_len(whole as u64)?;
        let mut ledger = Self { file: OpenOptions::new().append(true).open(path)?, runs };
        if whole == 0 {
            ledger.write(terms)?;
        }
        Ok(ledger)
    }

    pub(crate) fn has(&self, cell: &str, contender: &str, round: u32) -> bool {
        self.runs.iter().any(|run| run.is_of(cell, contender) && run.round == round)
    }

    /// What keeps the contender from this cell: a failure is not tried again in the next round.
    pub(crate) fn failure(&self, cell: &str, contender: &str) -> Option<&str> {
        self.runs.iter().filter(|run| run.is_of(cell, contender)).find_map(|run| match &run.outcome {
            Outcome::Failure(reason) => Some(reason.as_str()),
            Outcome::Sample(_) => None,
        })
    }

    pub(crate) fn of<'a>(&'a self, cell: &'a str, contender: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.is_of(cell, contender))
    }

    pub(crate) fn add(&mut self, run: Run) -> Result<()> {
        self.write(&run)?;
        self.runs.push(run);
        Ok(())
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(line)? + "\n";
        self.file.write_all(line.as_bytes()).context("keeping the run")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms { commit: "abc".to_owned(), processor: "p".to_owned(), kernel: "k".to_owned(), seconds: 0.5, threads: 1 }
    }

    fn run(round: u32, reason: &str) -> Run {
        let outcome = Outcome::Failure(reason.to_owned());
        Run { cell: "echo".to_owned(), contender: "ws".to_owned(), round, rate: Some(7), outcome }
    }

    #[test]
    fn an_interrupted_bench_goes_on_where_it_was() {
        let folder = std::env::temp_dir().join(format!("ringwire-ledger-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("runs.jsonl");
        Ledger::open(&path, &terms()).unwrap().add(run(0, "first")).unwrap();
        // Interrupted in the middle of a line.
        let cut = std::fs::read_to_string(&path).unwrap() + "{\"cell\":\"ec";
        std::fs::write(&path, cut).unwrap();
        let mut ledger = Ledger::open(&path, &terms()).unwrap();
        assert!(ledger.has("echo", "ws", 0) && !ledger.has("echo", "ws", 1));
        ledger.add(run(1, "second")).unwrap();
        let ledger = Ledger::open(&path, &terms()).unwrap();
        assert_eq!(ledger.runs, [run(0, "first"), run(1, "second")]);
        assert_eq!(ledger.failure("echo", "ws"), Some("first"));
        let other = Ledger::open(&path, &Terms { seconds: 1.0, ..terms() }).err().unwrap().to_string();
        assert!(other.contains("other terms"), "{other}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
