//! A vendor's configuration: where it stands, on what terms it is paid, how much time it gives the others.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lockstep_protocol::amount::PAYMENT_LIMIT;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::payee::VendorTerms;
use lockstep_protocol::time::MaxDrift;
use lockstep_protocol::units::Units;
use serde::Deserialize;

use crate::party::{BankLink, Dollars, Span};
use crate::stream::BatchBounds;

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
    /// The least time in which payments can be made when the channel is first seen.
    pub shortest_life: Span,
    /// The longest time to a channel's expiry when it is first seen.
    pub longest_life: Span,
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
}

/// `[limits]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Payment streams at once.
    pub streams: usize,
    /// Payments in one batch.
    pub batch_payments: u32,
    /// Closes that the ledger path is trusted to commit in a second, whoever else uses it. Where so many channels expire around one
    /// time that they could not all be closed so within their margins, the earlier ones are closed earlier.
    #[serde(default = "closes_per_second")]
    pub closes_per_second: u32,
}

/// A small network of three organisations commits several times as many.
pub(super) const CLOSES_PER_SECOND: u32 = 25;

const fn closes_per_second() -> u32 {
    CLOSES_PER_SECOND
}

/// A configuration that contradicts itself or the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The price bounds leave nothing, or more than the protocol allows.
    #[error(
        "terms.lowest_price must be above zero and not above terms.highest_price, which is ten dollars at most"
    )]
    Price,
    /// D is 1 s to 10 min.
    #[error("terms.largest_drift must be 1s to 10m")]
    Drift,
    /// No channel can be taken.
    #[error("terms.longest_life must be more than terms.shortest_life and the safety margin together, which are {}", Span(*.least))]
    Life {
        /// What it must exceed.
        least: Duration,
    },
    /// A bound of zero.
    #[error("terms.largest_k, limits.streams, limits.closes_per_second and limits.batch_payments must be above zero, the last at most {}", BatchBounds::DEFAULT.payments)]
    Limits,
}

impl VendorConfig {
    /// The terms that this configuration states, if they hold together.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn terms(&self, vendor_key: PublicKey) -> Result<VendorTerms, ConfigError> {
        let TermsConfig { lowest_price, highest_price, largest_drift, .. } = &self.terms;
        if lowest_price.0.as_micros() == 0
            || lowest_price.0 > highest_price.0
            || highest_price.0 > PAYMENT_LIMIT
        {
            return Err(ConfigError::Price);
        }
        let drift = u64::try_from(largest_drift.0.as_millis()).map_err(|_| ConfigError::Drift)?;
        let largest_drift = MaxDrift::from_millis(drift).map_err(|_| ConfigError::Drift)?;
        let batch = self.limits.batch_payments;
        let LimitsConfig { streams, closes_per_second, .. } = self.limits;
        if self.terms.largest_k == 0 || streams == 0 || closes_per_second == 0 || batch == 0 {
            return Err(ConfigError::Limits);
        }
        if batch > BatchBounds::DEFAULT.payments {
            return Err(ConfigError::Limits);
        }
        let mut pinned_banks = vec![self.bank.key];
        pinned_banks.extend(&self.terms.other_banks);
        let terms = VendorTerms {
            vendor_key,
            pinned_banks,
            least_price: lowest_price.0,
            highest_price: highest_price.0,
            least_life: self.terms.shortest_life.0,
            longest_life: self.terms.longest_life.0,
            largest_drift,
            largest_units: Units::from_count(self.terms.largest_k),
            clock_tolerance: self.terms.clock_tolerance.0,
            commit_bound: self.timing.commit_bound.0,
            release_wait: self.timing.release_wait.0,
        };
        let least = terms.safety_margin(largest_drift).saturating_add(terms.least_life);
        if terms.longest_life <= least { Err(ConfigError::Life { least }) } else { Ok(terms) }
    }

    /// The bounds of one batch.
    #[must_use]
    pub fn batch(&self) -> BatchBounds {
        BatchBounds { payments: self.limits.batch_payments, ..BatchBounds::DEFAULT }
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
    /// The least time in which payments can be made when the channel is first seen.
    pub shortest_life: Span,
    /// The longest time to a channel's expiry when it is first seen.
    pub longest_life: Span,
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
}

