//! `lockstep vendor serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use lockstep_protocol::key::PublicKey;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::super::party::{account_key, bank, journal, ledger};
use super::super::{CliError, Exit, HomeArgs, Output, PassphraseArgs, stop_requested};
use super::renewal::{PERIOD, Renewal};
use crate::ledger::Ledger as _;
use crate::party::Clock;
use crate::tls::{ALPN_GRPC, ServerIdentity};
use crate::vendor::{PROOF_WAIT, Presence, Vendor, VendorConfig};

/// Flags of `vendor serve`.
#[derive(Args, Debug)]
#[command(after_help = "JSON, once payments are taken: {ready, address, vendor_key, safety_margin_ms}.")]
pub struct Serve {
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Printed once payments are taken.
#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    address: SocketAddr,
    vendor_key: PublicKey,
    /// At the largest D that the terms allow.
    safety_margin_ms: u64,
}

impl Serve {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let home = self.home.open()?;
        let _lock = home.lock()?;
        let config: VendorConfig = home.config()?;
        let passphrase = self.passphrase.to_open()?;
        let key = account_key(&home, passphrase.as_ref())?;
        let vendor_key = *key.public_key();
        let rules = config.terms(vendor_key)?;
        let safety_margin = rules.safety_margin(rules.largest_drift);
        // A submission is given up after L.
        let ledger =
            ledger(&home, &config.profile, config.organization.as_str())?.with_bound(rules.commit_bound);
        let bank = Arc::new(bank(&home, &config.bank)?);
        warn_about_bank(&bank, &ledger).await?;
        let identity = ServerIdentity::load(&home, passphrase.as_ref())?;
        let tls = identity.server_config(ALPN_GRPC)?;
        let listener = TcpListener::bind(config.listen).await.map_err(|error| {
            CliError::new(Exit::Setup, format!("cannot listen on {}: {error}", config.listen))
                .with_hint("change `listen` in config.toml, or stop what uses the address")
        })?;
        let address = listener.local_addr().map_err(|error| CliError::from_error(Exit::Failed, error))?;
        let presence = Presence {
            organization: config.organization.clone(),
            batch: config.batch(),
            streams: config.limits.streams,
            proof_wait: PROOF_WAIT,
        };
        let journal = Arc::new(journal(&home).await?);
        let vendor = Vendor::new(journal, Arc::new(ledger), key, rules, presence, Clock::system())
            .with_closes_per_second(config.limits.closes_per_second)
            .with_bank(Arc::clone(&bank) as _);

        let stop = CancellationToken::new();
        let renewal = Renewal { key: account_key(&home, passphrase.as_ref())?, home: home.clone(), bank };
        tokio::spawn(renewal.run(PERIOD, stop.clone()));
        let serving = tokio::spawn(vendor.serve(listener, tls, stop.clone()));
        let safety_margin_ms = u64::try_from(safety_margin.as_millis()).unwrap_or(u64::MAX);
        out.result(&Ready { ready: true, address, vendor_key, safety_margin_ms }, |ready| {
            format!("ready https://{} vendor {}", ready.address, ready.vendor_key)
        });
        let stopping = {
            let stop = stop.clone();
            async move {
                let asked = stop_requested().await;
                stop.cancel();
                asked
            }
        };
        tokio::pin!(serving);
        tokio::select! {
            served = &mut serving => return ended(served),
            asked = stopping => asked?,
        }
        ended(serving.await)
    }
}

/// A bank on another ledger is a mistake in the set-up; one that does not answer is not needed for taking payments.
async fn warn_about_bank(
    bank: &crate::bank::client::BankClient,
    ledger: &crate::ledger::fabric::FabricLedger,
) -> Result<(), CliError> {
    match bank.info().await {
        Ok(info) if info.ledger == ledger.ledger_id() => Ok(()),
        Ok(_) => Err(CliError::new(
            Exit::Setup,
            "the bank works on another ledger than the one that the profile names",
        )),
        Err(error) => {
            tracing::warn!(%error, "the bank does not answer");
            Ok(())
        }
    }
}

fn ended(
    served: Result<Result<(), crate::vendor::ServeError>, tokio::task::JoinError>,
) -> Result<(), CliError> {
    Ok(served.map_err(|error| CliError::from_error(Exit::Failed, error))??)
}
