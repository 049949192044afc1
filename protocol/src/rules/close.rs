//! `CloseByRelease` and `CloseByToken` [Spec §8].

use super::{Changed, Clocks, Outcome, Transition, in_time_to_claim, load};
use crate::amount::PAYMENT_LIMIT;
use crate::ledger::{
    ChannelRecord, ClaimEntry, CloseByRelease, CloseByToken, ReleaseEntry, Standing, claim_digest,
    close_digest,
};
use crate::lock::Lock;
use crate::opening::Opening;
use crate::payment::PaymentFields;
use crate::refusal::Refusal;
use crate::token_chain::earlier_token;
use crate::units::{PaymentNumber, Units};

/// Closes an open channel with the client's last signature: O(1), however many payments were made.
///
/// # Errors
/// The [`Refusal`] of the first check that fails.
pub fn close_by_release(
    stored: Option<ChannelRecord>,
    command: &CloseByRelease,
    clocks: Clocks,
) -> Result<Changed, Refusal> {
    let record = load(stored, command.channel_id, clocks)?;
    if record.release().is_some_and(|release| release.fields.tx() == command.fields.tx()) {
        return Ok(Outcome::AlreadyDone(record));
    }
    if !matches!(record.standing(), Standing::Open) {
        return Err(Refusal::WrongState);
    }
    if !in_time_to_claim(clocks.transaction, record.max_drift(), record.opening().terms().expiry) {
        return Err(Refusal::TooLateToClaim);
    }
    let entry = ReleaseEntry {
        fields: command.fields,
        client_signature: command.client_signature,
        vendor_signature: command.vendor_signature,
        ts: clocks.transaction,
    };
    check_release(record.opening(), &entry)?;
    Transition::moved(record, Standing::ClosedByRelease(Box::new(entry)))
}

/// Ranges and signatures of a close by release; the bank checks them again from the record [Spec §9].
pub(crate) fn check_release(opening: &Opening, entry: &ReleaseEntry) -> Result<(), Refusal> {
    check_last_payment(opening, &entry.fields)?;
    let tx = entry.fields.tx();
    let terms = opening.terms();
    let client = terms.client_key.verify(&tx.as_digest(), &entry.client_signature);
    client.map_err(|_| Refusal::BadClientSignature)?;
    let digest = close_digest(&opening.channel_id(), entry.fields.released, &tx);
    terms.vendor_key.verify(&digest, &entry.vendor_signature).map_err(|_| Refusal::BadVendorSignature)
}

fn check_last_payment(opening: &Opening, fields: &PaymentFields) -> Result<(), Refusal> {
    if fields.channel != opening.channel_id() {
        return Err(Refusal::OtherChannel);
    }
    if fields.released > opening.terms().token_count {
        return Err(Refusal::UnitsOutOfRange);
    }
    if fields.units == Units::ZERO || fields.units > fields.released {
        return Err(Refusal::PaymentUnitsOutOfRange);
    }
    // Every payment moves a unit at least, so n is at most c_n.
    let number = fields.number.as_index();
    if number == 0 || number > fields.released.as_count() {
        return Err(Refusal::PaymentNumberOutOfRange);
    }
    if !opening.worth(fields.units).is_ok_and(|amount| amount <= PAYMENT_LIMIT) {
        return Err(Refusal::PaymentLimitExceeded);
    }
    let chained_to_opening = fields.previous == opening.channel_id().as_tx()
        && fields.previous_lock == Lock::ZERO
        && fields.released == fields.units;
    if fields.number == PaymentNumber::FIRST && !chained_to_opening {
        return Err(Refusal::FirstPaymentUnchained);
    }
    Ok(())
}

/// Closes an open channel, or claims on a frozen one, with a token: O(c) hashes.
///
/// # Errors
/// The [`Refusal`] of the first check that fails.
pub fn close_by_token(
    stored: Option<ChannelRecord>,
    command: &CloseByToken,
    clocks: Clocks,
) -> Result<Changed, Refusal> {
    let record = load(stored, command.channel_id, clocks)?;
    if record.claim().is_some_and(|claim| claim.units == command.units) {
        return Ok(Outcome::AlreadyDone(record));
    }
    let frozen = match record.standing() {
        Standing::Open => None,
        Standing::Frozen(freeze) => Some(freeze.clone()),
        _ => return Err(Refusal::WrongState),
    };
    // Expiry binds a claim on an open channel only; a frozen one can be claimed until it is resolved.
    let in_time = in_time_to_claim(clocks.transaction, record.max_drift(), record.opening().terms().expiry);
    if frozen.is_none() && !in_time {
        return Err(Refusal::TooLateToClaim);
    }
    let claim = ClaimEntry {
        units: command.units,
        token: command.token,
        vendor_signature: command.vendor_signature,
        ts: clocks.transaction,
    };
    check_claim(record.opening(), &claim)?;
    let standing = match frozen {
        None => Standing::ClosedByToken(claim),
        Some(freeze) => Standing::Claimed(freeze, claim),
    };
    Transition::moved(record, standing)
}

/// Range, signature and token of a claim; the bank checks them again from the record [Spec §9].
pub(crate) fn check_claim(opening: &Opening, claim: &ClaimEntry) -> Result<(), Refusal> {
    let terms = opening.terms();
    // Before any hashing, which costs c hashes.
    if claim.units > terms.token_count {
        return Err(Refusal::UnitsOutOfRange);
    }
    let digest = claim_digest(&opening.channel_id(), claim.units, &claim.token);
    let vendor = terms.vendor_key.verify(&digest, &claim.vendor_signature);
    vendor.map_err(|_| Refusal::BadVendorSignature)?;
    let root = earlier_token(&terms.nonce, claim.units, &claim.token, claim.units);
    if root == Some(terms.token_root) { Ok(()) } else { Err(Refusal::WrongToken) }
}
