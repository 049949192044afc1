//! `Open` and `Cancel` [Spec §8].

use super::{Changed, Clocks, Outcome, Transition, surely_unopened};
use crate::hash::{ChannelId, LedgerId};
use crate::ledger::{BankRegistration, Cancel, ChannelRecord, ChannelState, Open, Standing};
use crate::opening::{Opening, SignedOpening};
use crate::refusal::Refusal;
use crate::time::MaxDrift;

/// Records an opening. `registration` is the bank's, `stored` the record under the opening's id, `client_key_owner` what the index
/// (client key, bank) holds.
///
/// # Errors
/// The [`Refusal`] of the first check that fails.
pub fn open(
    registration: Option<&BankRegistration>,
    stored: Option<ChannelRecord>,
    client_key_owner: Option<ChannelId>,
    command: &Open,
    ledger: &LedgerId,
    clocks: Clocks,
) -> Result<Changed, Refusal> {
    let opening = command.opening();
    let drift = load_bank(registration, opening)?;
    clocks.check(drift)?;
    if let Some(record) = stored {
        return same_again(record, ChannelState::Open);
    }
    if client_key_owner.is_some() {
        return Err(Refusal::ClientKeyUsed);
    }
    if clocks.transaction > opening.terms().open_by {
        return Err(Refusal::OpenByPassed);
    }
    if opening.terms().ledger != *ledger {
        return Err(Refusal::OtherLedger);
    }
    opening.check_rules(drift)?;
    command.signed_opening().check_signature()?;
    let record = new_record(command.signed_opening(), drift, clocks, Standing::Open);
    Ok(Outcome::Changed(Transition::created(record, true)?))
}

/// Records that an opening will never be opened, so that its reserve can be freed. Anyone may submit it.
///
/// # Errors
/// The [`Refusal`] of the first check that fails.
pub fn cancel(
    registration: Option<&BankRegistration>,
    stored: Option<ChannelRecord>,
    command: &Cancel,
    ledger: &LedgerId,
    clocks: Clocks,
) -> Result<Changed, Refusal> {
    let opening = command.opening();
    let drift = load_bank(registration, opening)?;
    clocks.check(drift)?;
    if let Some(record) = stored {
        return same_again(record, ChannelState::Cancelled);
    }
    if !surely_unopened(clocks.transaction, drift, opening.terms().open_by) {
        return Err(Refusal::OpenByNotPassed);
    }
    if opening.terms().ledger != *ledger {
        return Err(Refusal::OtherLedger);
    }
    command.signed_opening().check_signature()?;
    let record = new_record(command.signed_opening(), drift, clocks, Standing::Cancelled);
    Ok(Outcome::Changed(Transition::created(record, false)?))
}

fn load_bank(registration: Option<&BankRegistration>, opening: &Opening) -> Result<MaxDrift, Refusal> {
    let bank = registration.filter(|bank| *bank.bank_key() == opening.terms().bank_key);
    bank.map(BankRegistration::max_drift).ok_or(Refusal::UnknownBank)
}

/// A record is there: equal ids mean equal fields, so only the state counts.
fn same_again(record: ChannelRecord, state: ChannelState) -> Result<Changed, Refusal> {
    if record.reached(state) { Ok(Outcome::AlreadyDone(record)) } else { Err(Refusal::WrongState) }
}

fn new_record(signed: &SignedOpening, drift: MaxDrift, clocks: Clocks, standing: Standing) -> ChannelRecord {
    ChannelRecord::new(signed.clone(), drift, clocks.transaction, standing)
}
