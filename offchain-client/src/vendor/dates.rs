//! How a claim is dated.

use std::time::Duration;

use lockstep_protocol::rules::latest_claim;
use lockstep_protocol::time::Timestamp;

use super::Facts;
use crate::party::replay;
use crate::store::StoredChannel;

/// The latest dates of a claim's attempts. A claim on an open channel that is dated before expiry − D is taken until the endorsers'
/// clocks have reached the expiry [Spec §8]: a clock that is set forward while the channel closes, or a vendor that comes back late, loses
/// nothing before. On a frozen channel a claim must be dated by the clock from expiry on. So the two are tried in turn.
#[derive(Debug)]
pub(super) struct Dates {
    /// The latest date that an open channel takes; none if the record cannot be read back.
    last: Option<Timestamp>,
    drift: Duration,
    dates_back: bool,
}

impl Dates {
    pub(super) fn of(stored: &StoredChannel) -> Self {
        let facts = replay::decode_note::<Facts>(&stored.facts).ok();
        facts.map_or(Self { last: None, drift: Duration::ZERO, dates_back: false }, |Facts { record }| {
            let drift = record.max_drift();
            let last = latest_claim(drift, record.opening().terms().expiry);
            Self { last, drift: drift.as_duration(), dates_back: false }
        })
    }

    /// The latest date of the next attempt; none if the clock alone dates it.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.dates_back = !self.dates_back;
        // Further than 2 D from this clock a date is further than D from every clock that is within D of this one.
        self.last.filter(|last| self.dates_back && last.distance(now) <= self.drift.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_millis(millis).unwrap()
    }

    #[test]
    fn every_other_attempt_is_dated_back_while_an_endorser_may_bear_it_out() {
        let last = at(100_000);
        let mut dates = Dates { last: Some(last), drift: Duration::from_millis(500), dates_back: false };
        let mut next = |now| dates.next(at(now));
        assert_eq!([next(99_000), next(99_000), next(101_000)], [Some(last), None, Some(last)]);
        assert_eq!([next(101_001), next(101_001), next(90_000)], [None; 3]);
    }
}
