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
    /// There was no time for that walk before the close: it follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub walk_due: bool,
    /// A fraud proof is kept that the bank has not heard of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proof_due: bool,
    /// The fraud proof is for another bank than the vendor's, whose address nobody has given it: its operator brings it there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proof_elsewhere: bool,
    /// Why there was no close by release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}
