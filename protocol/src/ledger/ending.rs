//! What a record keeps of freezes, claims and endings: their arguments, signatures and times [Spec §8].

use serde::{Deserialize, Serialize};

use super::command::FreezeReason;
use crate::hash::{EvidenceHash, Token};
use crate::payment::PaymentFields;
use crate::signature::Signature;
use crate::time::Timestamp;
use crate::units::Units;

/// A close by release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseEntry {
    /// fieldsₙ, the last payment.
    pub fields: PaymentFields,
    /// σ_n.
    pub client_signature: Signature,
    /// The vendor's word for the close.
    pub vendor_signature: Signature,
    /// Timestamp of the closing transaction.
    pub ts: Timestamp,
}

/// A close by token, or a claim on a frozen channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimEntry {
    /// c.
    pub units: Units,
    /// f_c.
    pub token: Token,
    /// The vendor's word for the claim.
    pub vendor_signature: Signature,
    /// Timestamp of the claiming transaction.
    pub ts: Timestamp,
}

/// A freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeEntry {
    /// Why.
    pub reason: FreezeReason,
    /// Hash of what shows it.
    pub evidence: EvidenceHash,
    /// The bank's word for the freeze.
    pub bank_signature: Signature,
    /// Timestamp of the freezing transaction.
    pub ts: Timestamp,
}

/// A resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveEntry {
    /// The vendor's total.
    pub units: Units,
    /// The bank's word for the resolution.
    pub bank_signature: Signature,
    /// Timestamp of the resolving transaction.
    pub ts: Timestamp,
}
