//! `lockstep bank backup`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::super::{CliError, Exit, Output};
use super::BankArgs;
use crate::bank::books::BackupError;

/// Flags of `bank backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    #[command(flatten)]
    bank: BankArgs,
    /// The copy; it must not be there yet
    file: PathBuf,
}

/// What `bank backup` wrote.
#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
}

impl BackupArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let books = self.bank.books().await?;
        books.backup(&self.file).await?;
        let written = Written { file: self.file };
        out.result(&written, |written| format!("the books are in {}", written.file.display()));
        Ok(())
    }
}

impl From<BackupError> for CliError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Store(error) => error.into(),
            BackupError::OnServer => Self::from_error(Exit::Usage, error).with_hint("use pg_dump"),
            BackupError::Io { ref source, .. } => Self::from_error(Exit::of_io(source), error),
            BackupError::Exists(_) | BackupError::NotText(_) => Self::from_error(Exit::Usage, error),
        }
    }
}
