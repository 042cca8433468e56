//! Whose fault it is when there is no run.

use clap::Parser;

use super::*;
use crate::cli::Cli;

fn outcome_of(line: &str) -> (Outcome, String) {
    let words = ["ringwire-load"].into_iter().chain(line.split(' ')).chain(["--quiet", "--duration=200ms"]);
    let plan = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).into_plan().unwrap();
    let error = run(&plan).expect_err("it cannot be done");
    (outcome(&error), format!("{error:#}"))
}

#[test]
fn what_the_command_line_names_is_its_writers_to_mend() {
    for (line, said) in [
        ("echo ws://no-such-host.invalid --connections=1", "no-such-host.invalid has no address"),
        ("echo ws://127.0.0.1:1 --connections=1 --server-pid=8388608", "there is no process 8388608"),
        ("idle ws://192.0.2.1:1 --connections=30k --threads=8", "ask for fewer"),
    ] {
        let (outcome, error) = outcome_of(line);
        assert!(outcome == Outcome::Usage && error.contains(said), "{line}: {outcome:?}: {error}");
    }
    assert_eq!(outcome(&anyhow::anyhow!("the ring failed")), Outcome::Invalid);
}
