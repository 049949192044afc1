//! The command line: `lockstep bank|vendor|client|ledger|bench VERB`.
//!
//! Every role's verbs live in a file of their own; this one has what they share.

pub mod bank;
pub mod bench;
pub mod client;
pub mod exit;
pub mod ledger;
pub mod output;
mod party;
pub mod vendor;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

pub use exit::{CliError, Exit};
pub use output::{Output, OutputArgs};

use crate::home::{Home, HomeError};
use crate::keystore::{KeystoreError, Passphrase};

/// Continuous micropayments on Hyperledger Fabric.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 refused or failed; 2 usage; 3 home folder, configuration or key; \
4 a counterpart does not answer; 5 outcome not known; 6 could not be stored; 7 does not add up; 130 interrupted.\n\
RUST_LOG sets what is logged to standard error (default: warn)."
)]
struct Cli {
    #[command(flatten)]
    output: OutputArgs,
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Keep accounts, sign openings, post what the ledger says
    #[command(subcommand)]
    Bank(bank::Verb),
    /// Be paid: take channels, accept payments, unlock receipts, close
    #[command(subcommand)]
    Vendor(vendor::Verb),
    /// Pay: open channels, pay, release
    #[command(subcommand)]
    Client(client::Verb),
    /// Look at the ledger
    #[command(subcommand)]
    Ledger(ledger::Verb),
    /// Measure: the paper's experiment
    Bench(bench::Bench),
}

/// The folder in which a role keeps everything that it has.
#[derive(Args, Clone, Debug)]
pub struct HomeArgs {
    /// The role's home folder
    #[arg(long, value_name = "DIR", env = "LOCKSTEP_HOME")]
    home: PathBuf,
}

impl HomeArgs {
    /// Opens a home folder that `init` made.
    ///
    /// # Errors
    /// The folder is missing, or was not made by `init`.
    pub fn open(&self) -> Result<Home, HomeError> {
        Home::open(&self.home)
    }

    /// Makes a new home folder.
    ///
    /// # Errors
    /// The folder cannot be made, or is a home already.
    pub fn create(&self) -> Result<Home, HomeError> {
        Home::create(&self.home)
    }
}

/// Where the passphrase of the keys comes from: `LOCKSTEP_PASSPHRASE`, or the terminal.
#[derive(Args, Clone, Debug)]
pub struct PassphraseArgs {
    /// Ask for the passphrase of the secret keys on the terminal (else LOCKSTEP_PASSPHRASE, else none)
    #[arg(long)]
    ask_passphrase: bool,
}

impl PassphraseArgs {
    /// The passphrase to open keys with; `None` when keys are not encrypted.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn to_open(&self) -> Result<Option<Passphrase>, KeystoreError> {
        if self.ask_passphrase { Passphrase::ask().map(Some) } else { Ok(Passphrase::from_environment()) }
    }

    /// The passphrase to encrypt new keys with, asked twice on the terminal; `None`: keys are not encrypted.
    ///
    /// # Errors
    /// The terminal cannot be read, or the two differ.
    pub fn to_create(&self) -> Result<Option<Passphrase>, KeystoreError> {
        if self.ask_passphrase { Passphrase::ask_new().map(Some) } else { Ok(Passphrase::from_environment()) }
    }
}

/// Runs the command that the process's arguments name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    let output = Output::from(cli.output);
    start_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&CliError::from_error(Exit::Failed, error));
            return Exit::Failed.into();
        }
    };
    let done = runtime.block_on(run(cli.role, &output));
    // A blocking task that never ends (a prompt, a slow disk) must not keep a finished command alive.
    runtime.shutdown_background();
    match done.and_then(|()| output.check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            error.exit().into()
        }
    }
}

/// Help, the version, or wrong usage; the last in JSON for a script that asks for it.
fn not_understood(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !std::env::args_os().any(|argument| argument == "--json") {
        error.exit();
    }
    let text = error.render().to_string();
    let (what, usage) = text.split_once("\n\n").unwrap_or((&text, ""));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let what = CliError::new(Exit::Usage, words(what.strip_prefix("error: ").unwrap_or(what)));
    Output::from(OutputArgs::json()).error(&what.with_hint(words(usage)));
    Exit::Usage.into()
}

async fn run(role: Role, output: &Output) -> Result<(), CliError> {
    match role {
        Role::Bank(verb) => verb.run(output).await,
        Role::Vendor(verb) => verb.run(output).await,
        Role::Client(verb) => verb.run(output).await,
        Role::Ledger(verb) => verb.run(output).await,
        Role::Bench(bench) => bench.run(output),
    }
}

/// Resolves when the process is asked to stop: Ctrl-C, or SIGTERM.
///
/// # Errors
/// The signal handlers cannot be installed.
pub async fn stop_requested() -> Result<(), CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| CliError::from_error(Exit::Failed, error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
        _ = terminate.recv() => Ok(()),
    }
}

/// Logs go to standard error, so that standard output is the result alone.
fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("logging was started before");
    }
}
