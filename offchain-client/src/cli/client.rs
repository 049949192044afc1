//! `lockstep client VERB`.

use clap::Subcommand;

use super::{CliError, Output};

/// The verbs of the role.
#[derive(Debug, Subcommand)]
pub enum Verb {}

impl Verb {
    /// Runs the verb.
    ///
    /// # Errors
    /// What went wrong, with the exit code that it stands for.
    pub async fn run(self, _out: &Output) -> Result<(), CliError> {
        match self {}
    }
}
