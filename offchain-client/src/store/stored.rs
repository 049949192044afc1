//! What the journal gives back.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::units::PaymentNumber;

use super::Phase;

/// A channel as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChannel {
    /// Place in the order of creation, from 1.
    pub place: i64,
    /// The channel.
    pub channel: ChannelId,
    /// How far it has got.
    pub phase: Phase,
    /// Number of the last payment.
    pub n: PaymentNumber,
    /// The role's state after payment `n`.
    pub head: Vec<u8>,
    /// What the role remembers about it, as JSON.
    pub facts: String,
    /// The role's account of the ending, as JSON; `{}` before there is one.
    pub ending: String,
}

/// One row of payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Number of the first payment.
    pub first: PaymentNumber,
    /// How many.
    pub count: u32,
    /// The role's state before `first`.
    pub before: Vec<u8>,
    /// The payment records, one after the other.
    pub records: Vec<u8>,
}

impl StoredBatch {
    /// Number of the last payment in this row.
    #[must_use]
    pub fn last(&self) -> PaymentNumber {
        PaymentNumber::from_index(self.first.as_index().saturating_add(self.count).saturating_sub(1))
    }
}

/// One row of receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipts {
    /// Number of the first payment.
    pub first: PaymentNumber,
    /// How many.
    pub count: u32,
    /// The signatures, 64 bytes each.
    pub signatures: Vec<u8>,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvidence {
    /// What the bytes are.
    pub kind: String,
    /// The evidence itself.
    pub bytes: Vec<u8>,
}
