//! `Refund` [Spec §8].

use super::{Changed, Clocks, Outcome, Transition, load, surely_expired};
use crate::ledger::{ChannelRecord, Refund, Standing};
use crate::refusal::Refusal;

/// Gives everything back to the client after expiry. Anyone may submit it.
///
/// # Errors
/// The [`Refusal`] of the first check that fails.
pub fn refund(stored: Option<ChannelRecord>, command: &Refund, clocks: Clocks) -> Result<Changed, Refusal> {
    let record = load(stored, command.channel_id, clocks)?;
    match record.standing() {
        Standing::Refunded(_) => return Ok(Outcome::AlreadyDone(record)),
        Standing::Open => {}
        _ => return Err(Refusal::WrongState),
    }
    if !surely_expired(clocks.transaction, record.max_drift(), record.opening().terms().expiry) {
        return Err(Refusal::TooEarlyToRefund);
    }
    Transition::moved(record, Standing::Refunded(clocks.transaction))
}
