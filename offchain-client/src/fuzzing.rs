//! What the fuzz targets call: decoders of outside bytes that only this crate uses. No part of the interface.

use std::path::Path;

use hlf_gateway::{ChaincodeEvent, EndorseError, EvaluateError};

use crate::ledger::fabric::{answer, events};
use crate::ledger::profile::{Profile, ProfileError};
use crate::ledger::{LedgerError, LedgerEvent};

/// A network profile from its text.
///
/// # Errors
/// [`ProfileError`].
pub fn profile(text: &str) -> Result<Profile, ProfileError> {
    Profile::parse(text, Path::new("/profile.toml"))
}

/// The contract's event.
///
/// # Errors
/// [`LedgerError::UnreadableEvent`].
pub fn event(event: ChaincodeEvent) -> Result<LedgerEvent, LedgerError> {
    events::decode(event)
}

/// What two stages' failures mean.
#[must_use]
pub fn ledger_errors(evaluate: &EvaluateError, endorse: &EndorseError) -> [LedgerError; 2] {
    // Its answer decides on a wait only; that it gives one is what is looked at.
    let _ = answer::is_lagging_peer(endorse, "ClientMSP");
    [answer::of_evaluate(evaluate, "ClientMSP"), answer::of_endorse(endorse, "ClientMSP")]
}
