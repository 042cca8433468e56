//! The binary `ringwire-tune`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringwire_tune::cli::main()
}
