//! What a change on the ledger means in the bank's books, and the bank's own check of it [Spec §9].

use crate::amount::Amount;
use crate::hash::LedgerId;
use crate::key::PublicKey;
use crate::ledger::{ChannelChange, ChannelRecord, ChannelState, Standing};
use crate::refusal::Refusal;
use crate::rules::{
    check_claim, check_freeze, check_release, check_resolve, in_time_to_claim, surely_expired,
    surely_unopened,
};
use crate::time::{MaxDrift, Timestamp};

/// A place where a channel's money lies in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pot {
    /// Reserved on the client's account by the opening.
    ClientReserved,
    /// Withheld from the client's account by a freeze.
    ClientWithheld,
    /// The client's balance.
    ClientBalance,
    /// The vendor's balance.
    VendorBalance,
}

/// One movement: the amount leaves one pot and enters another. A movement has two postings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// Where it leaves.
    pub from: Pot,
    /// Where it enters.
    pub to: Pot,
    /// How much; never zero.
    pub amount: Amount,
}

/// Why a change is not posted: the bank stops posting for that channel and raises an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostingError {
    /// The record names another bank.
    #[error("the record is another bank's")]
    OtherBank,
    /// The record names another ledger.
    #[error("the record is another ledger's")]
    OtherLedger,
    /// The record's D is not the one that the bank registered.
    #[error("the record's drift is not the bank's")]
    Drift,
    /// What the record keeps does not bear out its state.
    #[error("what the record keeps does not bear out its state")]
    Refused(#[source] Refusal),
    /// The event's amounts are not what the record says, or the record never was in the event's state.
    #[error("the event is not what the record says")]
    Change,
    /// The resolved record's claim is not the one that was posted: the difference would be paid twice, or never.
    #[error("the record's claim is worth {} micro-units, and {} were posted", kept.as_micros(), posted.as_micros())]
    Claim {
        /// What the record's claim is worth.
        kept: Amount,
        /// What the books posted.
        posted: Amount,
    },
    /// A refund or a cancellation, which nobody signs, before its time by the bank's own clock.
    #[error("the change came before its time by the bank's clock")]
    TooEarly,
}

/// What a bank knows of itself when it checks a change.
#[derive(Debug, Clone, Copy)]
pub struct BankView<'a> {
    /// Its master key.
    pub bank_key: &'a PublicKey,
    /// The ledger that it reads.
    pub ledger: &'a LedgerId,
    /// The D that it registered.
    pub drift: MaxDrift,
    /// Its own clock.
    pub now: Timestamp,
}

/// A record that bears out its state by the bank's own check: [`recheck`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rechecked(ChannelRecord);

impl Rechecked {
    /// The record.
    #[must_use]
    pub fn into_record(self) -> ChannelRecord {
        self.0
    }

    /// The movements of a change that the record has gone through, by the table of [Spec §9]; the record may have moved on since.
    /// `posted_claim` is what the books posted to the vendor for this channel's `Claimed`, zero if nothing. Post the movements once
    /// for (channel, state), in the transaction that moves the checkpoint.
    ///
    /// # Errors
    /// [`PostingError::Change`], [`PostingError::Claim`].
    pub fn movements(
        &self,
        change: &ChannelChange,
        posted_claim: Amount,
    ) -> Result<Vec<Movement>, PostingError> {
        let record = &self.0;
        if record.change_to(change.state) != Ok(*change) {
            return Err(PostingError::Change);
        }
        if change.state == ChannelState::Resolved {
            // `to_vendor` is the vendor's total less the record's claim, so that claim must be the posted one.
            let claimed = record.change_to(ChannelState::Claimed);
            let kept = claimed.map_or(Amount::ZERO, |claimed| claimed.to_vendor);
            if kept != posted_claim {
                return Err(PostingError::Claim { kept, posted: posted_claim });
            }
        }
        let total = record.opening().terms().total;
        let pots = match change.state {
            ChannelState::Open => vec![],
            ChannelState::Cancelled | ChannelState::Refunded => {
                vec![(Pot::ClientReserved, Pot::ClientBalance, total)]
            }
            ChannelState::Closed => vec![
                (Pot::ClientReserved, Pot::VendorBalance, change.to_vendor),
                (Pot::ClientReserved, Pot::ClientBalance, change.to_client),
            ],
            ChannelState::Frozen => vec![(Pot::ClientReserved, Pot::ClientWithheld, total)],
            ChannelState::Claimed => vec![(Pot::ClientWithheld, Pot::VendorBalance, change.to_vendor)],
            ChannelState::Resolved => vec![
                (Pot::ClientWithheld, Pot::VendorBalance, change.to_vendor),
                (Pot::ClientWithheld, Pot::ClientBalance, change.to_client),
            ],
        };
        let moved = pots.into_iter().filter(|(_, _, amount)| *amount != Amount::ZERO);
        Ok(moved.map(|(from, to, amount)| Movement { from, to, amount }).collect())
    }
}

