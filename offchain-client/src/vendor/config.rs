//! A vendor's configuration: where it stands, on what terms it is paid, how much time it gives the others.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lockstep_protocol::amount::PAYMENT_LIMIT;
use lockstep_protocol::hash::LedgerId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::MaxDrift;
use lockstep_protocol::units::Units;
use serde::Deserialize;

use crate::party::{BankLink, Dollars, Span};
use crate::stream::{BatchBounds, Terms};

/// `config.toml` of a vendor's home.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorConfig {
    /// The network's profile.
    pub profile: PathBuf,
    /// The vendor's organisation, by MSP id.
    pub organization: String,
    /// Where the payment stream is served.
    pub listen: SocketAddr,
    /// The bank of the vendor's account.
    pub bank: BankLink,
    /// What a channel must offer.
    pub terms: TermsConfig,
    /// How much time the ledger and the clients get.
    pub timing: TimingConfig,
    /// Bounds on what strangers can make the vendor hold.
    pub limits: LimitsConfig,
}

/// `[terms]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsConfig {
    /// The lowest price of a unit.
    pub lowest_price: Dollars,
    /// The highest price of a unit.
    pub highest_price: Dollars,
    /// What a channel must still have to live when it is first seen.
    pub shortest_life: Span,
    /// The most units in one payment.
    pub largest_k: u32,
    /// How far a payment's time may be ahead.
    pub clock_tolerance: Span,
    /// The largest D of a bank that is taken.
    pub largest_drift: Span,
    /// Banks whose openings are taken, beside the vendor's own.
    #[serde(default)]
    pub other_banks: Vec<PublicKey>,
}

/// `[timing]` [Spec §6, safety margin].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingConfig {
    /// L: the longest that the ledger takes from endorsement to commit.
    pub commit_bound: Span,
    /// R: how long a release is waited for.
    pub release_wait: Span,
    /// Nothing is accepted this long before expiry.
    pub margin: Span,
}

/// `[limits]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Payment streams at once.
    pub streams: usize,
    /// Payments in one batch.
    pub batch_payments: u32,
}

/// A configuration that contradicts itself or the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The margin is too short to close in [Spec §6].
    #[error("timing.margin must be more than terms.largest_drift + 3 × timing.commit_bound + timing.release_wait, which is {}", Span(*.least))]
    Margin {
        /// What it must exceed.
        least: Duration,
    },
    /// The price bounds leave nothing, or more than the protocol allows.
    #[error("terms.lowest_price must be above zero and not above terms.highest_price, which is ten dollars at most")]
    Price,
    /// D is 1 s to 10 min.
    #[error("terms.largest_drift must be 1s to 10m")]
    Drift,
    /// A bound of zero.
    #[error("terms.largest_k, limits.streams and limits.batch_payments must be above zero, the last at most {}", BatchBounds::DEFAULT.payments)]
    Limits,
}

impl VendorConfig {
    /// The terms that this configuration states, if they hold together.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn terms(&self, vendor_key: PublicKey, ledger_id: LedgerId) -> Result<Terms, ConfigError> {
        let TermsConfig { lowest_price, highest_price, largest_drift, .. } = &self.terms;
        if lowest_price.0.as_micros() == 0 || lowest_price.0 > highest_price.0 || highest_price.0 > PAYMENT_LIMIT {
            return Err(ConfigError::Price);
        }
        let drift = u64::try_from(largest_drift.0.as_millis()).map_err(|_| ConfigError::Drift)?;
        let largest_drift = MaxDrift::from_millis(drift).map_err(|_| ConfigError::Drift)?;
        // [Spec §6] The margin must exceed D + 3L + R for every channel that is taken, so for the largest D.
        let least = largest_drift.as_duration() + 3 * self.timing.commit_bound.0 + self.timing.release_wait.0;
        if self.timing.margin.0 <= least {
            return Err(ConfigError::Margin { least });
        }
        let batch = BatchBounds { payments: self.limits.batch_payments, ..BatchBounds::DEFAULT };
        let zero = self.terms.largest_k == 0 || self.limits.streams == 0 || batch.payments == 0;
        if zero || batch.payments > BatchBounds::DEFAULT.payments {
            return Err(ConfigError::Limits);
        }
        let mut bank_keys = vec![self.bank.key];
        bank_keys.extend(&self.terms.other_banks);
        Ok(Terms {
            vendor_key,
            organization: self.organization.clone(),
            ledger_id,
            bank_keys,
            lowest_price: self.terms.lowest_price.0,
            highest_price: self.terms.highest_price.0,
            shortest_life: self.terms.shortest_life.0,
            largest_k: Units::from_count(self.terms.largest_k),
            margin: self.timing.margin.0,
            clock_tolerance: self.terms.clock_tolerance.0,
            largest_drift,
            batch,
        })
    }
}

/// What `init` writes into a new `config.toml`.
#[derive(Clone, Debug)]
pub struct NewVendor {
    /// The network's profile.
    pub profile: PathBuf,
    /// The vendor's organisation, by MSP id.
    pub organization: String,
    /// Where the payment stream is served.
    pub listen: SocketAddr,
    /// The bank of the vendor's account.
    pub bank: BankLink,
    /// The lowest price of a unit.
    pub lowest_price: Dollars,
    /// The highest price of a unit.
    pub highest_price: Dollars,
    /// What a channel must still have to live when it is first seen.
    pub shortest_life: Span,
    /// The most units in one payment.
    pub largest_k: u32,
    /// How far a payment's time may be ahead.
    pub clock_tolerance: Span,
    /// The largest D of a bank that is taken.
    pub largest_drift: Span,
    /// L.
    pub commit_bound: Span,
    /// R.
    pub release_wait: Span,
    /// The safety margin.
    pub margin: Span,
}

