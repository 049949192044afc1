//! `lockstep bank VERB`.

mod backup;
mod books;
mod channels;
mod cover;
mod decisions;
mod init;
mod register;
mod serve;

use clap::{Args, Subcommand};
use lockstep_protocol::key::{PublicKey, SecretKey};

use super::{CliError, Exit, HomeArgs, Output};
use crate::bank::books::{ApplyError, Books, StoreError};
use crate::bank::config::{BankConfig, KEY_FILE};
use crate::bank::log::LogError;
use crate::bank::reconciling::ReconcileError;
use crate::bank::replay::ReplayError;
use crate::bank::settling::SettlingError;
use crate::home::Home;
use crate::keystore::{self, Passphrase};

/// What a bank can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a bank: its key, its certificate, its configuration, its books
    Init(init::Init),
    /// Register the bank's key on the ledger, as the organisation's admin
    Register(register::Register),
    /// Serve clients and vendors, and post what the ledger says, until stopped
    Serve(serve::Serve),
    /// Look at accounts
    #[command(subcommand)]
    Account(books::AccountVerb),
    /// Enter money that came in; the same reference again changes nothing
    Deposit(books::TransferArgs),
    /// Enter money that went out; the same reference again changes nothing
    Withdraw(books::TransferArgs),
    /// Enter own money of the bank that makes up for what the suspense account has borne; the same reference again
    /// changes nothing
    Cover(cover::CoverArgs),
    /// Show or set a reputation
    Reputation(books::ReputationArgs),
    /// Record what has been verified about a holder, for its credentials
    Attribute(books::AttributeArgs),
    /// Show every movement of an account
    Statement(books::StatementArgs),
    /// Write a whole copy of SQLite books, also while the bank serves
    Backup(backup::BackupArgs),
    /// Recompute the books and show alarms
    Audit(books::AuditArgs),
    /// List channels, what has been decided about them, and what the bank does next
    Channels(channels::ChannelsArgs),
    /// Show what the ledger did that the rules do not allow, or clear it
    Alarms(channels::AlarmsArgs),
    /// Decide that an open channel is frozen
    Freeze(decisions::FreezeArgs),
    /// Decide what the vendor of a frozen channel gets in all
    Resolve(decisions::ResolveArgs),
    /// Record that a channel's vendor is accused of not delivering
    Accuse(decisions::AccuseArgs),
    /// Decide, once, whether an accused vendor is at fault
    Decide(decisions::DecideArgs),
}

impl Verb {
    /// Runs the verb.
    ///
    /// # Errors
    /// What went wrong, with the exit code that it stands for.
    pub async fn run(self, out: &Output) -> Result<(), CliError> {
        match self {
            Self::Init(verb) => verb.run(out).await,
            Self::Register(verb) => verb.run(out).await,
            Self::Serve(verb) => verb.run(out).await,
            Self::Account(verb) => verb.run(out).await,
            Self::Deposit(verb) => verb.run(crate::bank::books::Direction::Deposit, out).await,
            Self::Withdraw(verb) => verb.run(crate::bank::books::Direction::Withdrawal, out).await,
            Self::Cover(verb) => verb.run(out).await,
            Self::Reputation(verb) => verb.run(out).await,
            Self::Attribute(verb) => verb.run(out).await,
            Self::Statement(verb) => verb.run(out).await,
            Self::Backup(verb) => verb.run(out).await,
            Self::Audit(verb) => verb.run(out).await,
            Self::Channels(verb) => verb.run(out).await,
            Self::Alarms(verb) => verb.run(out).await,
            Self::Freeze(verb) => verb.run(out).await,
            Self::Resolve(verb) => verb.run(out).await,
            Self::Accuse(verb) => verb.run(out).await,
            Self::Decide(verb) => verb.run(out).await,
        }
    }
}

/// Which bank.
#[derive(Args, Clone, Debug)]
struct BankArgs {
    #[command(flatten)]
    home: HomeArgs,
}

impl BankArgs {
    /// Home and configuration.
    fn open(&self) -> Result<(Home, BankConfig), CliError> {
        let home = self.home.open()?;
        let config = home.config()?;
        Ok((home, config))
    }

    /// The books alone: the secret key is not needed for them.
    async fn books(&self) -> Result<Books, CliError> {
        let (home, config) = self.open()?;
        open_books(&home, &config).await
    }
}

