//! `RegisterBank` [Spec §8].

use super::{Clocks, Outcome};
use crate::hash::{LedgerId, ShortText};
use crate::ledger::{BankRegistration, RegisterBank};
use crate::refusal::Refusal;

/// Who submits, from its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitter {
    /// The organisation's MSP id.
    pub msp_id: ShortText,
    /// Whether the certificate carries the `admin` OU (NodeOUs).
    pub is_admin: bool,
}

/// Stores a bank's key with its D, for ever. `stored` is the registration under the command's key.
///
/// # Errors
/// The [`Refusal`] of the first check that fails.
pub fn register_bank(
    stored: Option<BankRegistration>,
    command: &RegisterBank,
    submitter: &Submitter,
    ledger: &LedgerId,
    clocks: Clocks,
) -> Result<Outcome<BankRegistration>, Refusal> {
    // The clock is checked against the command's own D, hence behind its range.
    let drift = command.max_drift()?;
    clocks.check(drift)?;
    if let Some(stored) = stored {
        // Same again: equal MSP, key and D; a registration is never changed.
        let same = stored.msp_id() == command.msp_id()
            && stored.bank_key() == command.bank_key()
            && stored.max_drift() == drift;
        return if same { Ok(Outcome::AlreadyDone(stored)) } else { Err(Refusal::BankRegisteredOtherwise) };
    }
    if !submitter.is_admin || submitter.msp_id != *command.msp_id() {
        return Err(Refusal::NotAdmin);
    }
    let digest = command.digest(ledger);
    let key = command.bank_key();
    key.verify(&digest, command.bank_signature()).map_err(|_| Refusal::BadBankSignature)?;
    Ok(Outcome::Changed(BankRegistration::new(command, drift, clocks.transaction)))
}
