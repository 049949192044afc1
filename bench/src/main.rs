//! The program behind `lockstep bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lockstep_bench::cli::main()
}