async fn open_books(home: &Home, config: &BankConfig) -> Result<Books, CliError> {
    let books = Books::connect(&config.database_url(home)).await?;
    books.claim(&config.bank_key, &config.ledger).await?;
    Ok(books)
}

/// Told where one loss takes the books and the log that is there to make up for it.
const LOG_WITH_BOOKS: &str = "The log of openings and decisions lies beside the books: a restore or a loss of that folder takes both. Set \
`opening_log` in config.toml to a file on another disk.";

/// The bank's secret key, which must be the one that the configuration names.
fn secret_key(
    home: &Home,
    config: &BankConfig,
    passphrase: Option<&Passphrase>,
) -> Result<SecretKey, CliError> {
    let path = home.path(KEY_FILE);
    let der = keystore::load_pkcs8(&path, passphrase)?;
    let other = || CliError::new(Exit::Setup, format!("{} is not the key of this bank", path.display()));
    let key = SecretKey::from_pkcs8_der(&der).map_err(|_| other())?;
    if *key.public_key() == config.bank_key { Ok(key) } else { Err(other()) }
}

fn unknown_account(key: &PublicKey) -> CliError {
    let refusal = lockstep_protocol::refusal::Refusal::UnknownAccount;
    CliError::new(Exit::Failed, format!("{key} has no account here"))
        .with_refusal(refusal.number())
        .with_hint("a holder opens its own account, with `lockstep client init` or `lockstep vendor init`")
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            unsaved if unsaved.is_unsaved() => Exit::Storage,
            StoreError::Database(sqlx::Error::Io(io)) => Exit::of_io(io),
            StoreError::Database(sqlx::Error::PoolTimedOut) => Exit::Unreachable,
            StoreError::Database(sqlx::Error::Database(error)) => of_database(error.code().as_deref()),
            StoreError::Damaged { .. } => Exit::Mismatch,
            StoreError::TooLarge => Exit::Failed,
            _ => Exit::Setup,
        };
        let failed = Self::from_error(exit, error);
        if exit == Exit::Storage {
            return failed.with_hint("check the disk's space and health, then start again");
        }
        failed
    }
}

/// SQLite's result codes (a number) and PostgreSQL's SQLSTATE (five characters, the first two its class).
fn of_database(code: Option<&str>) -> Exit {
    let class = code.and_then(|code| code.get(..2)).filter(|_| code.is_some_and(|code| code.len() == 5));
    match (class, code.and_then(|code| code.parse::<i64>().ok()).map(|number| number & 0xff)) {
        // Connection, too many of them, operator intervention.
        (Some("08" | "53" | "57"), _) => Exit::Unreachable,
        // Authorization, no such database, no such schema.
        (Some("28" | "3D" | "3F"), _) => Exit::Setup,
        (Some(_), _) => Exit::Failed,
        // SQLITE_BUSY, SQLITE_LOCKED.
        (None, Some(5 | 6)) => Exit::Unreachable,
        // SQLITE_PERM, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB.
        (None, Some(3 | 11 | 14 | 26)) => Exit::Setup,
        (None, _) => Exit::Failed,
    }
}

impl From<LogError> for CliError {
    fn from(error: LogError) -> Self {
        let exit = match &error {
            LogError::Io { source, .. } => Exit::of_io(source),
            LogError::Torn { .. } => Exit::Storage,
            LogError::Damaged { .. } => Exit::Mismatch,
        };
        Self::from_error(exit, error)
    }
}

impl From<ReconcileError> for CliError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Store(error) => error.into(),
            ReconcileError::Log(error) => error.into(),
            lost @ ReconcileError::NotInLog(_) => Self::from_error(Exit::Mismatch, lost).with_hint(
                "put the right log into place; if it is lost for good, start with --rewrite-log: openings that \
                 restored books lack too then come back from the ledger alone, at the bank's expense, and \
                 decisions not at all",
            ),
            foreign @ ReconcileError::NotOurs { .. } => Self::from_error(Exit::Mismatch, foreign),
        }
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Ledger(error) => error.into(),
            ReplayError::Books(error) => SettlingError::from(error).into(),
        }
    }
}

impl From<SettlingError> for CliError {
    fn from(error: SettlingError) -> Self {
        match error {
            SettlingError::Store(error) | SettlingError::Apply(ApplyError::Store(error)) => error.into(),
            SettlingError::Apply(error) => Self::from_error(Exit::Mismatch, error),
            SettlingError::Log(error) => error.into(),
        }
    }
}
