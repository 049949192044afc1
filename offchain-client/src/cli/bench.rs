//! `lockstep bench VERB`: hands over to the program `lockstep-bench` beside this one.
//!
//! A program of its own, so that what is measured against (libsecp256k1) and drawn with is in no party's dependencies.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;

use super::{CliError, Exit, Output};

/// The program's file.
const PROGRAM: &str = "lockstep-bench";

/// Everything behind `bench` is the other program's.
#[derive(Args, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Bench {
    /// What to measure; `lockstep bench --help` says more
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "VERB …")]
    arguments: Vec<OsString>,
}

impl Bench {
    /// Becomes the other program; returns only if that fails.
    ///
    /// # Errors
    /// It is not there or does not start.
    pub fn run(self, output: &Output) -> Result<(), CliError> {
        let own = std::env::current_exe().map_err(|error| CliError::from_error(Exit::Setup, error))?;
        let program = own.with_file_name(PROGRAM);
        let mut command = Command::new(&program);
        if output.is_json() {
            command.arg("--json");
        }
        if output.is_quiet() {
            command.arg("--quiet");
        }
        let error = command.args(self.arguments).exec();
        let what = format!("{} does not start: {error}", program.display());
        Err(CliError::new(Exit::Setup, what).with_hint("build it: cargo build --workspace --bins"))
    }
}
