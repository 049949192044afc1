//! `lockstep client VERB`.

mod doctor;
mod init;
mod look;
mod open;
mod pay;
mod receipts;
mod refund;
mod release;
mod restored;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use clap::{Args, Subcommand};
use lockstep_protocol::wallet_seed::WalletSeed;

use super::party::{self, AccountArgs};
use super::{CliError, Exit, HomeArgs, Output, PassphraseArgs};
use crate::home::{Home, HomeError, HomeLock};
use crate::keystore;
use crate::ledger::fabric::FabricLedger;
use crate::party::Clock;
use crate::wallet::{AskError, LineError, Wallet, WalletConfig, WalletError};

/// File of the wallet's seed in its home folder.
const SEED_FILE: &str = "wallet-seed.pem";

/// What a client can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a wallet: its keys and its configuration
    Init(init::Init),
    /// Open the account at the bank, or find it, and take a fresh credential
    #[command(after_help = party::ACCOUNT_JSON)]
    Account(AccountArgs),
    /// Open a channel to a vendor
    Open(open::Open),
    /// Pay on a channel
    Pay(pay::Pay),
    /// Release the last payment of a channel and wait for its close
    Release(release::Release),
    /// Take back what is left of an expired channel
    Refund(refund::Refund),
    /// Say that this wallet comes from a copy: it refunds and reads, and pays on none of the channels that it has
    Restored(restored::Restored),
    /// Say what state every channel is in, by the journal and by the ledger, and what can be done
    Doctor(doctor::Doctor),
    /// List the wallet's channels
    Channels(look::Channels),
    /// Verify a transcript: a file, or a channel of this wallet
    Receipts(receipts::Receipts),
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
        let link = |home: &Home| Ok(home.config::<WalletConfig>()?.bank);
        match self {
            Self::Init(verb) => verb.run(out).await,
            Self::Account(args) => party::account(args, link, out).await,
            Self::Open(verb) => verb.run(out).await,
            Self::Pay(verb) => verb.run(out).await,
            Self::Release(verb) => verb.run(out).await,
            Self::Refund(verb) => verb.run(out).await,
            Self::Restored(verb) => verb.run(out).await,
            Self::Doctor(verb) => verb.run(out).await,
            Self::Channels(verb) => verb.run(out).await,
            Self::Receipts(verb) => verb.run(out).await,
            Self::Statement(args) => party::statement(args, link, out).await,
        }
    }
}

/// Which wallet.
#[derive(Args, Clone, Debug)]
struct WalletArgs {
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A wallet's home, opened.
struct OpenWallet {
    home: Home,
    config: WalletConfig,
    ledger: Arc<FabricLedger>,
    wallet: Wallet,
    seed: WalletSeed,
    passphrase: Option<keystore::Passphrase>,
}

impl WalletArgs {
    /// Takes the wallet for this process alone, as everything must that signs or asks the bank for something: two processes that
    /// pay on one channel would each take the other's payments for somebody else's.
    fn lock(&self) -> Result<HomeLock, CliError> {
        self.home.open()?.lock().map_err(|error| {
            let locked = matches!(error, HomeError::Locked(_));
            let error = CliError::from(error);
            if locked {
                return error.with_hint("wait until it has ended; a process that was killed holds nothing");
            }
            error
        })
    }

    async fn open(&self) -> Result<OpenWallet, CliError> {
        let home = self.home.open()?;
        let config: WalletConfig = home.config()?;
        let payments = config.payments.check().map_err(|error| CliError::from_error(Exit::Setup, error))?;
        let passphrase = self.passphrase.to_open()?;
        let path = home.path(SEED_FILE);
        let read =
            || keystore::load_seed(&path, passphrase.as_ref()).map(|bytes| WalletSeed::from_bytes(*bytes));
        let (seed, own) = (read()?, read()?);
        let journal = Arc::new(party::journal(&home).await?);
        let ledger = Arc::new(party::ledger(&home, &config.profile, config.organization.as_str())?);
        let wallet = Wallet::new(
            journal,
            Arc::<FabricLedger>::clone(&ledger),
            own,
            payments,
            Clock::system(),
            home.root().to_owned(),
        );
        Ok(OpenWallet { home, config, ledger, wallet, seed, passphrase })
    }
}

impl From<LineError> for CliError {
    fn from(error: LineError) -> Self {
        let (exit, number) = match &error {
            LineError::Dial(_) | LineError::Call(_) | LineError::Ended | LineError::Silent => {
                (Exit::Unreachable, None)
            }
            LineError::Refused(refused) => {
                let exit = if refused.over { Exit::Failed } else { Exit::Unreachable };
                (exit, u16::try_from(refused.code).ok())
            }
            LineError::Malformed(_) | LineError::Unexpected(_) => (Exit::Mismatch, None),
        };
        let error = Self::from_error(exit, error);
        match number {
            Some(number) => error.with_refusal(number),
            None => error,
        }
    }
}

impl From<AskError> for CliError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::File(error) => error.into(),
            AskError::Bank(error) => error.into(),
            AskError::Wallet(error) => error.into(),
            error => Self::from_error(Exit::Setup, error),
        }
    }
}

impl From<WalletError> for CliError {
    fn from(error: WalletError) -> Self {
        let exit = match error {
            WalletError::Line(error) => return error.into(),
            WalletError::Ledger(error) => return error.into(),
            WalletError::Journal(error) => return error.into(),
            WalletError::Damaged(error) => return error.into(),
            WalletError::NotOnLedger(_) => Exit::Unreachable,
            WalletError::Poisoned(_) | WalletError::OtherRelease | WalletError::OtherClose { .. } => {
                Exit::Mismatch
            }
            _ => Exit::Failed,
        };
        Self::from_error(exit, error)
    }
}
