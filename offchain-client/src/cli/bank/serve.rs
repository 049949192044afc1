//! `lockstep bank serve`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use lockstep_protocol::key::PublicKey;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::super::{CliError, Exit, Output, PassphraseArgs, stop_requested};
use super::register::connect;
use super::{BankArgs, open_books, secret_key};
use crate::bank::config::BankConfig;
use crate::bank::log::BankLog;
use crate::bank::reconciling::Reconciled;
use crate::bank::{Bank, http, keeper, settling};
use crate::home::Home;
use crate::keystore::Passphrase;
use crate::ledger::Ledger;
use crate::ledger::fabric::Caller;
use crate::party::Clock;
use crate::tls::{ALPN_HTTP, ServerIdentity};

/// How long requests that are being answered may take when the bank stops.
const GRACE: Duration = Duration::from_secs(10);

/// Flags of `bank serve`.
#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    bank: BankArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Write every opening and decision of the books into the log again, after the log was lost for good. Openings that
    /// restored books lack as well then come back from the ledger alone, at the bank's expense until their clients ask
    /// again; decisions do not come back, except that a freeze for fraud on the ledger convicts
    #[arg(long)]
    rewrite_log: bool,
}

/// Printed once requests are answered.
#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    address: SocketAddr,
    bank_key: PublicKey,
}

impl Serve {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let (home, config) = self.bank.open()?;
        let _lock = home.lock()?;
        let passphrase = self.passphrase.to_open()?;
        let (bank, ledger) = self.start(&home, &config, passphrase.as_ref()).await?;
        let identity = ServerIdentity::load(&home, passphrase.as_ref())?;
        if config.log_lies_with_books(&home) {
            out.note(super::LOG_WITH_BOOKS);
        }
        let tls = identity.server_config(ALPN_HTTP)?;
        let listener = TcpListener::bind(&config.listen).await.map_err(|error| {
            CliError::new(Exit::Setup, format!("cannot listen on {}: {error}", config.listen))
                .with_hint("change `listen` in config.toml, or stop what uses the address")
        })?;
        let address = listener.local_addr().map_err(|error| CliError::from_error(Exit::Failed, error))?;

        let stop = CancellationToken::new();
        let stopped = || stop.clone().cancelled_owned();
        let serving = http::serve(Arc::clone(&bank), Arc::clone(&ledger), listener, tls, stopped());
        let settling = settling::run(Arc::clone(&bank), Arc::clone(&ledger), stopped());
        let keeping = keeper::run(Arc::clone(&bank), ledger, config.keeper_period, stopped());
        let mut parts = JoinSet::new();
        parts
            .spawn(async { serving.await.map_err(|error| CliError::from_error(Exit::of_io(&error), error)) });
        parts.spawn(async { settling.await.map_err(CliError::from) });
        parts.spawn(async { keeping.await.map_err(CliError::from) });
        out.result(&Ready { ready: true, address, bank_key: config.bank_key }, |ready| {
            format!("ready https://{} bank {}", ready.address, ready.bank_key)
        });

        // Whatever ends first ends the rest.
        let ended = tokio::select! {
            stopped = stop_requested() => stopped,
            Some(part) = parts.join_next() => outcome(part),
        };
        stop.cancel();
        let rest = async { while parts.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            tracing::warn!("requests that are still being answered are cut off");
        }
        // A connection that hangs does not keep the process: what was committed is on the disk.
        if tokio::time::timeout(GRACE, bank.books().close()).await.is_err() {
            tracing::warn!("the books' database does not let go");
        }
        ended
    }

    /// Brings log and books together, and checks that the ledger knows the bank as it is configured.
    async fn start(
        &self,
        home: &Home,
        config: &BankConfig,
        passphrase: Option<&Passphrase>,
    ) -> Result<(Arc<Bank>, Arc<dyn Ledger>), CliError> {
        let secret = secret_key(home, config, passphrase)?;
        let books = open_books(home, config).await?;
        let log = BankLog::open(&home.path(&config.opening_log))?;
        let ledger = connect(home, config, Caller::User)?;
        let bank = Bank::new(secret, config.ledger, config.settings(), books, log, Clock::system())?;
        if self.rewrite_log {
            bank.books().forget_log().await?;
        }
        // From here on, not from the replay on: books that were just put into place show money that is gone.
        bank.books().set_catching_up(true).await?;
        let restored = bank.reconcile().await?;
        if restored != Reconciled::default() {
            tracing::warn!(?restored, "came back from the log: the books are older than it");
        }
        let registration = ledger.bank(bank.key()).await?.ok_or_else(|| {
            CliError::new(Exit::Failed, "the bank is not registered on the ledger")
                .with_hint("run `lockstep bank register`")
        })?;
        if registration.max_drift() != config.max_drift || *registration.msp_id() != config.organization {
            let what = "the ledger has this bank registered with another drift or organisation";
            return Err(CliError::new(Exit::Setup, what).with_hint(
                "set max_drift and organization in config.toml to what `lockstep ledger bank` shows",
            ));
        }
        tracing::info!("catching up with the ledger; requests are answered afterwards");
        let replayed = bank.replay(&ledger).await?;
        if replayed.posted > 0 || replayed.alarms > 0 {
            tracing::warn!(?replayed, "the ledger had more than the books");
        }
        Ok((Arc::new(bank), Arc::new(ledger)))
    }
}

fn outcome(part: Result<Result<(), CliError>, JoinError>) -> Result<(), CliError> {
    part.unwrap_or_else(|error| Err(CliError::from_error(Exit::Failed, error)))
}
