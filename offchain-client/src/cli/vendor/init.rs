//! `lockstep vendor init`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use lockstep_protocol::key::PublicKey;
use serde::Serialize;

use super::super::party::PartyArgs;
use super::super::{CliError, Exit, HomeArgs, Output, PassphraseArgs};
use crate::party::{Dollars, Span};
use crate::tls;
use crate::vendor::{NewVendor, VendorConfig};

/// Flags of `vendor init`.
#[derive(Args, Debug)]
#[command(after_help = "JSON: {home, vendor_key, bank_key, certificate, encrypted}.")]
pub struct Init {
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    party: PartyArgs,
    /// Where to serve the payment stream; port 0 takes a free one at every start
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// A further name or address for the certificate
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// The lowest price of a unit that is taken, in dollars
    #[arg(long, value_name = "DOLLARS", default_value = "0.000001")]
    min_price: Dollars,
    /// The highest price of a unit that is taken, in dollars
    #[arg(long, value_name = "DOLLARS", default_value = "10")]
    max_price: Dollars,
    /// The least time for payments that a new channel must offer
    #[arg(long, value_name = "SPAN", default_value = "1m")]
    min_life: Span,
    /// The longest time to a new channel's expiry
    #[arg(long, value_name = "SPAN", default_value = "30days")]
    max_life: Span,
    /// The most units in one payment
    #[arg(long, value_name = "K", default_value_t = 1000)]
    largest_k: u32,
    /// How far a payment's time may be ahead of this machine's clock
    #[arg(long, value_name = "SPAN", default_value = "5s")]
    clock_tolerance: Span,
    /// The largest clock difference D of a bank that is taken
    #[arg(long, value_name = "SPAN", default_value = "1m")]
    max_drift: Span,
    /// L: the longest that the ledger takes from endorsement to commit
    #[arg(long, value_name = "SPAN", default_value = "10s")]
    commit_bound: Span,
    /// R: how long a client's release is waited for
    #[arg(long, value_name = "SPAN", default_value = "20s")]
    release_wait: Span,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// What `vendor init` made.
#[derive(Debug, Serialize)]
struct Made {
    home: PathBuf,
    vendor_key: PublicKey,
    bank_key: PublicKey,
    certificate: PathBuf,
    encrypted: bool,
}

impl Init {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let party = self.party.look().await?;
        let new = NewVendor {
            profile: party.profile.clone(),
            organization: party.organization.clone(),
            listen: self.listen,
            bank: party.bank.clone(),
            lowest_price: self.min_price,
            highest_price: self.max_price,
            shortest_life: self.min_life,
            longest_life: self.max_life,
            largest_k: self.largest_k,
            clock_tolerance: self.clock_tolerance,
            largest_drift: self.max_drift,
            commit_bound: self.commit_bound,
            release_wait: self.release_wait,
        };
        let text = new.to_toml();
        let config: VendorConfig =
            toml::from_str(&text).map_err(|error| CliError::from_error(Exit::Setup, error))?;
        // Before anything is made: the terms must hold together. Any key does for that.
        config.terms(party.bank.key).map_err(|error| CliError::from_error(Exit::Usage, error))?;

        let home = self.home.create()?;
        let _lock = home.lock()?;
        let passphrase = self.passphrase.to_create()?;
        let vendor_key = party.write(&home, passphrase.as_ref())?;
        let mut hosts = vec![self.listen.ip().to_string()];
        hosts.extend(self.hosts);
        tls::create(&home, "lockstep vendor", &hosts, passphrase.as_ref())?;
        home.write_config(&text)?;
        let made = Made {
            home: home.root().to_owned(),
            vendor_key,
            bank_key: party.bank.key,
            certificate: home.path(tls::CERTIFICATE_FILE),
            encrypted: passphrase.is_some(),
        };
        out.result(&made, |made| {
            format!(
                "vendor {}\nhome {}\ncertificate {}",
                made.vendor_key,
                made.home.display(),
                made.certificate.display()
            )
        });
        if passphrase.is_none() {
            out.note("The secret keys are not encrypted: no passphrase was given.");
        }
        out.note("Next: lockstep vendor account, then lockstep vendor serve.");
        Ok(())
    }
}
