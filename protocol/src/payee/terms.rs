//! On which terms a vendor takes a channel [Spec §6].

use std::time::Duration;

use crate::amount::Amount;
use crate::key::PublicKey;
use crate::ledger::ChannelRecord;
use crate::opening::Opening;
use crate::refusal::Refusal;
use crate::time::{MaxDrift, Timestamp};
use crate::units::Units;

/// A vendor's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorTerms {
    /// The vendor's own key.
    pub vendor_key: PublicKey,
    /// The bank keys that it trusts.
    pub pinned_banks: Vec<PublicKey>,
    /// The least that one unit must be worth.
    pub least_price: Amount,
    /// The most that one unit may be worth.
    pub highest_price: Amount,
    /// The least time from taking a channel to the end of payments in it.
    pub least_life: Duration,
    /// The longest time from taking a channel to its expiry.
    pub longest_life: Duration,
    /// The largest D.
    pub largest_drift: MaxDrift,
    /// The largest k of one payment: it costs k hashes to check.
    pub largest_units: Units,
    /// How far a payment may be dated ahead of the vendor's clock.
    pub clock_tolerance: Duration,
    /// L: the vendor's bound on endorse-to-commit.
    pub commit_bound: Duration,
    /// R: how long it waits for a release.
    pub release_wait: Duration,
}

impl VendorTerms {
    /// The least whole number of milliseconds above D + 3L + R [Spec §6].
    #[must_use]
    pub fn safety_margin(&self, drift: MaxDrift) -> Duration {
        let sum = self.commit_bound.saturating_mul(3).saturating_add(self.release_wait);
        let sum = sum.saturating_add(drift.as_duration());
        let whole = u64::try_from(sum.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Duration::from_millis(whole)
    }

    /// The oldest view of the ledger on which a payment is accepted: half of the safety margin [Spec §6].
    #[must_use]
    pub fn oldest_view(&self, drift: MaxDrift) -> Duration {
        self.safety_margin(drift) / 2
    }

    /// Whether `now` + safety margin < expiry.
    #[must_use]
    pub fn leaves_time(&self, opening: &Opening, drift: MaxDrift, now: Timestamp) -> bool {
        now.millis_after(self.safety_margin(drift)) < opening.terms().expiry.as_unix_millis()
    }

    /// Whether the vendor takes the channel of a record; the state is checked with the vendor's view of the ledger.
    pub(super) fn check(&self, record: &ChannelRecord, now: Timestamp) -> Result<(), Refusal> {
        let terms = record.opening().terms();
        if !self.pinned_banks.contains(&terms.bank_key) {
            return Err(Refusal::BankNotPinned);
        }
        if terms.vendor_key != self.vendor_key {
            return Err(Refusal::OtherVendor);
        }
        if terms.unit_price < self.least_price {
            return Err(Refusal::PriceBelowTerms);
        }
        if terms.unit_price > self.highest_price {
            return Err(Refusal::PriceAboveTerms);
        }
        if record.max_drift() > self.largest_drift {
            return Err(Refusal::DriftAboveTerms);
        }
        let margin = self.safety_margin(record.max_drift());
        let expiry = terms.expiry.as_unix_millis();
        let too_short = expiry <= now.millis_after(margin.saturating_add(self.least_life));
        if too_short || expiry > now.millis_after(self.longest_life) {
            return Err(Refusal::LifeOutsideTerms);
        }
        Ok(())
    }
}