impl NewVendor {
    /// The commented configuration file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        format!(
            r#"# Configuration of a lockstep vendor. `lockstep vendor serve` reads it at its start.

# The network's profile, and the organisation whose peers this vendor asks and through which it closes.
profile = {profile}
organization = {organization}
# Where clients reach the payment stream; they are handed tls-cert.pem of this folder.
listen = {listen}

# The bank of the vendor's account. Its key was pinned when this folder was made.
[bank]
url = {url}
certificate = {certificate}
key = "{key}"

# A channel is taken only if it meets these. Prices are dollars for one unit.
[terms]
lowest_price = "{lowest_price}"
highest_price = "{highest_price}"
# What a channel must still have to live when its first message comes.
shortest_life = "{shortest_life}"
# The most units in one payment. No payment moves more than ten dollars, whatever this says.
largest_k = {largest_k}
# How far a payment's time may be ahead of this machine's clock.
clock_tolerance = "{clock_tolerance}"
# The largest clock difference D of a bank that is taken, 1s to 10m.
largest_drift = "{largest_drift}"
# Keys of more banks whose openings are taken.
other_banks = []

[timing]
# The longest that the ledger takes from endorsement to commit (L).
commit_bound = "{commit_bound}"
# How long a client's release is waited for (R).
release_wait = "{release_wait}"
# Nothing is accepted this long before a channel expires: more than largest_drift + 3 L + R, so that
# what was accepted can still be claimed. The view of the ledger is never older than half of it.
margin = "{margin}"

[limits]
# Payment streams at once.
streams = 256
# Payments in one batch, 512 at most.
batch_payments = {batch}
"#,
            profile = quoted(&self.profile.display().to_string()),
            organization = quoted(&self.organization),
            listen = quoted(&self.listen.to_string()),
            url = quoted(&self.bank.url),
            certificate = quoted(&self.bank.certificate.display().to_string()),
            key = self.bank.key,
            lowest_price = self.lowest_price,
            highest_price = self.highest_price,
            shortest_life = self.shortest_life,
            largest_k = self.largest_k,
            clock_tolerance = self.clock_tolerance,
            largest_drift = self.largest_drift,
            commit_bound = self.commit_bound,
            release_wait = self.release_wait,
            margin = self.margin,
            batch = BatchBounds::DEFAULT.payments,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_vendor() -> NewVendor {
        let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798".parse().unwrap();
        NewVendor {
            profile: "/net/\"odd\"/profile.toml".into(),
            organization: "VendorMSP".to_owned(),
            listen: "127.0.0.1:7000".parse().unwrap(),
            bank: BankLink { url: "https://b:1".to_owned(), certificate: "bank-cert.pem".into(), key },
            lowest_price: "0.01".parse().unwrap(),
            highest_price: "10".parse().unwrap(),
            shortest_life: "5m".parse().unwrap(),
            largest_k: 1000,
            clock_tolerance: "5s".parse().unwrap(),
            largest_drift: "1m".parse().unwrap(),
            commit_bound: "10s".parse().unwrap(),
            release_wait: "20s".parse().unwrap(),
            margin: "2m".parse().unwrap(),
        }
    }

    fn terms(new: &NewVendor) -> Result<Terms, ConfigError> {
        let config: VendorConfig = toml::from_str(&new.to_toml()).unwrap();
        config.terms(new.bank.key, LedgerId::from_bytes([1; 32]))
    }

    #[test]
    fn the_file_that_init_writes_is_read_back() {
        let terms = terms(&new_vendor()).unwrap();
        assert_eq!(terms.lowest_price.as_micros(), 10_000);
        assert_eq!(terms.margin, Duration::from_secs(120));
        assert_eq!(terms.bank_keys.len(), 1);
    }

    #[test]
    fn a_margin_that_does_not_leave_time_to_close_is_refused() {
        // D + 3L + R = 110 s exactly is not more than itself.
        let tight = NewVendor { margin: "110s".parse().unwrap(), ..new_vendor() };
        assert_eq!(terms(&tight), Err(ConfigError::Margin { least: Duration::from_secs(110) }));
        let enough = NewVendor { margin: "110s 1ms".parse().unwrap(), ..new_vendor() };
        assert!(terms(&enough).is_ok());
    }

    #[test]
    fn impossible_terms_are_refused() {
        let dear = NewVendor { highest_price: "10.000001".parse().unwrap(), ..new_vendor() };
        let free = NewVendor { lowest_price: "0".parse().unwrap(), ..new_vendor() };
        let drift = NewVendor { largest_drift: "11m".parse().unwrap(), margin: "1h".parse().unwrap(), ..new_vendor() };
        let nothing = NewVendor { largest_k: 0, ..new_vendor() };
        assert_eq!(terms(&dear), Err(ConfigError::Price));
        assert_eq!(terms(&free), Err(ConfigError::Price));
        assert_eq!(terms(&drift), Err(ConfigError::Drift));
        assert_eq!(terms(&nothing), Err(ConfigError::Limits));
    }
}
