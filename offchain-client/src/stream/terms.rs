//! What a vendor asks of a channel before it takes it [Spec §6].

use std::time::Duration;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::LedgerId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::MaxDrift;
use lockstep_protocol::units::Units;
use serde::{Deserialize, Serialize};

/// A vendor's terms. A channel is taken only if it meets all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The vendor's payment key, which is its account key at the bank.
    pub vendor_key: PublicKey,
    /// The MSP id under which the vendor acts on the ledger.
    pub organization: String,
    /// The ledger on which channels must stand.
    pub ledger_id: LedgerId,
    /// The banks whose openings it takes.
    pub bank_keys: Vec<PublicKey>,
    /// The lowest price of a unit.
    pub lowest_price: Amount,
    /// The highest price of a unit.
    pub highest_price: Amount,
    /// The least time in which payments can be made when the vendor first sees the channel.
    pub shortest_life: Duration,
    /// The longest time to the channel's expiry when the vendor first sees it.
    pub longest_life: Duration,
    /// The most units in one payment.
    pub largest_k: Units,
    /// Nothing is accepted any more this long before expiry, at the largest D.
    pub margin: Duration,
    /// How far a payment's time may be ahead of the vendor's clock.
    pub clock_tolerance: Duration,
    /// The largest clock difference D of a bank that it takes.
    pub largest_drift: MaxDrift,
    /// Bounds of one batch.
    pub batch: BatchBounds,
}

/// How large a batch may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchBounds {
    /// Payments.
    pub payments: u32,
    /// Bytes of the batch as it is encoded.
    pub bytes: u32,
}

impl BatchBounds {
    /// What a vendor allows unless its configuration says otherwise; a batch of the largest memos still fits.
    pub const DEFAULT: Self = Self { payments: 512, bytes: 1 << 20 };

    /// The smaller of two bounds, each way.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self { payments: self.payments.min(other.payments), bytes: self.bytes.min(other.bytes) }
    }
}
