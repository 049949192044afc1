//! A wallet's configuration: where it stands, and how much it lets a vendor be ahead.

use std::path::PathBuf;

use serde::Deserialize;

use crate::party::BankLink;
use crate::stream::BatchBounds;

/// `config.toml` of a wallet's home.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalletConfig {
    /// The network's profile.
    pub profile: PathBuf,
    /// The client's organisation, by MSP id.
    pub organization: String,
    /// The bank of the client's account.
    pub bank: BankLink,
    /// How payments are sent.
    pub payments: PaymentsConfig,
}

/// `[payments]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentsConfig {
    /// Most payments that the vendor may not have acknowledged: what the client can lose [Spec §6].
    pub window: u32,
    /// Payments in one batch; the vendor's bound holds as well.
    pub batch: u32,
    /// Whether nonces are drawn ahead on a second core [Spec §2]. Not where snapshots of the running machine are taken.
    #[serde(default)]
    pub presign: bool,
}

/// A configuration that allows no payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payments.batch must be 1 to {} and payments.window at least as much", BatchBounds::DEFAULT.payments)]
pub struct BadPaymentsConfig;

impl PaymentsConfig {
    /// What a new wallet starts with.
    pub const DEFAULT: Self = Self { window: 2048, batch: 256, presign: false };

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`BadPaymentsConfig`].
    pub fn check(self) -> Result<Self, BadPaymentsConfig> {
        let possible =
            self.batch >= 1 && self.batch <= BatchBounds::DEFAULT.payments && self.window >= self.batch;
        if possible { Ok(self) } else { Err(BadPaymentsConfig) }
    }
}

/// What `init` writes into a new `config.toml`.
#[derive(Clone, Debug)]
pub struct NewWallet {
    /// The network's profile.
    pub profile: PathBuf,
    /// The client's organisation, by MSP id.
    pub organization: String,
    /// The bank of the client's account.
    pub bank: BankLink,
}

impl NewWallet {
    /// The commented configuration file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        format!(
            r#"# Configuration of a lockstep client's wallet.
# This folder holds keys and a journal that must not fork: never run two copies of it. After it was restored from a copy, run
# `lockstep client restored` first: such a wallet must not pay on the channels that it finds.

# The network's profile, and the organisation whose peers this wallet asks and through which it opens channels.
profile = {profile}
organization = {organization}

# The bank of the client's account. Its key was pinned when this folder was made.
[bank]
url = {url}
certificate = {certificate}
key = "{key}"

[payments]
# Most payments that a vendor may not have acknowledged at any time: what a dishonest vendor can take.
window = {window}
# Payments sent together. One durable write, one message and one acknowledgement for all of them.
batch = {batch}
# Draws the random part of signatures ahead, on a second core, so that payments are signed faster. Leave it off on a machine
# that is snapshotted or migrated while it runs: two runs from one snapshot would give the channel's key away.
presign = {presign}
"#,
            profile = quoted(&self.profile.display().to_string()),
            organization = quoted(&self.organization),
            url = quoted(&self.bank.url),
            certificate = quoted(&self.bank.certificate.display().to_string()),
            key = self.bank.key,
            window = PaymentsConfig::DEFAULT.window,
            batch = PaymentsConfig::DEFAULT.batch,
            presign = PaymentsConfig::DEFAULT.presign,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_init_writes_is_read_back() {
        let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798".parse().unwrap();
        let bank = BankLink { url: "https://b:1".to_owned(), certificate: "bank-cert.pem".into(), key };
        let new = NewWallet { profile: "p.toml".into(), organization: "ClientMSP".to_owned(), bank };
        let config: WalletConfig = toml::from_str(&new.to_toml()).unwrap();
        assert_eq!(config.bank, new.bank);
        assert!(config.payments.check().is_ok());
    }

    #[test]
    fn a_window_smaller_than_a_batch_is_refused() {
        assert!(PaymentsConfig { window: 10, batch: 11, ..PaymentsConfig::DEFAULT }.check().is_err());
        assert!(PaymentsConfig { window: 10, batch: 0, ..PaymentsConfig::DEFAULT }.check().is_err());
        assert!(PaymentsConfig { window: 10_000, batch: 513, ..PaymentsConfig::DEFAULT }.check().is_err());
    }
}
