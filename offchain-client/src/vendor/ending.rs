//! What the vendor writes down about a channel: what it took, and how it ends.

use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::signature::Signature;
use serde::{Deserialize, Serialize};

use crate::stream::{Settled, Unlocked};

/// What the vendor knew when it took a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The ledger's record, Open.
    pub record: ChannelRecord,
}

/// How a channel ends, as far as it got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// σ_n, verified on the last payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Signature>,
    /// The walk back to σ₀.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlocked: Option<Unlocked>,
    /// The close on the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// A fraud proof is kept that the bank has not heard of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proof_due: bool,
    /// Why there was no close by release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}
