//! A channel on the ledger [Spec §8].

mod document;

use serde::{Deserialize, Serialize};

use super::change::{ChannelChange, ChannelState};
use super::ending::{ClaimEntry, FreezeEntry, ReleaseEntry, ResolveEntry};
use crate::amount::Amount;
use crate::hash::ChannelId;
use crate::opening::{Opening, SignedOpening};
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::time::{MaxDrift, Timestamp};
use crate::units::Units;
use document::ChannelDocument;

/// A channel as the ledger keeps it. JSON: `channel_id`, `state`, `opening`, `bank_signature`, `max_drift`, `ts`, and as far as
/// they are there `freeze`, `claim`, `ending`. Reading one checks that it hangs together, not the signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "ChannelDocument", try_from = "ChannelDocument")]
pub struct ChannelRecord {
    signed: SignedOpening,
    max_drift: MaxDrift,
    ts: Timestamp,
    standing: Standing,
}

/// The state of a channel with what the ledger keeps for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Payments may be made.
    Open,
    /// Never opened; the record's `ts` is the cancelling transaction's.
    Cancelled,
    /// Closed with the client's last signature.
    ClosedByRelease(Box<ReleaseEntry>),
    /// Closed with a token.
    ClosedByToken(ClaimEntry),
    /// Refunded, with the timestamp of the refunding transaction.
    Refunded(Timestamp),
    /// Frozen.
    Frozen(FreezeEntry),
    /// Frozen and claimed.
    Claimed(FreezeEntry, ClaimEntry),
    /// Frozen, perhaps claimed, resolved.
    Resolved(FreezeEntry, Option<ClaimEntry>, ResolveEntry),
}

