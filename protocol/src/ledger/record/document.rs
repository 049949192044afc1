//! The JSON form of a channel record: readable, and checked for contradictions when read.

use serde::{Deserialize, Serialize};

use super::{BadRecord, ChannelRecord, Standing};
use crate::amount::Amount;
use crate::hash::ChannelId;
use crate::ledger::change::ChannelState;
use crate::ledger::ending::{ClaimEntry, FreezeEntry, ReleaseEntry, ResolveEntry};
use crate::opening::{Opening, SignedOpening};
use crate::payment::PaymentFields;
use crate::signature::Signature;
use crate::time::{MaxDrift, Timestamp};
use crate::units::{PaymentNumber, Units};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelDocument {
    channel_id: ChannelId,
    state: ChannelState,
    opening: Opening,
    bank_signature: Signature,
    max_drift: MaxDrift,
    ts: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    freeze: Option<FreezeEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ending: Option<EndingDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum EndingDocument {
    Release {
        /// n, kₙ·u, cₙ and the vendor's total, for people and indexes; `fields` decides.
        number: PaymentNumber,
        last_amount: Amount,
        released: Units,
        to_vendor: Amount,
        fields: Box<PaymentFields>,
        client_signature: Signature,
        vendor_signature: Signature,
        ts: Timestamp,
    },
    Token {
        units: Units,
        to_vendor: Amount,
        token: crate::hash::Token,
        vendor_signature: Signature,
        ts: Timestamp,
    },
    Refund {
        ts: Timestamp,
    },
    Resolve {
        units: Units,
        to_vendor: Amount,
        bank_signature: Signature,
        ts: Timestamp,
    },
}

impl From<ChannelRecord> for ChannelDocument {
    fn from(record: ChannelRecord) -> Self {
        // A record that no rule could have made shows zero; reading it back then fails.
        let worth = |units| record.opening().worth(units).unwrap_or_default();
        let (freeze, claim, ending) = match &record.standing {
            Standing::Open | Standing::Cancelled => (None, None, None),
            Standing::ClosedByRelease(release) => {
                let ending = EndingDocument::Release {
                    number: release.fields.number,
                    last_amount: worth(release.fields.units),
                    released: release.fields.released,
                    to_vendor: worth(release.fields.released),
                    fields: Box::new(release.fields),
                    client_signature: release.client_signature,
                    vendor_signature: release.vendor_signature,
                    ts: release.ts,
                };
                (None, None, Some(ending))
            }
            Standing::ClosedByToken(claim) => {
                let ending = EndingDocument::Token {
                    units: claim.units,
                    to_vendor: worth(claim.units),
                    token: claim.token,
                    vendor_signature: claim.vendor_signature,
                    ts: claim.ts,
                };
                (None, None, Some(ending))
            }
            Standing::Refunded(ts) => (None, None, Some(EndingDocument::Refund { ts: *ts })),
            Standing::Frozen(freeze) => (Some(freeze.clone()), None, None),
            Standing::Claimed(freeze, claim) => (Some(freeze.clone()), Some(claim.clone()), None),
            Standing::Resolved(freeze, claim, resolve) => {
                let ending = EndingDocument::Resolve {
                    units: resolve.units,
                    to_vendor: worth(resolve.units),
                    bank_signature: resolve.bank_signature,
                    ts: resolve.ts,
                };
                (Some(freeze.clone()), claim.clone(), Some(ending))
            }
        };
        Self {
            channel_id: record.channel_id(),
            state: record.state(),
            opening: record.opening().clone(),
            bank_signature: *record.bank_signature(),
            max_drift: record.max_drift,
            ts: record.ts,
            freeze,
            claim,
            ending,
        }
    }
}

impl TryFrom<ChannelDocument> for ChannelRecord {
    type Error = BadRecord;

    fn try_from(document: ChannelDocument) -> Result<Self, BadRecord> {
        if document.opening.channel_id() != document.channel_id {
            return Err(BadRecord("channel_id"));
        }
        let ending = document.ending.map(|ending| ending.into_standing(&document.opening)).transpose()?;
        let standing = match (document.state, document.freeze, document.claim, ending) {
            (ChannelState::Open, None, None, None) => Standing::Open,
            (ChannelState::Cancelled, None, None, None) => Standing::Cancelled,
            (ChannelState::Closed, None, None, Some(Ended::Release(release))) => {
                Standing::ClosedByRelease(release)
            }
            (ChannelState::Closed, None, None, Some(Ended::Token(claim))) => Standing::ClosedByToken(claim),
            (ChannelState::Refunded, None, None, Some(Ended::Refund(ts))) => Standing::Refunded(ts),
            (ChannelState::Frozen, Some(freeze), None, None) => Standing::Frozen(freeze),
            (ChannelState::Claimed, Some(freeze), Some(claim), None) => Standing::Claimed(freeze, claim),
            (ChannelState::Resolved, Some(freeze), claim, Some(Ended::Resolve(resolve))) => {
                Standing::Resolved(freeze, claim, resolve)
            }
            _ => return Err(BadRecord("state")),
        };
        let signed = SignedOpening::from_parts(document.opening, document.bank_signature);
        let record = Self { signed, max_drift: document.max_drift, ts: document.ts, standing };
        record.change().map_err(|_| BadRecord("units"))?;
        Ok(record)
    }
}

/// An ending whose readable fields were found to be what the others say.
enum Ended {
    Release(Box<ReleaseEntry>),
    Token(ClaimEntry),
    Refund(Timestamp),
    Resolve(ResolveEntry),
}

impl EndingDocument {
    fn into_standing(self, opening: &Opening) -> Result<Ended, BadRecord> {
        let is_worth = |units: Units, amount: Amount| opening.worth(units) == Ok(amount);
        match self {
            Self::Release {
                number,
                last_amount,
                released,
                to_vendor,
                fields,
                client_signature,
                vendor_signature,
                ts,
            } => {
                let consistent = fields.channel == opening.channel_id()
                    && fields.number == number
                    && fields.released == released
                    && is_worth(fields.units, last_amount)
                    && is_worth(released, to_vendor);
                let entry = ReleaseEntry { fields: *fields, client_signature, vendor_signature, ts };
                if consistent { Ok(Ended::Release(Box::new(entry))) } else { Err(BadRecord("ending")) }
            }
            Self::Token { units, to_vendor, token, vendor_signature, ts } if is_worth(units, to_vendor) => {
                Ok(Ended::Token(ClaimEntry { units, token, vendor_signature, ts }))
            }
            Self::Resolve { units, to_vendor, bank_signature, ts } if is_worth(units, to_vendor) => {
                Ok(Ended::Resolve(ResolveEntry { units, bank_signature, ts }))
            }
            Self::Token { .. } | Self::Resolve { .. } => Err(BadRecord("ending")),
            Self::Refund { ts } => Ok(Ended::Refund(ts)),
        }
    }
}
