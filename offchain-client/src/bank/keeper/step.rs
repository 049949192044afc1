//! What is due for a channel: a pure function of books, ledger and time [Spec §9].

use std::time::Duration;

use lockstep_protocol::hash::EvidenceHash;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, FreezeReason};
use lockstep_protocol::opening::Opening;
use lockstep_protocol::time::{MaxDrift, Timestamp};
use lockstep_protocol::units::Units;

use crate::bank::books::Decisions;

/// What the bank does next for a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before this time; `None`: before something happens.
    Wait(Option<Timestamp>),
    /// The books are behind the ledger: post what they have missed.
    CatchUp,
    /// Submit `Cancel`: the opening has not come and can come no more.
    Cancel,
    /// Submit `Refund`: the channel is over, and nobody has claimed anything.
    Refund,
    /// Submit `Freeze`, as has been decided.
    Freeze(FreezeReason, EvidenceHash),
    /// Submit `Resolve` with the vendor's total, unless another one is fixed already.
    Resolve(Units),
}

/// A channel as books and ledger have it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Its opening.
    pub opening: &'a Opening,
    /// The state in the books; `None`: they have seen nothing of it on the ledger.
    pub booked: Option<&'a str>,
    /// The ledger's record.
    pub record: Option<&'a ChannelRecord>,
    /// What the bank has decided.
    pub decisions: Decisions,
}

/// What is due by `now`, the bank's own clock.
#[must_use]
pub fn next_step(view: View<'_>, drift: MaxDrift, now: Timestamp) -> Step {
    let terms = view.opening.terms();
    let Some(record) = view.record else {
        // Books that have seen it know more than this peer: it will catch up.
        return match view.booked {
            None => after(terms.open_by, drift, now, Step::Cancel),
            Some(_) => Step::Wait(Some(now)),
        };
    };
    if view.booked != Some(record.state().name()) {
        return Step::CatchUp;
    }
    match (record.state(), view.decisions.freeze) {
        (ChannelState::Open, Some((reason, evidence))) => Step::Freeze(reason, evidence),
        (ChannelState::Open, None) => after(terms.expiry, drift, now, Step::Refund),
        // The vendor can claim until the channel is resolved, so it has all its time.
        (ChannelState::Frozen, _) => after(terms.expiry, drift, now, Step::Resolve(total(view))),
        (ChannelState::Claimed, _) => Step::Resolve(total(view)),
        (
            ChannelState::Cancelled | ChannelState::Closed | ChannelState::Refunded | ChannelState::Resolved,
            _,
        ) => Step::Wait(None),
    }
}

/// The vendor's claim, or more where the operator decided so; without either it gets nothing.
fn total(view: View<'_>) -> Units {
    let claimed = view.record.and_then(ChannelRecord::claim).map_or(Units::ZERO, |claim| claim.units);
    view.decisions.decided.unwrap_or(Units::ZERO).max(claimed)
}

/// `step` from 2D after `limit` on: by then every honest clock is past it, and every endorser accepts it.
fn after(limit: Timestamp, drift: MaxDrift, now: Timestamp, step: Step) -> Step {
    match limit.checked_add(drift.as_duration().saturating_mul(2)) {
        Some(due) if due <= now => step,
        later => Step::Wait(later),
    }
}

/// How long to wait after `tries` failures in a row: two seconds and twice as long each time, up to a minute.
pub(super) fn backoff(tries: u32) -> Duration {
    Duration::from_secs(2_u64 << tries.min(5)).min(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_at_a_minute() {
        let waits: Vec<u64> = (0..7).map(|tries| backoff(tries).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(u32::MAX).as_secs(), 60);
    }
}