/// A document that is no channel record: fields that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the channel record contradicts itself in {0}")]
pub struct BadRecord(pub &'static str);

impl ChannelRecord {
    pub(crate) const fn new(
        signed: SignedOpening,
        max_drift: MaxDrift,
        ts: Timestamp,
        standing: Standing,
    ) -> Self {
        Self { signed, max_drift, ts, standing }
    }

    pub(crate) fn with_standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// Reads a stored or received record.
    ///
    /// # Errors
    /// [`Refusal::UnreadableRecord`] for anything but a record of this version.
    pub fn from_json(json: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(json).map_err(|_| Refusal::UnreadableRecord)
    }

    /// The record in JSON: the same record gives the same bytes.
    ///
    /// # Panics
    /// Never: a record has text keys and plain values only.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record has text keys and plain values only")
    }

    /// The channel.
    #[must_use]
    pub const fn channel_id(&self) -> ChannelId {
        self.signed.opening().channel_id()
    }

    /// Tx₀'s fields.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        self.signed.opening()
    }

    /// σ₀, which the client locks first [Spec §4].
    #[must_use]
    pub const fn bank_signature(&self) -> &Signature {
        self.signed.bank_signature()
    }

    /// Tx₀'s fields with σ₀.
    #[must_use]
    pub const fn signed_opening(&self) -> &SignedOpening {
        &self.signed
    }

    /// D of the bank when the channel was opened.
    #[must_use]
    pub const fn max_drift(&self) -> MaxDrift {
        self.max_drift
    }

    /// Timestamp of the transaction that made the record.
    #[must_use]
    pub const fn ts(&self) -> Timestamp {
        self.ts
    }

    /// The state with what is kept for it.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> ChannelState {
        match self.standing {
            Standing::Open => ChannelState::Open,
            Standing::Cancelled => ChannelState::Cancelled,
            Standing::ClosedByRelease(_) | Standing::ClosedByToken(_) => ChannelState::Closed,
            Standing::Refunded(_) => ChannelState::Refunded,
            Standing::Frozen(_) => ChannelState::Frozen,
            Standing::Claimed(..) => ChannelState::Claimed,
            Standing::Resolved(..) => ChannelState::Resolved,
        }
    }

    /// Whether the channel is, or was, in a state: what "reached" means in [Spec §8].
    #[must_use]
    pub const fn reached(&self, state: ChannelState) -> bool {
        match state {
            ChannelState::Open => !matches!(self.standing, Standing::Cancelled),
            ChannelState::Frozen => self.freeze().is_some(),
            ChannelState::Claimed => self.freeze().is_some() && self.claim().is_some(),
            ChannelState::Cancelled => matches!(self.standing, Standing::Cancelled),
            ChannelState::Closed => {
                matches!(self.standing, Standing::ClosedByRelease(_) | Standing::ClosedByToken(_))
            }
            ChannelState::Refunded => matches!(self.standing, Standing::Refunded(_)),
            ChannelState::Resolved => matches!(self.standing, Standing::Resolved(..)),
        }
    }

    /// The freeze, if there was one.
    #[must_use]
    pub const fn freeze(&self) -> Option<&FreezeEntry> {
        match &self.standing {
            Standing::Frozen(freeze) | Standing::Claimed(freeze, _) | Standing::Resolved(freeze, ..) => {
                Some(freeze)
            }
            _ => None,
        }
    }

    /// The vendor's claim by token, on an open channel or a frozen one.
    #[must_use]
    pub const fn claim(&self) -> Option<&ClaimEntry> {
        match &self.standing {
            Standing::ClosedByToken(claim) | Standing::Claimed(_, claim) => Some(claim),
            Standing::Resolved(_, claim, _) => claim.as_ref(),
            _ => None,
        }
    }

    /// The close by release, if the channel ended so.
    #[must_use]
    pub const fn release(&self) -> Option<&ReleaseEntry> {
        match &self.standing {
            Standing::ClosedByRelease(release) => Some(release),
            _ => None,
        }
    }

    /// The change that brought the channel into its present state.
    ///
    /// # Errors
    /// [`Refusal::UnitsOutOfRange`] for a record that no rule could have made.
    pub fn change(&self) -> Result<ChannelChange, Refusal> {
        self.change_to(self.state())
    }

    /// The change that brought the channel into a state that it reached, perhaps left since.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] for a state not reached; [`Refusal::UnitsOutOfRange`] for a record that no rule could have made.
    pub fn change_to(&self, state: ChannelState) -> Result<ChannelChange, Refusal> {
        if !self.reached(state) {
            return Err(Refusal::WrongState);
        }
        let total = self.opening().terms().total;
        let worth = |units: Units| self.opening().worth(units);
        let less = |from: Amount, what: Amount| from.checked_sub(what).map_err(|_| Refusal::UnitsOutOfRange);
        let claimed = worth(self.claim().map_or(Units::ZERO, |claim| claim.units));
        let (to_vendor, to_client, withheld) = match (state, &self.standing) {
            (ChannelState::Closed, Standing::ClosedByRelease(release)) => {
                let vendor = worth(release.fields.released)?;
                (vendor, less(total, vendor)?, Amount::ZERO)
            }
            (ChannelState::Closed, _) => (claimed?, less(total, claimed?)?, Amount::ZERO),
            (ChannelState::Cancelled | ChannelState::Refunded, _) => (Amount::ZERO, total, Amount::ZERO),
            (ChannelState::Frozen, _) => (Amount::ZERO, Amount::ZERO, total),
            (ChannelState::Claimed, _) => (claimed?, Amount::ZERO, less(total, claimed?)?),
            (ChannelState::Resolved, Standing::Resolved(_, _, resolve)) => {
                let vendor = worth(resolve.units)?;
                (less(vendor, claimed?)?, less(total, vendor)?, Amount::ZERO)
            }
            (ChannelState::Open | ChannelState::Resolved, _) => (Amount::ZERO, Amount::ZERO, Amount::ZERO),
        };
        Ok(ChannelChange { channel_id: self.channel_id(), state, to_vendor, to_client, withheld })
    }
}
