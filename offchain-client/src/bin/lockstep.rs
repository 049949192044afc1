//! The command `lockstep`: parses its arguments and runs one role's verb.

use std::process::ExitCode;

fn main() -> ExitCode {
    lockstep::cli::main()
}
