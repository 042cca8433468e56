//! Named, timed steps that all run, whatever fails, with a summary at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Runs one. Its failure is kept, and the next steps run all the same.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        println!("\n== {name}");
        let start = Instant::now();
        let failure = step().err().map(|error| format!("{error:#}"));
        let took = start.elapsed();
        match &failure {
            None => println!("== {name}: passed in {:.1} s", took.as_secs_f64()),
            Some(failure) => println!("== {name}: FAILED after {:.1} s: {failure}", took.as_secs_f64()),
        }
        self.done.push(Step { name, took, failure });
    }

    /// Prints what took how long, what failed and, last and alone on its line, the counts.
    pub(crate) fn finish(self) -> ExitCode {
        print!("{}", self.summary());
        if self.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn failed(&self) -> usize {
        self.done.iter().filter(|step| step.failure.is_some()).count()
    }

    fn summary(&self) -> String {
        let mut text = String::from("\n");
        for step in &self.done {
            let outcome = step.failure.as_deref().map_or("passed".to_owned(), |failure| format!("FAILED: {failure}"));
            text += &format!("{:<14} {:>7.1} s  {outcome}\n", step.name, step.took.as_secs_f64());
        }
        let failed = self.failed();
        text + &format!("{} passed, {failed} failed\n", self.done.len() - failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_runs_and_the_failures_are_counted() {
        let mut steps = Steps::default();
        steps.run("first", || anyhow::bail!("broken"));
        let mut ran = false;
        steps.run("second", || {
            ran = true;
            Ok(())
        });
        assert!(ran);
        let summary = steps.summary();
        assert!(summary.contains("FAILED: broken"));
        assert_eq!(summary.lines().last(), Some("1 passed, 1 failed"));
        assert_eq!(steps.failed(), 1);
    }
}