/// Checks everything that a record keeps, as the ledger did: two peers can endorse anything [Spec §9].
///
/// # Errors
/// [`PostingError`], all but [`PostingError::Change`] and [`PostingError::Claim`].
pub fn recheck(record: ChannelRecord, bank: BankView<'_>) -> Result<Rechecked, PostingError> {
    let terms = record.opening().terms();
    if terms.bank_key != *bank.bank_key {
        return Err(PostingError::OtherBank);
    }
    if terms.ledger != *bank.ledger {
        return Err(PostingError::OtherLedger);
    }
    if record.max_drift() != bank.drift {
        return Err(PostingError::Drift);
    }
    record.signed_opening().check_signature().map_err(PostingError::Refused)?;
    recheck_opening(&record, bank)?;
    recheck_standing(&record, bank)?;
    Ok(Rechecked(record))
}

fn recheck_opening(record: &ChannelRecord, bank: BankView<'_>) -> Result<(), PostingError> {
    let terms = record.opening().terms();
    if record.state() == ChannelState::Cancelled {
        // Nobody signs a cancellation: the bank goes by its own clock, > open-by − D.
        if bank.now.millis_after(bank.drift.as_duration()) <= terms.open_by.as_unix_millis() {
            return Err(PostingError::TooEarly);
        }
        let due = surely_unopened(record.ts(), bank.drift, terms.open_by);
        return if due { Ok(()) } else { Err(PostingError::Refused(Refusal::OpenByNotPassed)) };
    }
    record.opening().check_rules(bank.drift).map_err(PostingError::Refused)?;
    if record.ts() > terms.open_by {
        return Err(PostingError::Refused(Refusal::OpenByPassed));
    }
    Ok(())
}

fn recheck_standing(record: &ChannelRecord, bank: BankView<'_>) -> Result<(), PostingError> {
    let (opening, expiry) = (record.opening(), record.opening().terms().expiry);
    let in_time = |ts| {
        if in_time_to_claim(ts, bank.drift, expiry) { Ok(()) } else { Err(Refusal::TooLateToClaim) }
    };
    let result = match record.standing() {
        Standing::Open | Standing::Cancelled => Ok(()),
        Standing::ClosedByRelease(release) => {
            in_time(release.ts).and_then(|()| check_release(opening, release))
        }
        Standing::ClosedByToken(claim) => in_time(claim.ts).and_then(|()| check_claim(opening, claim)),
        Standing::Refunded(ts) => {
            // Nobody signs a refund: the bank goes by its own clock, ≥ expiry − D.
            if bank.now.millis_after(bank.drift.as_duration()) < expiry.as_unix_millis() {
                return Err(PostingError::TooEarly);
            }
            if surely_expired(*ts, bank.drift, expiry) { Ok(()) } else { Err(Refusal::TooEarlyToRefund) }
        }
        Standing::Frozen(freeze) => check_freeze(opening, freeze),
        Standing::Claimed(freeze, claim) => {
            check_freeze(opening, freeze).and_then(|()| check_claim(opening, claim))
        }
        Standing::Resolved(freeze, claim, resolve) => check_freeze(opening, freeze)
            .and_then(|()| claim.as_ref().map_or(Ok(()), |claim| check_claim(opening, claim)))
            .and_then(|()| check_resolve(opening, claim.as_ref(), resolve))
            .and_then(|()| {
                let due = claim.is_some() || surely_expired(resolve.ts, bank.drift, expiry);
                if due { Ok(()) } else { Err(Refusal::TooEarlyToResolve) }
            }),
    };
    result.map_err(PostingError::Refused)
}