impl NewVendor {
    /// The commented configuration file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        [self.head(), self.terms(), self.timing_and_limits()].concat()
    }

    fn head(&self) -> String {
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
"#,
            profile = quoted(&self.profile.display().to_string()),
            organization = quoted(&self.organization),
            listen = quoted(&self.listen.to_string()),
            url = quoted(&self.bank.url),
            certificate = quoted(&self.bank.certificate.display().to_string()),
            key = self.bank.key,
        )
    }

    fn terms(&self) -> String {
        format!(
            r#"
# A channel is taken only if it meets these. Prices are dollars for one unit.
[terms]
lowest_price = "{lowest_price}"
highest_price = "{highest_price}"
# The least time in which payments can be made, seen when a channel's first message comes; and the longest to its expiry.
shortest_life = "{shortest_life}"
longest_life = "{longest_life}"
# The most units in one payment. No payment moves more than ten dollars, whatever this says.
largest_k = {largest_k}
# How far a payment's time may be ahead of this machine's clock.
clock_tolerance = "{clock_tolerance}"
# The largest clock difference D of a bank that is taken, 1s to 10m.
largest_drift = "{largest_drift}"
# Keys of more banks whose openings are taken.
other_banks = []
"#,
            lowest_price = self.lowest_price,
            highest_price = self.highest_price,
            shortest_life = self.shortest_life,
            longest_life = self.longest_life,
            largest_k = self.largest_k,
            clock_tolerance = self.clock_tolerance,
            largest_drift = self.largest_drift,
        )
    }

    fn timing_and_limits(&self) -> String {
        format!(
            r#"
[timing]
# The longest that the ledger takes from endorsement to commit (L).
commit_bound = "{commit_bound}"
# How long a client's release is waited for (R).
release_wait = "{release_wait}"
# The safety margin of a channel follows: nothing is accepted D + 3 L + R before it expires, so that what was accepted
# can still be claimed. The view of the ledger is never older than half of it.

[limits]
# Payment streams at once.
streams = 256
# Payments in one batch, 512 at most.
batch_payments = {batch}
# Closes that the ledger is trusted to commit in a second, whoever else uses it. No more than the ledger commits within L are
# under way at a time, and where more channels expire around one time than can be closed so, some of them are closed earlier.
closes_per_second = {CLOSES_PER_SECOND}
"#,
            commit_bound = self.commit_bound,
            release_wait = self.release_wait,
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
            longest_life: "30days".parse().unwrap(),
            largest_k: 1000,
            clock_tolerance: "5s".parse().unwrap(),
            largest_drift: "1m".parse().unwrap(),
            commit_bound: "10s".parse().unwrap(),
            release_wait: "20s".parse().unwrap(),
        }
    }

    fn terms(new: &NewVendor) -> Result<VendorTerms, ConfigError> {
        let config: VendorConfig = toml::from_str(&new.to_toml()).unwrap();
        config.terms(new.bank.key)
    }

    #[test]
    fn the_file_that_init_writes_is_read_back() {
        let terms = terms(&new_vendor()).unwrap();
        assert_eq!(terms.least_price.as_micros(), 10_000);
        assert_eq!(terms.pinned_banks.len(), 1);
        // D + 3L + R and one millisecond more.
        assert_eq!(terms.safety_margin(MaxDrift::DEFAULT), Duration::from_millis(80_001));
    }

    #[test]
    fn impossible_terms_are_refused() {
        let dear = NewVendor { highest_price: "10.000001".parse().unwrap(), ..new_vendor() };
        let free = NewVendor { lowest_price: "0".parse().unwrap(), ..new_vendor() };
        let drift = NewVendor { largest_drift: "11m".parse().unwrap(), ..new_vendor() };
        let nothing = NewVendor { largest_k: 0, ..new_vendor() };
        let never = NewVendor { longest_life: "6m".parse().unwrap(), ..new_vendor() };
        assert_eq!(terms(&dear), Err(ConfigError::Price));
        assert_eq!(terms(&free), Err(ConfigError::Price));
        assert_eq!(terms(&drift), Err(ConfigError::Drift));
        assert_eq!(terms(&nothing), Err(ConfigError::Limits));
        assert_eq!(terms(&never), Err(ConfigError::Life { least: Duration::from_millis(410_001) }));
    }

    #[test]
    fn a_file_of_before_has_the_close_rate_that_init_writes_and_none_is_refused() {
        let new = new_vendor();
        let (line, none) = (format!("closes_per_second = {CLOSES_PER_SECOND}\n"), "closes_per_second = 0\n");
        let read = |text: &str| toml::from_str::<VendorConfig>(text).unwrap();
        let before = new.to_toml().replace(&line, "");
        assert_ne!(before, new.to_toml());
        assert_eq!(read(&before).limits.closes_per_second, CLOSES_PER_SECOND);
        let refused = read(&new.to_toml().replace(&line, none)).terms(new.bank.key);
        assert_eq!(refused, Err(ConfigError::Limits));
    }
}
