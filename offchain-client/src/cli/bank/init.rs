//! `lockstep bank init`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use lockstep_protocol::hash::{LedgerId, ShortText};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::MaxDrift;
use serde::Serialize;

use super::super::{CliError, Exit, HomeArgs, Output, PassphraseArgs};
use crate::bank::books::Books;
use crate::bank::config::{BankConfig, ConfigText, KEY_FILE};
use crate::entropy::random_key;
use crate::keystore;
use crate::ledger::profile::Profile;
use crate::party::Span;
use crate::tls;

/// In the home folder.
const DEFAULT_LOG: &str = "openings.jsonl";
const SEVEN_DAYS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Flags of `bank init`.
#[derive(Args, Debug)]
pub struct Init {
    #[command(flatten)]
    home: HomeArgs,
    /// The network's profile
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// The MSP id of the bank's organisation
    #[arg(long, value_name = "MSPID")]
    organization: String,
    /// Where to serve HTTP; port 0 takes a free one at every start
    #[arg(long, value_name = "HOST:PORT")]
    listen: String,
    /// D: how far clocks may be off each other; it is registered for ever
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    max_drift: Span,
    /// Longest time from a channel's opening to its expiry
    #[arg(long, value_name = "SPAN", default_value_t = Span(SEVEN_DAYS))]
    max_life: Span,
    /// The books: sqlite://FILE or postgres://USER@HOST/NAME (default: a file in the home folder)
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    database: String,
    /// Where to log every opening that is signed: on another disk than the books, outside their backup
    #[arg(long, value_name = "FILE", default_value = DEFAULT_LOG, hide_default_value = true)]
    opening_log: PathBuf,
    /// A further name or address for the certificate
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// What `bank init` made.
#[derive(Debug, Serialize)]
struct Made {
    home: PathBuf,
    bank_key: PublicKey,
    ledger: LedgerId,
    certificate: PathBuf,
    encrypted: bool,
}

impl Init {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let usage = |what: String| CliError::new(Exit::Usage, what);
        let (host, _) = self
            .listen
            .rsplit_once(':')
            .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
            .ok_or_else(|| usage(format!("{:?} is not HOST:PORT", self.listen)))?;
        let drift = u64::try_from(self.max_drift.0.as_millis()).ok().map(MaxDrift::from_millis);
        if !matches!(drift, Some(Ok(_))) {
            return Err(usage("--max-drift is 1s to 10m".to_owned()));
        }
        let profile_path = absolute(&self.profile)?;
        let opening_log = if self.opening_log == Path::new(DEFAULT_LOG) {
            self.opening_log.clone()
        } else {
            absolute(&self.opening_log)?
        };
        let profile = Profile::read(&profile_path)?;
        profile.organization(self.organization.as_str())?;
        let ledger = ledger_id(&profile)?;

        let home = self.home.create()?;
        let _lock = home.lock()?;
        let passphrase = self.passphrase.to_create()?;
        let key = random_key()?;
        keystore::save_pkcs8(&home.path(KEY_FILE), &key.dangerous_to_pkcs8_der(), passphrase.as_ref())?;
        let mut hosts = vec![host.trim_matches(['[', ']']).to_owned()];
        hosts.extend(self.hosts);
        tls::create(&home, "lockstep bank", &hosts, passphrase.as_ref())?;
        let text = ConfigText {
            profile: &profile_path,
            organization: self.organization.as_str(),
            bank_key: *key.public_key(),
            ledger,
            listen: &self.listen,
            max_drift: self.max_drift.0,
            max_life: self.max_life.0,
            database: &self.database,
            opening_log: &opening_log,
        };
        let text = text.to_toml();
        let config: BankConfig =
            toml::from_str(&text).map_err(|error| CliError::from_error(Exit::Setup, error))?;
        // The database must work before the folder becomes a home; whose books they are is written at first use.
        Books::connect(&config.database_url(&home)).await?.close().await;
        home.write_config(&text)?;

        let made = Made {
            home: home.root().to_owned(),
            bank_key: *key.public_key(),
            ledger,
            certificate: home.path(tls::CERTIFICATE_FILE),
            encrypted: passphrase.is_some(),
        };
        out.result(&made, |made| {
            format!(
                "bank {}\nhome {}\ncertificate {}",
                made.bank_key,
                made.home.display(),
                made.certificate.display()
            )
        });
        if passphrase.is_none() {
            out.note("The secret keys are not encrypted: no passphrase was given.");
        }
        if config.log_lies_with_books(&home) {
            out.note(super::LOG_WITH_BOOKS);
        }
        out.note("Next: lockstep bank register, then lockstep bank serve.");
        Ok(())
    }
}

fn ledger_id(profile: &Profile) -> Result<LedgerId, CliError> {
    let name = |text: &str| {
        ShortText::new(text)
            .map_err(|_| CliError::new(Exit::Setup, "a name in the network profile is too long"))
    };
    Ok(LedgerId::of(&name(&profile.channel)?, &name(&profile.chaincode)?))
}

fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|error| CliError::from_error(Exit::of_io(&error), error))
}
