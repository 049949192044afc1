//! `lockstep vendor VERB`.

mod close;
mod init;
mod look;
mod proof;
mod receipts;
pub(crate) mod renewal;
mod serve;

use clap::Subcommand;

use super::party::{self, AccountArgs};
use super::{CliError, Exit, Output};
use crate::home::Home;
use crate::vendor::{ConfigError, ServeError, VendorConfig};

/// What a vendor can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a vendor: its keys, its certificate, its configuration
    Init(Box<init::Init>),
    /// Open the account at the bank, or find it, and take a fresh credential
    #[command(after_help = party::ACCOUNT_JSON)]
    Account(AccountArgs),
    /// Take payments, unlock and close what is released, until stopped
    Serve(serve::Serve),
    /// List the vendor's channels
    Channels(look::Channels),
    /// Stop taking payments on a channel and close it: by the client's release, or by token
    Close(close::Close),
    /// Verify and export the receipts of a channel
    Receipts(receipts::Receipts),
    /// Bring the proof of a client's fraud to the bank that signed the channel
    Proof(proof::Proof),
    /// Show every movement of the account at the bank
    #[command(after_help = party::STATEMENT_JSON)]
    Statement(AccountArgs),
}

impl Verb {
    /// Runs the verb.
    ///
    /// # Errors
    /// What went wrong, with the exit code that it stands for.
    pub async fn run(self, out: &Output) -> Result<(), CliError> {
        let link = |home: &Home| Ok(home.config::<VendorConfig>()?.bank);
        match self {
            Self::Init(verb) => verb.run(out).await,
            Self::Account(args) => party::account(args, link, out).await,
            Self::Serve(verb) => verb.run(out).await,
            Self::Channels(verb) => verb.run(out).await,
            Self::Close(verb) => verb.run(out).await,
            Self::Receipts(verb) => verb.run(out).await,
            Self::Proof(verb) => verb.run(out).await,
            Self::Statement(args) => party::statement(args, link, out).await,
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::from_error(Exit::Setup, error).with_hint("correct config.toml in the vendor's home folder")
    }
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Journal(error) => error.into(),
            ServeError::Serve(_) => Self::from_error(Exit::Failed, error),
        }
    }
}
