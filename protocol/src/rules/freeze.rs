//! `Freeze` and `Resolve` [Spec §8].

use super::{Changed, Clocks, Outcome, Transition, load, surely_expired};
use crate::ledger::{
    ChannelRecord, ClaimEntry, Freeze, FreezeEntry, FreezeReason, Resolve, ResolveEntry, Standing,
    freeze_digest, resolve_digest,
};
use crate::opening::Opening;
use crate::refusal::Refusal;
use crate::units::Units;

/// Withholds the total of an open channel, with the bank's word for it.
///
/// # Errors
/// The [`Refusal`] of the first check that fails.
pub fn freeze(stored: Option<ChannelRecord>, command: &Freeze, clocks: Clocks) -> Result<Changed, Refusal> {
    let record = load(stored, command.channel_id, clocks)?;
    let same = |freeze: &FreezeEntry| {
        u16::from(freeze.reason) == command.reason && freeze.evidence == command.evidence
    };
    if record.freeze().is_some_and(same) {
        return Ok(Outcome::AlreadyDone(record));
    }
    if !matches!(record.standing(), Standing::Open) {
        return Err(Refusal::WrongState);
    }
    let entry = FreezeEntry {
        reason: FreezeReason::try_from(command.reason)?,
        evidence: command.evidence,
        bank_signature: command.bank_signature,
        ts: clocks.transaction,
    };
    check_freeze(record.opening(), &entry)?;
    Transition::moved(record, Standing::Frozen(entry))
}

/// The signature of a freeze; the bank checks it again from the record [Spec §9].
pub(crate) fn check_freeze(opening: &Opening, entry: &FreezeEntry) -> Result<(), Refusal> {
    let digest = freeze_digest(&opening.channel_id(), entry.reason.into(), &entry.evidence);
    let bank = &opening.terms().bank_key;
    bank.verify(&digest, &entry.bank_signature).map_err(|_| Refusal::BadBankSignature)
}

/// Says what a frozen channel's vendor gets in all.
///
/// # Errors
/// The [`Refusal`] of the first check that fails.
pub fn resolve(stored: Option<ChannelRecord>, command: &Resolve, clocks: Clocks) -> Result<Changed, Refusal> {
    let record = load(stored, command.channel_id, clocks)?;
    let (freeze, claim) = match record.standing() {
        Standing::Resolved(_, _, resolve) if resolve.units == command.units => {
            return Ok(Outcome::AlreadyDone(record));
        }
        Standing::Frozen(freeze) => (freeze.clone(), None),
        Standing::Claimed(freeze, claim) => (freeze.clone(), Some(claim.clone())),
        _ => return Err(Refusal::WrongState),
    };
    // Until expiry a frozen channel waits for the vendor's claim.
    let expired = surely_expired(clocks.transaction, record.max_drift(), record.opening().terms().expiry);
    if claim.is_none() && !expired {
        return Err(Refusal::TooEarlyToResolve);
    }
    let entry =
        ResolveEntry { units: command.units, bank_signature: command.bank_signature, ts: clocks.transaction };
    check_resolve(record.opening(), claim.as_ref(), &entry)?;
    Transition::moved(record, Standing::Resolved(freeze, claim, entry))
}

/// Range and signature of a resolution; the bank checks them again from the record [Spec §9].
pub(crate) fn check_resolve(
    opening: &Opening,
    claim: Option<&ClaimEntry>,
    entry: &ResolveEntry,
) -> Result<(), Refusal> {
    if entry.units < claim.map_or(Units::ZERO, |claim| claim.units) {
        return Err(Refusal::UnitsBelowClaim);
    }
    if entry.units > opening.terms().token_count {
        return Err(Refusal::UnitsOutOfRange);
    }
    let digest = resolve_digest(&opening.channel_id(), entry.units);
    let bank = &opening.terms().bank_key;
    bank.verify(&digest, &entry.bank_signature).map_err(|_| Refusal::BadBankSignature)
}
